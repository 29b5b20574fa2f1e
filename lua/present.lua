-- A Subject's counters as `core.quota.Usage`; a window that has ended reads 0.

-- By how much top-ups raise the day's, month's and total quota now.
local function raised_by(state, total_key, now)
  local bounds = bounds_of(state, total_key, {0, 0, 0, 0, 0, 0}, now)
  return bounds[DAY_LIMIT], bounds[MONTH_LIMIT], bounds[TOTAL_LIMIT]
end

local function present(state, total_key, now)
  if now >= state[DAY_END] then
    state[DAY_END], state[DAY + CHARGED], state[DAY + OPEN], state[LEASED] = 0, 0, 0, 0
  end
  if now >= state[MONTH_END] then
    state[MONTH_END], state[MONTH + CHARGED], state[MONTH + OPEN] = 0, 0, 0
  end
  return encode(USAGE, now, state[DAY_END], state[DAY + CHARGED], state[DAY + OPEN],
    state[MONTH_END], state[MONTH + CHARGED], state[MONTH + OPEN],
    state[TOTAL + CHARGED], state[TOTAL + OPEN], state[LEASED], raised_by(state, total_key, now))
end
