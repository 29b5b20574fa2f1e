-- What a Sidecar knows and the server has forgotten: after a failover that lost writes, or when the hash
-- is gone. Each Sidecar restores its own Entry, and says what it last heard was in use altogether; the
-- larger of that and of all that was restored binds.

local function used(state, window)
  return state[window + CHARGED] + state[window + OPEN]
end

-- Healing binds for everyone until its end; it begins with an empty bucket, which fills only when leases
-- that nobody remembers have ended. So it does each time that a newer state is heard of.
local function begin_healing(state, key, terms, version, hold, now)
  local packed = now < state[HEALING] and call('HGET', key, 'h')
  if not packed or version > state[VERSION] then
    state[HEALING] = now + hold
    if state[TOKENS] > 0 then state[TOKENS] = 0 end
    state[THAW] = now + terms[LEASE_TTL]
  end
  if packed then
    healed = {decode(HEALED, packed)}
  else
    healed = {state[DAY_END], 0, used(state, DAY), state[MONTH_END], 0, used(state, MONTH),
      0, used(state, TOTAL)}
    if not found then
      -- The total's key outlived the hash: what Entries restore is in it already.
      healed[HEALED_TOTAL + REMEMBERED], healed[HEALED_TOTAL + RESTORED] = used(state, TOTAL), 0
    end
  end
  if healed[HEALED_DAY_END] ~= state[DAY_END] then
    healed[HEALED_DAY_END], healed[HEALED_DAY], healed[HEALED_DAY + RESTORED] = state[DAY_END], 0, 0
  end
  if healed[HEALED_MONTH_END] ~= state[MONTH_END] then
    healed[HEALED_MONTH_END], healed[HEALED_MONTH], healed[HEALED_MONTH + RESTORED] = state[MONTH_END], 0, 0
  end
end

local function restore_window(state, window, healed_at, granted, charged, open, given_back)
  state[window + GRANTED] = state[window + GRANTED] + granted
  add(state, window, charged, open, given_back)
  healed[healed_at + RESTORED] = healed[healed_at + RESTORED] + charged + open
end

-- Where the Entry keeps the units of a day, or nil.
local function share_of(state, day_end)
  if day_end == state[DAY_END] then return CURRENT end
  if day_end > 0 and day_end == state[PREVIOUS_DAY_END] then return EARLIER end
end

local function restore_share(state, entry, day_end, granted, at_once, closed, given_back)
  local share = share_of(state, day_end)
  if not share then return end
  local old_granted, old_at_once = entry[share + SHARE_GRANTED], entry[share + SHARE_AT_ONCE]
  local old_closed, old_given_back = entry[share + SHARE_CLOSED], entry[share + SHARE_GIVEN_BACK]
  granted = math.max(granted, old_granted)
  at_once = math.min(math.max(at_once, old_at_once), granted)
  closed = math.min(math.max(closed, old_closed), granted - at_once)
  given_back = math.min(math.max(given_back, old_given_back), at_once + closed)
  entry[share + SHARE_GRANTED], entry[share + SHARE_AT_ONCE] = granted, at_once
  entry[share + SHARE_CLOSED], entry[share + SHARE_GIVEN_BACK] = closed, given_back
  local open = granted - at_once - closed - (old_granted - old_at_once - old_closed)
  given_back = given_back - old_given_back
  granted = granted - old_granted
  local charged = granted - open - given_back
  restore_window(state, TOTAL, HEALED_TOTAL, granted, charged, open, given_back)
  if share == CURRENT then
    restore_window(state, DAY, HEALED_DAY, granted, charged, open, given_back)
  else
    state[PREVIOUS + CHARGED] = math.max(0, state[PREVIOUS + CHARGED] + charged)
    state[PREVIOUS + OPEN] = state[PREVIOUS + OPEN] + open
    if state[PREVIOUS_IN_MONTH] ~= 1 then return end
  end
  restore_window(state, MONTH, HEALED_MONTH, granted, charged, open, given_back)
