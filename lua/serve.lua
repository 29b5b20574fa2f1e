-- One Subject's call, whatever may have happened to it: days that ended, Entries that are silent or were
-- lost, top-ups, plans that changed.

--@include subject
--@include past
--@rare keep
--@include save
--@include windows
--@include adjusted
--@include entry
--@include forgotten
--@rare heal
--@include decide
--@include failure

local function answer(state, entry, limits, now, status, granted, refused_by, held_only, retry_us)
  return encode(ANSWER, status, now, granted, refused_by, held_only, retry_us,
    entry[OWN_GENERATION],
    state[DAY_END], entry[CURRENT + SHARE_GRANTED], entry[CURRENT + SHARE_AT_ONCE],
    state[PREVIOUS_DAY_END], entry[EARLIER + SHARE_GRANTED], entry[EARLIER + SHARE_AT_ONCE],
    limits[RATE], limits[BURST], tokens_left(state[TOKENS], limits[RATE]),
    wait_us(capacity(limits[BURST], state[LEASED]) - state[TOKENS], limits),
    limits[DAY_LIMIT], state[DAY + CHARGED], state[DAY + OPEN],
    state[MONTH_END], limits[MONTH_LIMIT], state[MONTH + CHARGED], state[MONTH + OPEN],
    limits[TOTAL_LIMIT], state[TOTAL + CHARGED], state[TOTAL + OPEN],
    state[VERSION], entry[AHEAD])
end

-- Makes the caller's Entry: the one that was lost, or a new one.
local function enter(state, sent, lost)
  local entry = new_entry(state)
  state[ENTRIES] = state[ENTRIES] + 1
  if lost and sent[SENT_GENERATION] > 0 then
    entry[OWN_GENERATION] = sent[SENT_GENERATION]
    state[GENERATION] = math.max(state[GENERATION], sent[SENT_GENERATION])
  else
    state[GENERATION] = state[GENERATION] + 1
    entry[OWN_GENERATION] = state[GENERATION]
  end
  return entry
end

local function record(state, entry, terms, bounds, sent, now)
  if sent[SENT_GENERATION] == entry[OWN_GENERATION] then
    settle(state, entry, sent[SENT_DAY_END], sent[SENT_CLOSED], sent[SENT_GIVEN_BACK])
    settle(state, entry, sent[SENT_PREVIOUS_DAY_END], sent[SENT_PREVIOUS_CLOSED], sent[SENT_PREVIOUS_GIVEN_BACK])
    if sent[SENT_DAY_END] == state[DAY_END] then
      settle_lease(state, entry, bounds, sent[SENT_SPENT], sent[SENT_RETURNED], now)
    end
  end
  if outstanding(state, entry) > 0 then entry[LEASE_END] = now + terms[LEASE_TTL] end
end

-- Whether the caller has nothing here any more and says that it goes.
local function leaves(state, entry, sent)
  return sent[SENT_COST] == LEAVE and sent[SENT_GENERATION] == entry[OWN_GENERATION]
    and outstanding(state, entry) == 0
    and entry[CURRENT + SHARE_GRANTED] == entry[CURRENT + SHARE_AT_ONCE] + entry[CURRENT + SHARE_CLOSED]
    and entry[EARLIER + SHARE_GRANTED] == entry[EARLIER + SHARE_AT_ONCE] + entry[EARLIER + SHARE_CLOSED]
end

-- Decides one Subject. `deciding` is false where only numbers are recorded; then no key is created.
local function decide_any(key, total_key, id, packed, stored, plans, hold, time, deciding)
  if stored.err then error(stored, 0) end
  local sent = {decode(CALL, packed)}
  local terms = plans[sent[SENT_PLAN]]
  local state = load(key, total_key, stored[1], terms[RELEASE], time)
  local now = math.max(time, state[LAST])
  local limits = limits_of(state, key, terms)
  local bounds = bounds_of(state, total_key, limits, now)
  local entry = found and stored[2] and read_entry(stored[2])
  if entry and sent[SENT_NUMBER] <= entry[OWN_NUMBER] then
    return answer(state, align(state, entry), bounds, now, NUMBER_STALE, 0, NONE, 0, 0)
  end
  local memory, lost
  if knows_more(state, entry, sent[SENT_GENERATION], sent[SENT_HEARD], sent[SENT_VERSION]) then
    if not deciding or #packed == CALL_BYTES then
      return answer(state, entry and align(state, entry) or new_entry(state), bounds, now,
        STATE_LOST, 0, NONE, 0, 0)
    end
    memory = {decode(MEMORY, packed, CALL_BYTES + 1)}
    lost = is_lost(state, entry, sent[SENT_GENERATION], sent[SENT_VERSION], memory, hold, now)
  end
  fill(state, bounds, now)
  local runs = lost and sent[SENT_DAY_END] > now and memory[SEEN_MONTH_END] > now
  local fits = roll(state, terms, now, runs and sent[SENT_DAY_END], runs and memory[SEEN_MONTH_END])
  local status = fits and DECIDED or WINDOWS_UNFIT
  if (not found and not fits) or (not entry and not deciding) then
    return answer(state, new_entry(state), bounds, now, status, 0, NONE, 0, 0)
  end
  end_hour(state, now)
  if lost then adopt_previous(state, terms, sent[SENT_DAY_END], sent[SENT_PREVIOUS_DAY_END]) end
  if lost and entry and entry[OWN_GENERATION] < sent[SENT_GENERATION] then
    -- Before the loss this one had been ended and another made.
    fold(state, entry, terms[RELEASE])
    state[ENTRIES] = state[ENTRIES] - 1
    entry = nil
  end
  if entry then
    entry = align(state, entry)
  else
    entry = enter(state, sent, lost)
  end
  if lost then heal(state, key, total_key, entry, terms, bounds, sent, memory, hold, now) end
  record(state, entry, terms, bounds, sent, now)
  entry[OWN_NUMBER], entry[OWN_EXPIRES] = sent[SENT_NUMBER], now + hold
  reclaim(state, key, id, entry, terms, hold, now)
  local granted, refused_by, held_only, retry_us = 0, NONE, 0, 0
  if deciding and fits then
    granted, refused_by, held_only, retry_us =
      decide(state, entry, terms, bounds, sent[SENT_COST], sent[SENT_AHEAD], now)
  end
  if not deciding and leaves(state, entry, sent) then
    gone = gone or {}
    gone[#gone + 1] = id
    state[ENTRIES] = state[ENTRIES] - 1
    note_present(state)
    save(state, false, key, total_key, id, limits, hold, now)
    entry = new_entry(state)
  else
    save(state, entry, key, total_key, id, limits, hold, now)
  end
  return answer(state, entry, bounds, now, status, granted, refused_by, held_only, retry_us)
end

-- A broken Subject answers for itself.
local function serve(...)
  local ok, reply = pcall(decide_any, ...)
  return ok and reply or failure(reply)
end
