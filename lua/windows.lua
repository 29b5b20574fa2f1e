-- When days and months begin and end. A window once opened ends at its stored end, whatever is sent.

-- Adds to what a window has charged, open and given back. Units from before a reset may go back after
-- it: use is never below zero.
local function add(state, window, charged, open, given_back)
  local sum = state[window + CHARGED] + charged
  if sum < 0 then given_back, sum = given_back + sum, 0 end
  state[window + CHARGED] = sum
  state[window + OPEN] = state[window + OPEN] + open
  state[window + GIVEN_BACK] = state[window + GIVEN_BACK] + given_back
end

local function clear(state, window)
  state[window + CHARGED], state[window + OPEN] = 0, 0
  state[window + GRANTED], state[window + GIVEN_BACK] = 0, 0
end

-- Of the two windows sent (start, end, next end) the end of the one that contains now; nil: neither.
local function end_at(now, terms, windows)
  local stop, next_stop = terms[windows + 1], terms[windows + 2]
  if now < terms[windows] or now >= next_stop then return nil end
  if now < stop then return stop end
  return next_stop
end

-- No settle can name the day before the previous one any more: what is open there stays charged.
local function forget_previous(state)
  local open = state[PREVIOUS + OPEN]
  if state[PREVIOUS_DAY_END] > 0 then
    -- Also when nothing is left: more was told when it ended.
    note('d', state[PREVIOUS_DAY_END], state[PREVIOUS + CHARGED] + open)
  end
  if open == 0 then return end
  add(state, TOTAL, open, -open, 0)
  if state[PREVIOUS_IN_MONTH] == 1 then add(state, MONTH, open, -open, 0) end
  total_moved = true
end

-- Ends the windows whose end has come and opens those that `terms` names, or the running ones that a
-- Sidecar remembers of a Subject that was lost. A new day's end is cut to the end of the month in force,
-- so month edges stay day edges and a new month is always a new day. Leases end with their day.
-- False: the windows sent do not contain now; nothing was opened or ended.
local function roll(state, terms, now, seen_day_end, seen_month_end)
  if now < state[DAY_END] then return true end
  local day_end, month_end, new_month = seen_day_end, state[MONTH_END], now >= state[MONTH_END]
  if not day_end then day_end = end_at(now, terms, DAY_WINDOWS) end
  if new_month then month_end = seen_month_end or end_at(now, terms, MONTH_WINDOWS) end
  if not day_end or not month_end then return false end
  forget_previous(state)
  if state[DAY + CHARGED] + state[DAY + OPEN] > 0 then
    note('d', state[DAY_END], state[DAY + CHARGED] + state[DAY + OPEN])
  end
  state[PREVIOUS + CHARGED], state[PREVIOUS + OPEN] = state[DAY + CHARGED], state[DAY + OPEN]
  state[PREVIOUS_DAY_END] = state[DAY_END]
  state[PREVIOUS_IN_MONTH] = new_month and 0 or 1
  state[DAY_END] = math.min(day_end, month_end)
  state[LEASED], state[LEASES_END] = 0, 0
  clear(state, DAY)
  if new_month then
    state[MONTH_END], month_rolled = month_end, true
    clear(state, MONTH)
  end
  return true
end
