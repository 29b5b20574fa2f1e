-- A Subject's counters as `core.quota.Usage`; a window that has ended reads 0.
local function present(state, now)
  if now >= state[DAY_END] then
    state[DAY_END], state[DAY + CHARGED], state[DAY + OPEN], state[LEASED] = 0, 0, 0, 0
  end
  if now >= state[MONTH_END] then
    state[MONTH_END], state[MONTH + CHARGED], state[MONTH + OPEN] = 0, 0, 0
  end
  return encode(USAGE, now, state[DAY_END], state[DAY + CHARGED], state[DAY + OPEN],
    state[MONTH_END], state[MONTH + CHARGED], state[MONTH + OPEN],
    state[TOTAL + CHARGED], state[TOTAL + OPEN], state[LEASED])
end
