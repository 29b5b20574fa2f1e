-- What Subjects have in use now. Changes nothing; a window that has ended reads 0.
--
-- KEYS   s1, t1, s2, t2, ...
-- ARGV   none
-- Reply  one bulk per Subject, 13 integers '<13q' (core.quota.Usage), or an error for that Subject.

--@include layout
--@include clock
--@include calls
--@include subject
--@include adjusted
--@include present
--@include failure

local function read_usage(key, total_key, time)
  local packed = call('HGET', key, 'a')
  if not packed then
    local total = call('GET', total_key)
    local charged, open = 0, 0
    if total then charged, open = decode(TOTAL_FORMAT, total) end
    return encode(USAGE, time, 0, 0, 0, 0, 0, 0, charged, open, 0,
      raised_by({[ADJUSTED] = 1}, total_key, time))
  end
  local state = read_state(packed, key)
  return present(state, total_key, math.max(time, state[LAST]))
end

local time, replies = clock_us(), {}
for i = 1, #KEYS, 2 do
  local ok, reply = pcall(read_usage, KEYS[i], KEYS[i + 1], time)
  replies[(i + 1) / 2] = ok and reply or failure(reply)
end
return replies
