-- Why less was granted than was asked for.

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
  if limits[RATE] > 0 and limits[BURST] > 0 and capacity(limits[BURST], state[LEASED]) < TOKEN_U then
    return BY_RATE, 1, HELD_RETRY_US
  end
  return BY_RATE, 0, wait_us(TOKEN_U - state[TOKENS], limits) + math.max(0, state[THAW] - now)
end
