-- What a Subject's keys hold: how they are read and how they are written.

-- What the present Subject's save has to do beyond the usual.
local found, month_rolled, total_moved, gone, overdue, healed, noted

-- The total's key with its last letter changed: the same tag, so the same slot.
local function adjusted_key(total_key)
  return string.sub(total_key, 1, -2) .. 'x'
end

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
    2, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0, now, 0, now, 0,
    0, 0, 0, 0,
    0, 0, 0, 0,
    charged, 0, granted, given_back,
    0, 0,
    0, 0, 0, call('EXISTS', adjusted_key(total_key)), 0, charged,
  }
end

-- What an older sidecar wrote becomes the present format with the next write. It cannot read that.
local function upgrade(packed, key)
  local state = {decode(OLD_AGGREGATE, packed)}
  for i = OLD_STORED + 1, STORED do state[i] = 0 end
  state[FORMAT], state[HEALING], state[LEASED], state[BIRTH] = 2, 0, 0, 0
  state[HOUR_MARK] = state[TOTAL + CHARGED]
  state[ENTRIES] = call('HLEN', key) - 1 - call('HEXISTS', key, 'p')
  return state
end

local function read_state(packed, key)
  local format = decode('<d', packed)
  if format == 2 and #packed == AGGREGATE_BYTES then return {decode(AGGREGATE, packed)} end
  if format == 1 and #packed == OLD_BYTES then return upgrade(packed, key) end
  error('ERR quotad: unknown format of ' .. key, 0)
end

-- The Subject's state, of what its hash holds.
local function load(key, total_key, packed, release, now)
  month_rolled, total_moved, gone, overdue, healed, noted = false, false, false, false, false, false
  found = packed and true
  if not found then return begin(total_key, release, now) end
  return read_state(packed, key)
end

-- The limits of the plan that decides: the caller's own, or the stored ones of a higher plan version.
local function limits_of(state, key, terms)
  if terms[PLAN] >= state[PLAN_VERSION] then return terms end
  return {decode(LIMITS, call('HGET', key, 'p'))}
end

local function pack_entry(entry)
  if entry[AHEAD] == 0 then return encode(ENTRY, unpack(entry, 1, ENTRY_STORED)) end
  return encode(LEASED_ENTRY, unpack(entry, 1, LEASED_ENTRY_STORED))
end