end

local function restore_lease(state, entry, terms, bounds, day_end, ahead, spent, returned, now)
  if day_end ~= state[DAY_END] then return end
  local before = outstanding(state, entry)
  ahead = math.min(math.max(ahead, entry[AHEAD]), entry[CURRENT + SHARE_AT_ONCE])
  spent = math.min(math.max(spent, entry[SPENT]), ahead)
  returned = math.min(math.max(returned, entry[RETURNED]), ahead - spent)
  entry[AHEAD], entry[SPENT], entry[RETURNED] = ahead, spent, returned
  state[LEASED] = state[LEASED] + outstanding(state, entry) - before
  if state[TOKENS] > 0 then state[TOKENS] = math.min(state[TOKENS], capacity(bounds[BURST], state[LEASED])) end
  if outstanding(state, entry) == 0 then return end
  entry[LEASE_END] = now + terms[LEASE_TTL]
  if state[LEASES_END] == 0 then state[LEASES_END] = entry[LEASE_END] end
end

local function gap(at)
  return math.max(0, healed[at + REMEMBERED] - healed[at + RESTORED])
end

-- What was remembered and not restored is charged: those who knew may be gone.
local function fill_gap(state, window, at, before)
  local more = gap(at) - before
  state[window + GRANTED] = state[window + GRANTED] + more
  state[window + CHARGED] = state[window + CHARGED] + more
end

local function remember(at, units)
  if units > healed[at + REMEMBERED] then healed[at + REMEMBERED] = units end
end

-- `sent` is the Call: its day and previous day as {end, closed, given back}, spent, returned.
local function heal(state, key, total_key, entry, terms, bounds, sent, memory, hold, now)
  local charged = state[TOTAL + CHARGED]
  begin_healing(state, key, terms, sent[SENT_VERSION], hold, now)
  local day_gap, month_gap, total_gap = gap(HEALED_DAY), gap(HEALED_MONTH), gap(HEALED_TOTAL)
  if sent[SENT_GENERATION] == entry[OWN_GENERATION] then
    restore_share(state, entry, sent[SENT_DAY_END],
      memory[SEEN_GRANTED], memory[SEEN_AT_ONCE], sent[SENT_CLOSED], sent[SENT_GIVEN_BACK])
    restore_share(state, entry, sent[SENT_PREVIOUS_DAY_END],
      memory[SEEN_PREVIOUS_GRANTED], memory[SEEN_PREVIOUS_AT_ONCE],
      sent[SENT_PREVIOUS_CLOSED], sent[SENT_PREVIOUS_GIVEN_BACK])
    restore_lease(state, entry, terms, bounds, sent[SENT_DAY_END], memory[SEEN_AHEAD], sent[SENT_SPENT], sent[SENT_RETURNED], now)
  end
  local resets = read_adjusted(total_key)
  local seen = memory[SEEN]
  if sent[SENT_DAY_END] == state[DAY_END] and seen >= resets[RESET_AT + 1] then
    remember(HEALED_DAY, memory[SEEN_DAY_USED])
  end
  if memory[SEEN_MONTH_END] == state[MONTH_END] and seen >= resets[RESET_AT + 2] then
    remember(HEALED_MONTH, memory[SEEN_MONTH_USED])
  end
  if seen >= resets[RESET_AT + 3] then remember(HEALED_TOTAL, memory[SEEN_TOTAL_USED]) end
  fill_gap(state, DAY, HEALED_DAY, day_gap)
  fill_gap(state, MONTH, HEALED_MONTH, month_gap)
  fill_gap(state, TOTAL, HEALED_TOTAL, total_gap)
  -- In which hour it was used nobody knows.
  state[HOUR_MARK] = state[HOUR_MARK] + state[TOTAL + CHARGED] - charged
  state[VERSION] = math.max(state[VERSION], sent[SENT_VERSION])
  total_moved = true
end
