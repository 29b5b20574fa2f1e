-- One script call: many Subjects, each on its own. Arguments and replies: README.md.

local function read_terms(packed)
  local terms = {decode(TERMS, packed)}
  if terms[BURST] < 0 then terms[BURST] = terms[RATE] end
  return terms
end

local function answer(state, entry, limits, now, status, granted, refused_by, held_only, retry_us)
  return encode(ANSWER, status, now, granted, refused_by, held_only, retry_us,
    entry[OWN_GENERATION],
    state[DAY_END], entry[CURRENT + SHARE_GRANTED], entry[CURRENT + SHARE_AT_ONCE],
    state[PREVIOUS_DAY_END], entry[EARLIER + SHARE_GRANTED], entry[EARLIER + SHARE_AT_ONCE],
    limits[RATE], limits[BURST], tokens_left(state, limits),
    wait_us(state, limits, limits[BURST] * TOKEN_U),
    limits[DAY_LIMIT], state[DAY + CHARGED], state[DAY + OPEN],
    state[MONTH_END], limits[MONTH_LIMIT], state[MONTH + CHARGED], state[MONTH + OPEN],
    limits[TOTAL_LIMIT], state[TOTAL + CHARGED], state[TOTAL + OPEN])
end

-- Decides one Subject. `decide` is false where only numbers are recorded; then no key is created.
local function serve(key, total_key, id, packed, plans, hold, time, decide)
  local plan, cost, generation, number, day_end, closed, given_back,
    previous_day_end, previous_closed, previous_given_back = decode(CALL, packed)
  local terms = plans[plan]
  local state, stored = load(key, total_key, id, terms[RELEASE], time)
  local now = math.max(time, state[LAST])
  local limits = limits_of(state, key, terms)
  local entry
  if stored then
    entry = {decode(ENTRY, stored)}
    if number <= entry[OWN_NUMBER] then
      return answer(state, align(state, entry), limits, now, NUMBER_STALE, 0, NONE, 0, 0)
    end
  end
  refill(state, limits, now)
  local status = roll(state, terms, now) and DECIDED or WINDOWS_UNFIT
  if not found and (status == WINDOWS_UNFIT or not decide) then
    return answer(state, new_entry(state), limits, now, status, 0, NONE, 0, 0)
  end
  if not stored then
    entry = new_entry(state)
    state[GENERATION] = state[GENERATION] + 1
    entry[OWN_GENERATION] = state[GENERATION]
  else
    entry = align(state, entry)
    if generation == entry[OWN_GENERATION] then
      settle(state, entry, day_end, closed, given_back)
      settle(state, entry, previous_day_end, previous_closed, previous_given_back)
    end
  end
  entry[OWN_NUMBER], entry[OWN_EXPIRES] = number, now + hold
  reclaim(state, key, id, terms[RELEASE], hold, now)
  local granted, refused_by, held_only, retry_us = 0, NONE, 0, 0
  if decide and cost > 0 and status == DECIDED then
    granted, refused_by, held_only, retry_us = decide(state, entry, terms, limits, cost, now)
  end
  save(state, entry, key, total_key, id, limits, hold, now)
  return answer(state, entry, limits, now, status, granted, refused_by, held_only, retry_us)
end

local function run(decide)
  local id, time = ARGV[1], clock_us()
  local hold, count = decode('<dd', ARGV[2])
  local plans, replies = {}, {}
  for i = 1, count do plans[i] = read_terms(ARGV[2 + i]) end
  for i = 1, #KEYS / 2 do
    local ok, reply = pcall(serve, KEYS[2 * i - 1], KEYS[2 * i], id, ARGV[2 + count + i],
      plans, hold, time, decide)
    replies[i] = ok and reply or failure(reply)
  end
  return replies
end
