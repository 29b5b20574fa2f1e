-- When days and months begin and end. A window once opened ends at its stored end, whatever is sent.

-- Adds to what a window has charged, open and given back.
local function add(window, charged, open, given_back)
  window.charged = window.charged + charged
  window.open = window.open + open
  window.given_back = window.given_back + given_back
  window.moved = true
end

-- The end of the sent window that contains now; nil when neither does.
local function end_at(now, start, stop, next_stop)
  if now < start or now >= next_stop then return nil end
  if now < stop then return stop end
  return next_stop
end

-- Ends the windows whose end has come and opens those that `terms` names. A new day's end is cut to
-- the end of the month in force, so month edges stay day edges and a new month is always a new day.
-- False: the windows sent do not contain now; nothing was opened or ended.
local function roll(subject, terms, now)
  if now < subject.day_end then return true end
  local day_end = end_at(now, terms.day_start, terms.day_end, terms.next_day_end)
  local month_end, new_month = subject.month_end, now >= subject.month_end
  if new_month then
    month_end = end_at(now, terms.month_start, terms.month_end, terms.next_month_end)
  end
  if not day_end or not month_end then return false end
  local previous, day = subject.previous, subject.day
  -- No settle can name the day before the previous one any more: what is open there stays charged.
  local forgotten = previous.open
  if forgotten > 0 then
    add(subject.total, forgotten, -forgotten, 0)
    if subject.previous_in_month == 1 then add(subject.month, forgotten, -forgotten, 0) end
  end
  previous.charged, previous.open = day.charged, day.open
  subject.previous_day_end = subject.day_end
  subject.previous_in_month = new_month and 0 or 1
  subject.day_end = math.min(day_end, month_end)
  clear(day)
  if new_month then
    subject.month_end, subject.month_rolled = month_end, true
    clear(subject.month)
  end
  return true
end
