-- Entries: what one Sidecar was granted and what it says it did with it, per day, as absolute numbers.
-- Of an Entry and day: open = granted - at_once - closed, charged = at_once + closed - given_back.

-- Adds to every kept window that a unit of the current (or the previous) day belongs to.
local function add_to_day(subject, is_current, charged, open, given_back)
  add(subject.total, charged, open, given_back)
  if is_current then
    add(subject.day, charged, open, given_back)
    add(subject.month, charged, open, given_back)
  else
    add(subject.previous, charged, open, given_back)
    if subject.previous_in_month == 1 then add(subject.month, charged, open, given_back) end
  end
end

local function read_entry(entry, packed)
  entry.generation, entry.number, entry.expires,
  entry.day_end, entry.granted, entry.at_once, entry.closed, entry.given_back,
  entry.previous_day_end, entry.previous_granted, entry.previous_at_once,
  entry.previous_closed, entry.previous_given_back = decode(ENTRY, packed)
end

-- Names the Entry's days as the Subject's; a day that the Subject no longer keeps is dropped.
local function align(entry, subject)
  if entry.day_end == subject.day_end then return end
  if entry.day_end == subject.previous_day_end then
    entry.previous_granted, entry.previous_at_once = entry.granted, entry.at_once
    entry.previous_closed, entry.previous_given_back = entry.closed, entry.given_back
  else
    entry.previous_granted, entry.previous_at_once = 0, 0
    entry.previous_closed, entry.previous_given_back = 0, 0
  end
  entry.day_end, entry.previous_day_end = subject.day_end, subject.previous_day_end
  entry.granted, entry.at_once, entry.closed, entry.given_back = 0, 0, 0, 0
end

-- The larger of what is stored and what was sent, and of that no more than there is to take.
local function raise(stored, sent, most)
  if sent > most then sent = most end
  if sent > stored then return sent end
  return stored
end

-- Records the numbers sent for one day, if it is a kept one.
local function settle(subject, entry, day_end, sent_closed, sent_given_back)
  if day_end == subject.day_end then
    local closed = raise(entry.closed, sent_closed, entry.granted - entry.at_once)
    local given_back = raise(entry.given_back, sent_given_back, entry.at_once + closed)
    local d_closed, d_given_back = closed - entry.closed, given_back - entry.given_back
    if d_closed == 0 and d_given_back == 0 then return end
    entry.closed, entry.given_back = closed, given_back
    add_to_day(subject, true, d_closed - d_given_back, -d_closed, d_given_back)
  elseif day_end == subject.previous_day_end then
    local closed = raise(entry.previous_closed, sent_closed,
      entry.previous_granted - entry.previous_at_once)
    local given_back = raise(entry.previous_given_back, sent_given_back,
      entry.previous_at_once + closed)
    local d_closed = closed - entry.previous_closed
    local d_given_back = given_back - entry.previous_given_back
    if d_closed == 0 and d_given_back == 0 then return end
    entry.previous_closed, entry.previous_given_back = closed, given_back
    add_to_day(subject, false, d_closed - d_given_back, -d_closed, d_given_back)
  end
end

-- Charges (or gives back) what is open in an Entry whose Sidecar fell silent.
local function fold(subject, is_current, open, release)
  if open <= 0 then return end
  if release then
    add_to_day(subject, is_current, 0, -open, open)
  else
    add_to_day(subject, is_current, open, -open, 0)
  end
end

local function fold_entry(subject, packed, release)
  local _, _, _, day_end, granted, at_once, closed, _,
    previous_day_end, previous_granted, previous_at_once, previous_closed = decode(ENTRY, packed)
  local open, previous_open = granted - at_once - closed,
    previous_granted - previous_at_once - previous_closed
  if day_end == subject.day_end then
    fold(subject, true, open, release)
    if previous_day_end == subject.previous_day_end then
      fold(subject, false, previous_open, release)
    end
  elseif day_end == subject.previous_day_end then
    fold(subject, false, open, release)
  end
end

-- Ends the Entries of other Sidecars whose time has passed. All Entries are read only when the
-- earliest end has come, and then not again for a quarter of the hold time.
local function reclaim(subject, key, id, release, hold, now)
  local earliest = now + hold
  if subject.earliest == 0 or now < subject.earliest then
    if subject.earliest == 0 or subject.earliest > earliest then subject.earliest = earliest end
    return
  end
  local fields, gone = call('HGETALL', key), {}
  for i = 1, #fields, 2 do
    local name, packed = fields[i], fields[i + 1]
    if #name == 8 and name ~= id then
      local _, _, expires = decode('<ddd', packed)
      if expires <= now then
        fold_entry(subject, packed, release)
        gone[#gone + 1] = name
      elseif expires < earliest then
        earliest = expires
      end
    end
  end
  if #gone > 0 then subject.gone = gone end
  subject.earliest = math.max(earliest, now + math.floor(hold / 4))
end
