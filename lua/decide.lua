-- All or nothing on rate, day, month and total together: grants the first g of `cost` requests.

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
  local granted, tokens = wanted, tokens_left(state[TOKENS], limits[RATE])
  if tokens >= 0 and tokens < granted then granted = tokens end
  granted = fitting(granted, limits[DAY_LIMIT], state[DAY + CHARGED] + state[DAY + OPEN])
  granted = fitting(granted, limits[MONTH_LIMIT], state[MONTH + CHARGED] + state[MONTH + OPEN])
  return fitting(granted, limits[TOTAL_LIMIT], state[TOTAL + CHARGED] + state[TOTAL + OPEN])
end

-- Units granted ahead are charged at once, whatever the condition: a Sidecar that dies with them may
-- have spent them.
local function lease(state, entry, terms, limits, ahead, now)
  local least = most(state, limits, LARGEST)
  local units = ahead_of(least, state[ENTRIES], outstanding(state, entry), ahead)
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
