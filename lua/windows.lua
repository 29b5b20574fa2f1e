-- When days and months begin and end. A window once opened ends at its stored end, whatever is sent.

-- Adds to what a window has charged, open and given back.
local function add(state, window, charged, open, given_back)
  state[window + CHARGED] = state[window + CHARGED] + charged
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
  if open == 0 then return end
  add(state, TOTAL, open, -open, 0)
  if state[PREVIOUS_IN_MONTH] == 1 then add(state, MONTH, open, -open, 0) end
  total_moved = true
end

-- Ends the windows whose end has come and opens those that `terms` names. A new day's end is cut to
-- the end of the month in force, so month edges stay day edges and a new month is always a new day.
-- False: the windows sent do not contain now; nothing was opened or ended.
local function roll(state, terms, now)
  if now < state[DAY_END] then return true end
  local day_end = end_at(now, terms, DAY_WINDOWS)
  local month_end, new_month = state[MONTH_END], now >= state[MONTH_END]
  if new_month then month_end = end_at(now, terms, MONTH_WINDOWS) end
  if not day_end or not month_end then return false end
  forget_previous(state)
  state[PREVIOUS + CHARGED], state[PREVIOUS + OPEN] = state[DAY + CHARGED], state[DAY + OPEN]
  state[PREVIOUS_DAY_END] = state[DAY_END]
  state[PREVIOUS_IN_MONTH] = new_month and 0 or 1
  state[DAY_END] = math.min(day_end, month_end)
  clear(state, DAY)
  if new_month then
    state[MONTH_END], month_rolled = month_end, true
    clear(state, MONTH)
  end
  return true
end
