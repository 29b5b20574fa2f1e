-- All or nothing on rate, day, month and total together: grants the first g of `cost` requests.

local function smaller_of(granted, limit, state, window)
  if limit < 0 then return granted end
  local left = limit - state[window + CHARGED] - state[window + OPEN]
  if left < 0 then left = 0 end
  if left < granted then return left end
  return granted
end

local function is_hard(limit, state, window)
  return limit >= 0 and state[window + CHARGED] - state[LEASED] >= limit
end

local function is_full(limit, state, window)
  return limit >= 0 and state[window + CHARGED] + state[window + OPEN] >= limit
end

-- Which limit refused, whether only Holds and Leases stand in the way, and when to ask again: the one
-- that comes back last; what is only held or leased may come back at any moment.
local function refusal(state, limits, now)
  local day, month, total = limits[DAY_LIMIT], limits[MONTH_LIMIT], limits[TOTAL_LIMIT]
  if is_hard(total, state, TOTAL) then return BY_TOTAL, 0, 0 end
  if is_hard(month, state, MONTH) then return BY_MONTH, 0, state[MONTH_END] - now end
  if is_hard(day, state, DAY) then return BY_DAY, 0, state[DAY_END] - now end
  if is_full(total, state, TOTAL) then return BY_TOTAL, 1, HELD_RETRY_US end
  if is_full(month, state, MONTH) then return BY_MONTH, 1, HELD_RETRY_US end
  if is_full(day, state, DAY) then return BY_DAY, 1, HELD_RETRY_US end
  if limits[RATE] > 0 and limits[BURST] > 0 and capacity(state, limits) < TOKEN_U then
    return BY_RATE, 1, HELD_RETRY_US
  end
  return BY_RATE, 0, wait_us(state, limits, TOKEN_U) + math.max(0, state[THAW] - now)
end

local function take(state, entry, granted, conditional)
  local into = conditional == 1 and OPEN or CHARGED
  for window = DAY, TOTAL, MONTH - DAY do
    state[window + into] = state[window + into] + granted
    state[window + GRANTED] = state[window + GRANTED] + granted
  end
  total_moved = true
  entry[CURRENT + SHARE_GRANTED] = entry[CURRENT + SHARE_GRANTED] + granted
  if conditional ~= 1 then
    entry[CURRENT + SHARE_AT_ONCE] = entry[CURRENT + SHARE_AT_ONCE] + granted
  end
end

local function most(state, limits, wanted)
  local granted, tokens = wanted, tokens_left(state, limits)
  if tokens >= 0 and tokens < granted then granted = tokens end
  granted = smaller_of(granted, limits[DAY_LIMIT], state, DAY)
  granted = smaller_of(granted, limits[MONTH_LIMIT], state, MONTH)
  return smaller_of(granted, limits[TOTAL_LIMIT], state, TOTAL)
end

-- What one Sidecar may take ahead on top of what it has: all of them together at most half of what is
-- left, so the less is left, the less, and the last units are open to all.
local function ahead_of(state, entry, limits, ahead)
  local least = most(state, limits, LARGEST)
  if least == LARGEST then return ahead end
  return math.max(0, math.min(ahead, math.floor(least / (2 * state[ENTRIES])) - outstanding(state, entry)))
end

-- Units granted ahead are charged at once, whatever the condition: a Sidecar that dies with them may
-- have spent them.
local function lease(state, entry, terms, limits, ahead, now)
  local units = ahead_of(state, entry, limits, ahead)
  if units == 0 then return 0 end
  if state[TOKENS] >= 0 then state[TOKENS] = state[TOKENS] - units * TOKEN_U end
  take(state, entry, units, 0)
  entry[AHEAD] = entry[AHEAD] + units
  state[LEASED] = state[LEASED] + units
  entry[LEASE_END] = now + terms[LEASE_TTL]
  if state[LEASES_END] == 0 or entry[LEASE_END] < state[LEASES_END] then
    state[LEASES_END] = entry[LEASE_END]
  end
  return units
end

-- Returns granted (those ahead included), refused_by, held_only, retry_us.
local function decide(state, entry, terms, limits, cost, ahead, now)
  local granted = most(state, limits, cost)
  if granted > 0 then
    if state[TOKENS] >= 0 then state[TOKENS] = state[TOKENS] - granted * TOKEN_U end
    take(state, entry, granted, terms[CONDITIONAL])
  end
  if granted < cost then return granted, refusal(state, limits, now) end
  if ahead > 0 then granted = granted + lease(state, entry, terms, limits, ahead, now) end
  return granted, NONE, 0, 0
end
