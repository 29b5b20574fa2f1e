-- One script call: many Subjects, each on its own. Arguments and replies: README.md.

local keys, arguments, id, time = KEYS, ARGV, ARGV[1], clock_us()
local hold, count = decode('<dd', arguments[2])
local plans, replies = {}, {}
for i = 1, count do plans[i] = read_terms(arguments[2 + i]) end
for at = 1, #keys / 2 do
  local key, total_key, packed, reply = keys[2 * at - 1], keys[2 * at], arguments[2 + count + at], nil
  local stored = attempt('HMGET', key, 'a', id)
  repeat
--@include ordinary
  until true
  replies[at] = reply or serve(key, total_key, id, packed, stored, plans, hold, time, deciding)
end
return replies
