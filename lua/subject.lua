-- What a Subject's two keys hold: how they are read and how they are written.

local call, encode, decode = redis.call, struct.pack, struct.unpack

-- What the present Subject's save has to do beyond the usual.
local found, month_rolled, total_moved, gone

-- A Subject never seen, or whose hash expired or was lost: only the lifetime total goes on. Generations
-- go on from the time, so that one handed out before the loss is never taken for a new one.
local function begin(total_key, release, now)
  local charged, open, granted, given_back = 0, 0, 0, 0
  local packed = call('GET', total_key)
  if packed then charged, open, granted, given_back = decode(TOTAL_FORMAT, packed) end
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
  local state = {decode(AGGREGATE, packed)}
  if state[FORMAT] ~= 1 or #packed ~= AGGREGATE_BYTES then
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
  if terms[PLAN] >= state[PLAN_VERSION] then return terms end
  return {decode(LIMITS, call('HGET', key, 'p'))}
end

local function milliseconds(us)
  return string.format('%.0f', math.floor(us / 1000))
end

-- Writes everything. The HSET comes first: it alone can be refused (memory, read-only), and then
-- nothing of this Subject was written.
local function save(state, entry, key, total_key, id, limits, hold, now)
  local kept = limits[TOTAL_LIMIT] >= 0 and 1 or 0
  local writes_total = total_moved or kept ~= state[TOTAL_KEPT] or not found
  state[VERSION], state[LAST], state[TOTAL_KEPT] = state[VERSION] + 1, now, kept
  if limits[PLAN] > state[PLAN_VERSION] then
    state[PLAN_VERSION] = limits[PLAN]
    call('HSET', key, 'a', encode(AGGREGATE, unpack(state, 1, STORED)),
      id, encode(ENTRY, unpack(entry, 1, ENTRY_STORED)),
      'p', encode(LIMITS, unpack(limits, PLAN, TOTAL_LIMIT)))
  else
    call('HSET', key, 'a', encode(AGGREGATE, unpack(state, 1, STORED)),
      id, encode(ENTRY, unpack(entry, 1, ENTRY_STORED)))
  end
  if gone then
    for i = 1, #gone, 1000 do call('HDEL', key, unpack(gone, i, math.min(i + 999, #gone))) end
  end
  if month_rolled then
    call('PEXPIREAT', key, milliseconds(state[MONTH_END] + hold + DAY_US))
  end
  if not writes_total then return end
  local packed = encode(TOTAL_FORMAT, unpack(state, TOTAL, TOTAL + GIVEN_BACK))
  if kept == 1 then
    call('SET', total_key, packed)
  else
    call('SET', total_key, packed, 'PXAT', milliseconds(now + TOTAL_LIFE_US))
  end
end
