-- What Subjects have in use now. Changes nothing; a window that has ended reads 0.
--
-- KEYS   s1, t1, s2, t2, ...
-- ARGV   none
-- Reply  one bulk per Subject, 9 integers '<9q' (core.quota.Usage), or an error for that Subject.

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

-- A broken Subject answers for itself. Redis raises errors as tables since 7, before that as text, to
-- which it puts the script's line where it is the one that refuses (memory, read-only).
local function failure(reason)
  if type(reason) == 'table' then reason = reason.err end
  reason = string.gsub(reason, '^@user_script: %d+: %-', '')
  if not string.find(reason, '^%u+ ') then reason = 'ERR ' .. reason end
  return {err = reason}
end


local function read_usage(key, total_key, time)
  local packed = call('HGET', key, 'a')
  if not packed then
    local total = call('GET', total_key)
    local charged, open = 0, 0
    if total then charged, open = decode('<dddd', total) end
    return encode('<i8i8i8i8i8i8i8i8i8', time, 0, 0, 0, 0, 0, 0, charged, open)
  end
  local state = read_state(packed, key)
  local now = math.max(time, state[4])
  if now >= state[7] then
    state[7], state[16 + 0], state[16 + 1] = 0, 0, 0
  end
  if now >= state[8] then
    state[8], state[20 + 0], state[20 + 1] = 0, 0, 0
  end
  return encode('<i8i8i8i8i8i8i8i8i8', now, state[7], state[16 + 0], state[16 + 1],
    state[8], state[20 + 0], state[20 + 1],
    state[24 + 0], state[24 + 1])
end

local time, replies = clock_us(), {}
for i = 1, #KEYS, 2 do
  local ok, reply = pcall(read_usage, KEYS[i], KEYS[i + 1], time)
  replies[(i + 1) / 2] = ok and reply or failure(reply)
end
return replies
