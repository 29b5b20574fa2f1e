-- Use of Subjects by day and hour. Changes nothing.
--
-- KEYS   s1, t1, s2, t2, ...
-- ARGV   none
-- Reply  per Subject an array: first 7 integers '<7q': now; the current day's end and use; the previous
--        day's; the current hour's end and use (ends 0: none); then name, value, ... of its history
--        (README.md). Or an error for that Subject.

--@include layout
--@include clock
--@include calls
--@include subject
--@include past
--@include failure

local PRESENT = '<i8i8i8i8i8i8i8'

local function read_history(key, total_key, time)
  local packed, reply = call('HGET', key, 'a'), call('HGETALL', history_key(total_key))
  local first = encode(PRESENT, time, 0, 0, 0, 0, 0, 0)
  if packed then
    local state = read_state(packed, key)
    first = encode(PRESENT, math.max(time, state[LAST]), state[DAY_END], state[DAY + CHARGED],
      state[PREVIOUS_DAY_END], state[PREVIOUS + CHARGED],
      state[HOUR_END], state[TOTAL + CHARGED] - state[HOUR_MARK])
  end
  table.insert(reply, 1, first)
  return reply
end

local time, replies = clock_us(), {}
for i = 1, #KEYS, 2 do
  local ok, reply = pcall(read_history, KEYS[i], KEYS[i + 1], time)
  replies[(i + 1) / 2] = ok and reply or failure(reply)
end
return replies
