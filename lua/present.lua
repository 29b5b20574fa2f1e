-- A Subject's counters as `core.quota.Usage`.
local function present(state, now)
  return encode(USAGE, now, state[DAY_END], state[DAY + CHARGED], state[DAY + OPEN],
    state[MONTH_END], state[MONTH + CHARGED], state[MONTH + OPEN],
    state[TOTAL + CHARGED], state[TOTAL + OPEN], state[LEASED])
end
