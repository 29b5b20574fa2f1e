-- What Subjects have in use now. Changes nothing; a window that has ended reads 0.
--
-- KEYS   s1, t1, s2, t2, ...
-- ARGV   none
-- Reply  one bulk per Subject, 9 integers '<9q' (core.quota.Usage), or an error for that Subject.

--@include clock
--@include subject
--@include failure

local USAGE = '<i8 i8i8i8 i8i8i8 i8i8'

local function read_usage(key, total_key, time)
  local packed = call('HGET', key, 'a')
  if not packed then
    local total = call('GET', total_key)
    local charged, open = 0, 0
    if total then charged, open = decode(TOTAL, total) end
    return encode(USAGE, time, 0, 0, 0, 0, 0, 0, charged, open)
  end
  read_aggregate(subject, packed, key)
  local day, month, total = subject.day, subject.month, subject.total
  local now = math.max(time, subject.last)
  if now >= subject.day_end then
    subject.day_end = 0
    clear(day)
  end
  if now >= subject.month_end then
    subject.month_end = 0
    clear(month)
  end
  return encode(USAGE, now, subject.day_end, day.charged, day.open,
    subject.month_end, month.charged, month.open, total.charged, total.open)
end

local time, replies = clock_us(), {}
for i = 1, #KEYS, 2 do
  local ok, reply = pcall(read_usage, KEYS[i], KEYS[i + 1], time)
  replies[(i + 1) / 2] = ok and reply or failure(reply)
end
return replies
