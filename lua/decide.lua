-- All or nothing on rate, day, month and total together: grants the first g of `cost` requests.

local RATE, DAY, MONTH, TOTAL_LIMIT = 1, 2, 3, 4
local HELD_RETRY_US = 1000000

local function smaller_of(granted, limit, window)
  if limit < 0 then return granted end
  local left = limit - window.charged - window.open
  if left < 0 then left = 0 end
  if left < granted then return left end
  return granted
end

local function is_hard(limit, window)
  return limit >= 0 and window.charged >= limit
end

local function is_full(limit, window)
  return limit >= 0 and window.charged + window.open >= limit
end

-- Which limit refused, whether only Holds stand in the way, and when to ask again: the one that
-- comes back last; a quota that only Holds fill may come back at any moment.
local function refusal(subject, limits, now)
  if is_hard(limits.total, subject.total) then return TOTAL_LIMIT, 0, 0 end
  if is_hard(limits.month, subject.month) then return MONTH, 0, subject.month_end - now end
  if is_hard(limits.day, subject.day) then return DAY, 0, subject.day_end - now end
  if is_full(limits.total, subject.total) then return TOTAL_LIMIT, 1, HELD_RETRY_US end
  if is_full(limits.month, subject.month) then return MONTH, 1, HELD_RETRY_US end
  if is_full(limits.day, subject.day) then return DAY, 1, HELD_RETRY_US end
  return RATE, 0, wait_us(subject, limits, TOKEN)
end

local function take(window, granted, conditional)
  window.granted = window.granted + granted
  if conditional then
    window.open = window.open + granted
  else
    window.charged = window.charged + granted
  end
end

-- Returns granted, refused_by, held_only, retry_us.
local function decide(subject, entry, terms, limits, cost, now)
  local granted = cost
  local tokens = tokens_left(subject, limits)
  if tokens >= 0 and tokens < granted then granted = tokens end
  granted = smaller_of(granted, limits.day, subject.day)
  granted = smaller_of(granted, limits.month, subject.month)
  granted = smaller_of(granted, limits.total, subject.total)
  if granted > 0 then
    local conditional = terms.conditional
    if tokens >= 0 then subject.tokens = subject.tokens - granted * TOKEN end
    take(subject.day, granted, conditional)
    take(subject.month, granted, conditional)
    take(subject.total, granted, conditional)
    subject.total.moved = true
    entry.granted = entry.granted + granted
    if not conditional then entry.at_once = entry.at_once + granted end
  end
  if granted < cost then return granted, refusal(subject, limits, now) end
  return granted, 0, 0, 0
end
