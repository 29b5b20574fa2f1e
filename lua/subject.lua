-- What a Subject's two keys hold, how they are read, and how they are written.
-- Field order, units and expiry: README.md. One table serves every Subject of a call in turn, since a
-- table made per Subject would cost more than the arithmetic.

local call, encode, decode = redis.call, struct.pack, struct.unpack

local AGGREGATE = '<dddd dddd dddd dddd dddd dddd dddd d'
local AGGREGATE_BYTES = 232
local LIMITS = '<dddddd'
local ENTRY = '<ddd ddddd ddddd'
local TOTAL = '<dddd'
local TOTAL_LIFE_US = 400 * 86400000000
local DAY_US = 86400000000

local subject = {
  found = false, version = 0, healing_until = 0, last = 0, tokens = 0, leased = 0,
  day_end = 0, month_end = 0, previous_day_end = 0, previous_in_month = 0,
  earliest = 0, generation = 0, plan_version = 0, base_version = 0, total_kept = 0,
  month_rolled = false, gone = false,
  day = {charged = 0, open = 0, granted = 0, given_back = 0},
  month = {charged = 0, open = 0, granted = 0, given_back = 0},
  total = {charged = 0, open = 0, granted = 0, given_back = 0, moved = false},
  previous = {charged = 0, open = 0, granted = 0, given_back = 0},
}

local entry = {
  generation = 0, number = 0, expires = 0,
  day_end = 0, granted = 0, at_once = 0, closed = 0, given_back = 0,
  previous_day_end = 0, previous_granted = 0, previous_at_once = 0, previous_closed = 0,
  previous_given_back = 0,
}

local function clear(window)
  window.charged, window.open, window.granted, window.given_back = 0, 0, 0, 0
end

local function clear_entry(entry)
  entry.generation, entry.number, entry.expires = 0, 0, 0
  entry.day_end, entry.granted, entry.at_once, entry.closed, entry.given_back = 0, 0, 0, 0, 0
  entry.previous_day_end, entry.previous_granted, entry.previous_at_once = 0, 0, 0
  entry.previous_closed, entry.previous_given_back = 0, 0
end

-- A Subject never seen, or whose hash expired or was lost. Generations go on from the time, so that
-- one handed out before the loss can never be taken for a new one.
local function begin(subject, total_key, release, now)
  subject.found, subject.version, subject.healing_until, subject.last = false, 0, 0, 0
  subject.tokens, subject.leased = -1, 0
  subject.day_end, subject.month_end, subject.previous_day_end = 0, 0, 0
  subject.previous_in_month, subject.earliest, subject.generation = 0, 0, now
  subject.plan_version, subject.base_version, subject.total_kept = 0, 0, 0
  clear(subject.day)
  clear(subject.month)
  clear(subject.total)
  clear(subject.previous)
  local packed = call('GET', total_key)
  if not packed then return end
  local charged, open, granted, given_back = decode(TOTAL, packed)
  local total = subject.total
  total.granted = granted
  if release then
    total.charged, total.given_back = charged, given_back + open
  else
    total.charged, total.given_back = charged + open, given_back
  end
end

local function read_aggregate(subject, packed, key)
  local day, month, total, previous = subject.day, subject.month, subject.total, subject.previous
  local format
  format, subject.version, subject.healing_until, subject.last,
  subject.tokens, subject.leased, subject.day_end, subject.month_end,
  subject.previous_day_end, subject.previous_in_month, subject.earliest, subject.generation,
  subject.plan_version, subject.base_version,
  day.charged, day.open, day.granted, day.given_back,
  month.charged, month.open, month.granted, month.given_back,
  total.charged, total.open, total.granted, total.given_back,
  previous.charged, previous.open, subject.total_kept = decode(AGGREGATE, packed)
  if format ~= 1 or #packed ~= AGGREGATE_BYTES then
    error('ERR quotad: unknown format of ' .. key, 0)
  end
end

-- Fills `subject` from its keys. Returns the caller's own Entry as stored, or false.
local function load(subject, key, total_key, id, release, now)
  local stored = call('HMGET', key, 'a', id)
  subject.month_rolled, subject.gone, subject.total.moved = false, false, false
  if not stored[1] then
    begin(subject, total_key, release, now)
    return false
  end
  subject.found = true
  read_aggregate(subject, stored[1], key)
  return stored[2]
end

-- The limits that decide: the caller's own, or the stored ones of a higher plan version.
local function limits_of(subject, key, terms)
  if terms.version >= subject.plan_version then return terms end
  local limits = {}
  limits.version, limits.rate, limits.burst, limits.day, limits.month, limits.total =
    decode(LIMITS, call('HGET', key, 'p'))
  return limits
end

local function save_total(subject, total_key, limits, now)
  local total, kept = subject.total, limits.total >= 0 and 1 or 0
  if subject.found and not total.moved and kept == subject.total_kept then return end
  local packed = encode(TOTAL, total.charged, total.open, total.granted, total.given_back)
  if kept == 1 then
    call('SET', total_key, packed)
  else
    call('SET', total_key, packed, 'PXAT',
      string.format('%.0f', math.floor((now + TOTAL_LIFE_US) / 1000)))
  end
end

-- Writes everything. The HSET comes first: it alone can be refused (memory, read-only), and then
-- nothing of this Subject was written.
local function save(subject, entry, key, total_key, id, limits, hold, now)
  local day, month, total, previous = subject.day, subject.month, subject.total, subject.previous
  local kept = limits.total >= 0 and 1 or 0
  local raised = limits.version > subject.plan_version
  if raised then subject.plan_version = limits.version end
  local packed = encode(AGGREGATE, 1, subject.version + 1, subject.healing_until, now,
    subject.tokens, subject.leased, subject.day_end, subject.month_end,
    subject.previous_day_end, subject.previous_in_month, subject.earliest, subject.generation,
    subject.plan_version, subject.base_version,
    day.charged, day.open, day.granted, day.given_back,
    month.charged, month.open, month.granted, month.given_back,
    total.charged, total.open, total.granted, total.given_back,
    previous.charged, previous.open, kept)
  local mine = encode(ENTRY, entry.generation, entry.number, entry.expires,
    entry.day_end, entry.granted, entry.at_once, entry.closed, entry.given_back,
    entry.previous_day_end, entry.previous_granted, entry.previous_at_once,
    entry.previous_closed, entry.previous_given_back)
  if raised then
    call('HSET', key, 'a', packed, id, mine, 'p', encode(LIMITS, limits.version, limits.rate,
      limits.burst, limits.day, limits.month, limits.total))
  else
    call('HSET', key, 'a', packed, id, mine)
  end
  local gone = subject.gone
  if gone then
    for i = 1, #gone, 1000 do call('HDEL', key, unpack(gone, i, math.min(i + 999, #gone))) end
  end
  if subject.month_rolled then
    call('PEXPIREAT', key,
      string.format('%.0f', math.floor((subject.month_end + hold + DAY_US) / 1000)))
  end
  save_total(subject, total_key, limits, now)
end
