-- Decides requests of several Subjects, and records the settles that ride along.
--
-- KEYS   s1, t1, s2, t2, ...       a Subject's hash and its lifetime total
-- ARGV   1      sidecar id, 8 bytes
--        2      hold_us, P         packed '<dd'
--        3..    P Terms            packed '<14d'
--        then   one Call per Subject, packed '<10d'
-- Reply  one bulk per Subject, 27 integers '<27q' (core.quota.Answer), or an error for that Subject.
-- Order, units and meaning of every number: README.md.

-- Where every number stands. README.md says what each means.
-- An upper-case `local NAME = literal` is a constant: its value is put in the place of its name when
-- the script is assembled, since a name caught by a function costs time at every call.

-- The aggregate (field `a`): one array, packed whole.
-- Windows begin here, each with charged, open, granted, given back; the previous day has the first two.

-- An Entry (a field named by the Sidecar's id): one array, packed whole.
-- Shares begin here, that of the Subject's current day and that of its previous one.

-- Limits (field `p`), and Terms, which begin with them.


-- core.quota.AnswerStatus and core.quota.Limit.


-- The one place that asks Redis for the time: integer microseconds since the epoch.
-- Called once per script, so that all Subjects of a call are decided at one instant.
local function clock_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- What a Subject's two keys hold: how they are read and how they are written.

local call, encode, decode = redis.call, struct.pack, struct.unpack

-- What the present Subject's save has to do beyond the usual.
local found, month_rolled, total_moved, gone

-- A Subject never seen, or whose hash expired or was lost: only the lifetime total goes on. Generations
-- go on from the time, so that one handed out before the loss is never taken for a new one.
local function begin(total_key, release, now)
  local charged, open, granted, given_back = 0, 0, 0, 0
  local packed = call('GET', total_key)
  if packed then charged, open, granted, given_back = decode('<dddd', packed) end
  if release == 1 then
    given_back = given_back + open
  else
    charged = charged + open
  end
  return {
    1, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0, now, 0, 0, 0,
    0, 0, 0, 0,
    0, 0, 0, 0,
    charged, 0, granted, given_back,
    0, 0,
  }
end

local function read_state(packed, key)
  local state = {decode('<ddddddddddddddddddddddddddddd', packed)}
  if state[1] ~= 1 or #packed ~= 232 then
    error('ERR quotad: unknown format of ' .. key, 0)
  end
  return state
end

-- The Subject's state, and the caller's own Entry as stored or false.
local function load(key, total_key, id, release, now)
  local stored = call('HMGET', key, 'a', id)
  month_rolled, total_moved, gone = false, false, false
  if not stored[1] then
    found = false
    return begin(total_key, release, now), false
  end
  found = true
  return read_state(stored[1], key), stored[2]
end

-- The limits that decide: the caller's own, or the stored ones of a higher plan version.
local function limits_of(state, key, terms)
  if terms[1] >= state[13] then return terms end
  return {decode('<dddddd', call('HGET', key, 'p'))}
end

local function milliseconds(us)
  return string.format('%.0f', math.floor(us / 1000))
end

-- Writes everything. The HSET comes first: it alone can be refused (memory, read-only), and then
-- nothing of this Subject was written.
local function save(state, entry, key, total_key, id, limits, hold, now)
  local kept = limits[6] >= 0 and 1 or 0
  local writes_total = total_moved or kept ~= state[15] or not found
  state[2], state[4], state[15] = state[2] + 1, now, kept
  if limits[1] > state[13] then
    state[13] = limits[1]
    call('HSET', key, 'a', encode('<ddddddddddddddddddddddddddddd', unpack(state, 1, 29)),
      id, encode('<ddddddddddddd', unpack(entry, 1, 13)),
      'p', encode('<dddddd', unpack(limits, 1, 6)))
  else
    call('HSET', key, 'a', encode('<ddddddddddddddddddddddddddddd', unpack(state, 1, 29)),
      id, encode('<ddddddddddddd', unpack(entry, 1, 13)))
  end
  if gone then
    for i = 1, #gone, 1000 do call('HDEL', key, unpack(gone, i, math.min(i + 999, #gone))) end
  end
  if month_rolled then
    call('PEXPIREAT', key, milliseconds(state[8] + hold + 86400000000))
  end
  if not writes_total then return end
  local packed = encode('<dddd', unpack(state, 24, 24 + 3))
  if kept == 1 then
    call('SET', total_key, packed)
  else
    call('SET', total_key, packed, 'PXAT', milliseconds(now + 34560000000000))
  end
end

-- When days and months begin and end. A window once opened ends at its stored end, whatever is sent.

-- Adds to what a window has charged, open and given back.
local function add(state, window, charged, open, given_back)
  state[window + 0] = state[window + 0] + charged
  state[window + 1] = state[window + 1] + open
  state[window + 3] = state[window + 3] + given_back
end

local function clear(state, window)
  state[window + 0], state[window + 1] = 0, 0
  state[window + 2], state[window + 3] = 0, 0
end

-- Of the two windows sent (start, end, next end) the end of the one that contains now; nil: neither.
local function end_at(now, terms, windows)
  local stop, next_stop = terms[windows + 1], terms[windows + 2]
  if now < terms[windows] or now >= next_stop then return nil end
  if now < stop then return stop end
  return next_stop
end

-- No settle can name the day before the previous one any more: what is open there stays charged.
local function forget_previous(state)
  local open = state[28 + 1]
  if open == 0 then return end
  add(state, 24, open, -open, 0)
  if state[10] == 1 then add(state, 20, open, -open, 0) end
  total_moved = true
end

-- Ends the windows whose end has come and opens those that `terms` names. A new day's end is cut to
-- the end of the month in force, so month edges stay day edges and a new month is always a new day.
-- False: the windows sent do not contain now; nothing was opened or ended.
local function roll(state, terms, now)
  if now < state[7] then return true end
  local day_end = end_at(now, terms, 7)
  local month_end, new_month = state[8], now >= state[8]
  if new_month then month_end = end_at(now, terms, 10) end
  if not day_end or not month_end then return false end
  forget_previous(state)
  state[28 + 0], state[28 + 1] = state[16 + 0], state[16 + 1]
  state[9] = state[7]
  state[10] = new_month and 0 or 1
  state[7] = math.min(day_end, month_end)
  clear(state, 16)
  if new_month then
    state[8], month_rolled = month_end, true
    clear(state, 20)
  end
  return true
end

-- Entries: what one Sidecar was granted and what it says it did with it, per day, as absolute numbers.
-- Of a share: open = granted - at_once - closed, charged = at_once + closed - given_back.

-- Adds to every kept window that a unit of the current (else the previous) day belongs to.
local function add_to_day(state, is_current, charged, open, given_back)
  add(state, 24, charged, open, given_back)
  total_moved = true
  if is_current then
    add(state, 16, charged, open, given_back)
    add(state, 20, charged, open, given_back)
    return
  end
  state[28 + 0] = state[28 + 0] + charged
  state[28 + 1] = state[28 + 1] + open
  if state[10] == 1 then add(state, 20, charged, open, given_back) end
end

local function new_entry(state)
  return {0, 0, 0, state[7], 0, 0, 0, 0, state[9], 0, 0, 0, 0}
end

-- The Entry with its days named as the Subject's; a day that the Subject no longer keeps is dropped.
local function align(state, entry)
  if entry[4 + 0] == state[7] then return entry end
  local aligned = new_entry(state)
  aligned[1], aligned[2] = entry[1], entry[2]
  if entry[4 + 0] == state[9] then
    for i = 1, 4 do aligned[9 + i] = entry[4 + i] end
  end
  return aligned
end

-- Records the numbers sent for one day, if it is a kept one. Numbers only grow, and never above what
-- there is to close or to give back.
local function settle(state, entry, day_end, closed, given_back)
  if closed == 0 and given_back == 0 then return end
  local share
  if day_end == state[7] then
    share = 4
  elseif day_end == state[9] then
    share = 9
  else
    return
  end
  local at_once = entry[share + 2]
  local old_closed, old_given_back = entry[share + 3], entry[share + 4]
  local holds = entry[share + 1] - at_once
  if closed > holds then closed = holds end
  if closed < old_closed then closed = old_closed end
  if given_back > at_once + closed then given_back = at_once + closed end
  if given_back < old_given_back then given_back = old_given_back end
  local d_closed, d_given_back = closed - old_closed, given_back - old_given_back
  if d_closed == 0 and d_given_back == 0 then return end
  entry[share + 3], entry[share + 4] = closed, given_back
  add_to_day(state, share == 4, d_closed - d_given_back, -d_closed, d_given_back)
end

-- Charges (or gives back) what is open in one share of an Entry whose Sidecar fell silent.
local function fold_share(state, entry, share, release)
  local day_end = entry[share + 0]
  local is_current = day_end == state[7]
  if not is_current and day_end ~= state[9] then return end
  local open = entry[share + 1] - entry[share + 2]
    - entry[share + 3]
  if open == 0 then return end
  if release == 1 then
    add_to_day(state, is_current, 0, -open, open)
  else
    add_to_day(state, is_current, open, -open, 0)
  end
end

-- Ends the Entries of other Sidecars whose time has passed. All Entries are read only when the
-- earliest end has come, and then not again for a quarter of the hold time.
local function reclaim(state, key, id, release, hold, now)
  local earliest = now + hold
  if state[11] == 0 or now < state[11] then
    if state[11] == 0 or state[11] > earliest then state[11] = earliest end
    return
  end
  local fields, silent = call('HGETALL', key), {}
  for i = 1, #fields, 2 do
    local name = fields[i]
    if #name == 8 and name ~= id then
      local other = {decode('<ddddddddddddd', fields[i + 1])}
      if other[3] <= now then
        fold_share(state, other, 4, release)
        fold_share(state, other, 9, release)
        silent[#silent + 1] = name
      elseif other[3] < earliest then
        earliest = other[3]
      end
    end
  end
  if #silent > 0 then gone = silent end
  state[11] = math.max(earliest, now + math.floor(hold / 4))
end

-- The rate: a token bucket in whole micro-tokens, so that nothing is lost to rounding.

-- Brings the bucket to now. The product rate * elapsed is only formed when it stays below 2^53.
local function refill(state, limits, now)
  local rate, tokens = limits[2], state[5]
  if rate < 0 then
    state[5] = -1
    return
  end
  local full = limits[3] * 1000000
  if tokens < 0 or tokens > full then
    tokens = full
  elseif rate > 0 and tokens < full then
    local elapsed = now - state[4]
    if elapsed >= math.ceil((full - tokens) / rate) then
      tokens = full
    else
      tokens = tokens + rate * elapsed
    end
  end
  state[5] = tokens
end

-- Whole requests that the bucket lets through now; -1 is unlimited.
local function tokens_left(state, limits)
  local rate = limits[2]
  if rate <= 0 then return rate end
  return math.floor(state[5] / 1000000)
end

-- Until the bucket holds so many micro-tokens; 0 when it already does or never will.
local function wait_us(state, limits, tokens)
  local rate, missing = limits[2], tokens - state[5]
  if rate <= 0 or limits[3] == 0 or missing <= 0 then return 0 end
  return math.ceil(missing / rate)
end

-- All or nothing on rate, day, month and total together: grants the first g of `cost` requests.

local function smaller_of(granted, limit, state, window)
  if limit < 0 then return granted end
  local left = limit - state[window + 0] - state[window + 1]
  if left < 0 then left = 0 end
  if left < granted then return left end
  return granted
end

local function is_hard(limit, state, window)
  return limit >= 0 and state[window + 0] >= limit
end

local function is_full(limit, state, window)
  return limit >= 0 and state[window + 0] + state[window + 1] >= limit
end

-- Which limit refused, whether only Holds stand in the way, and when to ask again: the one that
-- comes back last; a quota that only Holds fill may come back at any moment.
local function refusal(state, limits, now)
  local day, month, total = limits[4], limits[5], limits[6]
  if is_hard(total, state, 24) then return 4, 0, 0 end
  if is_hard(month, state, 20) then return 3, 0, state[8] - now end
  if is_hard(day, state, 16) then return 2, 0, state[7] - now end
  if is_full(total, state, 24) then return 4, 1, 1000000 end
  if is_full(month, state, 20) then return 3, 1, 1000000 end
  if is_full(day, state, 16) then return 2, 1, 1000000 end
  return 1, 0, wait_us(state, limits, 1000000)
end

local function take(state, entry, granted, conditional)
  local into = conditional == 1 and 1 or 0
  for window = 16, 24, 20 - 16 do
    state[window + into] = state[window + into] + granted
    state[window + 2] = state[window + 2] + granted
  end
  total_moved = true
  entry[4 + 1] = entry[4 + 1] + granted
  if conditional ~= 1 then
    entry[4 + 2] = entry[4 + 2] + granted
  end
end

-- Returns granted, refused_by, held_only, retry_us.
local function decide(state, entry, terms, limits, cost, now)
  local granted, tokens = cost, tokens_left(state, limits)
  if tokens >= 0 and tokens < granted then granted = tokens end
  granted = smaller_of(granted, limits[4], state, 16)
  granted = smaller_of(granted, limits[5], state, 20)
  granted = smaller_of(granted, limits[6], state, 24)
  if granted > 0 then
    if tokens >= 0 then state[5] = state[5] - granted * 1000000 end
    take(state, entry, granted, terms[13])
  end
  if granted < cost then return granted, refusal(state, limits, now) end
  return granted, 0, 0, 0
end

-- A broken Subject answers for itself. Redis raises errors as tables since 7, before that as text, to
-- which it puts the script's line where it is the one that refuses (memory, read-only).
local function failure(reason)
  if type(reason) == 'table' then reason = reason.err end
  reason = string.gsub(reason, '^@user_script: %d+: %-', '')
  if not string.find(reason, '^%u+ ') then reason = 'ERR ' .. reason end
  return {err = reason}
end

-- One script call: many Subjects, each on its own. Arguments and replies: README.md.

local function read_terms(packed)
  local terms = {decode('<dddddddddddddd', packed)}
  if terms[3] < 0 then terms[3] = terms[2] end
  return terms
end

local function answer(state, entry, limits, now, status, granted, refused_by, held_only, retry_us)
  return encode('<i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8', status, now, granted, refused_by, held_only, retry_us,
    entry[1],
    state[7], entry[4 + 1], entry[4 + 2],
    state[9], entry[9 + 1], entry[9 + 2],
    limits[2], limits[3], tokens_left(state, limits),
    wait_us(state, limits, limits[3] * 1000000),
    limits[4], state[16 + 0], state[16 + 1],
    state[8], limits[5], state[20 + 0], state[20 + 1],
    limits[6], state[24 + 0], state[24 + 1])
end

-- Decides one Subject. `decide` is false where only numbers are recorded; then no key is created.
local function serve(key, total_key, id, packed, plans, hold, time, decide)
  local plan, cost, generation, number, day_end, closed, given_back,
    previous_day_end, previous_closed, previous_given_back = decode('<dddddddddd', packed)
  local terms = plans[plan]
  local state, stored = load(key, total_key, id, terms[14], time)
  local now = math.max(time, state[4])
  local limits = limits_of(state, key, terms)
  local entry
  if stored then
    entry = {decode('<ddddddddddddd', stored)}
    if number <= entry[2] then
      return answer(state, align(state, entry), limits, now, 2, 0, 0, 0, 0)
    end
  end
  refill(state, limits, now)
  local status = roll(state, terms, now) and 0 or 1
  if not found and (status == 1 or not decide) then
    return answer(state, new_entry(state), limits, now, status, 0, 0, 0, 0)
  end
  if not stored then
    entry = new_entry(state)
    state[12] = state[12] + 1
    entry[1] = state[12]
  else
    entry = align(state, entry)
    if generation == entry[1] then
      settle(state, entry, day_end, closed, given_back)
      settle(state, entry, previous_day_end, previous_closed, previous_given_back)
    end
  end
  entry[2], entry[3] = number, now + hold
  reclaim(state, key, id, terms[14], hold, now)
  local granted, refused_by, held_only, retry_us = 0, 0, 0, 0
  if decide and cost > 0 and status == 0 then
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


return run(decide)
