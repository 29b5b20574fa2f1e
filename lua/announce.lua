-- Marks what a Subject's use has crossed and puts an event for it among those that are to be delivered, both or
-- neither. Twice is once: the marks are then no longer what they were.
--
-- KEYS   1  NS:{.webhooks}:leader
--        2  the hash of marks of this window
--        then per event the four of its webhook (README.md): events, due, open, log
-- ARGV   1  who asks; '': whoever it is may (an event that nobody detects)
--        2  field of the marks ('': none)   3  what it holds ('': nothing)   4  what it is to hold
--        5  milliseconds since the epoch at which the marks expire
--        6  milliseconds for which the other keys are kept from now on
--        then per event: id, the event, when it came to be, when it is due (both microseconds)
-- Reply  1 done   0 somebody else leads: nothing is done   2 the marks are other ones: nothing is done

local call = redis.call

if ARGV[1] ~= '' and call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] ~= '' then
  if (call('HGET', KEYS[2], ARGV[2]) or '') ~= ARGV[3] then return 2 end
  -- The first command that needs memory: refused, nothing has been written.
  call('HSET', KEYS[2], ARGV[2], ARGV[4])
  call('PEXPIREAT', KEYS[2], ARGV[5])
end
local key = 3
for at = 7, #ARGV, 4 do
  if call('HSETNX', KEYS[key], ARGV[at], ARGV[at + 1]) == 1 then
    call('ZADD', KEYS[key + 1], ARGV[at + 3], ARGV[at])
    call('ZADD', KEYS[key + 2], ARGV[at + 2], ARGV[at])
    call('ZADD', KEYS[key + 3], ARGV[at + 2], ARGV[at])
  end
  for each = key, key + 3 do call('PEXPIRE', KEYS[each], ARGV[6]) end
  key = key + 4
end
return 1
