-- What became of an event after an attempt to deliver it, or that it is to be delivered once more.
--
-- KEYS   1  NS:{.webhooks}:leader
--        2  events   3  due   4  open   5  log: those of its webhook
-- ARGV   1  who asks; '': whoever it is may
--        2  id   3  the event as it was read   4  as it is to be
--        5  when it came to be   6  when it is due next (microseconds; '': it is over)
--        7  how many events are kept, those that are not over beside   8  milliseconds for which keys are kept
-- Reply  1 done   0 somebody else leads: nothing is done   2 the event is another one: nothing is done

local TRIMMED = 20

local call = redis.call

if ARGV[1] ~= '' and call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if call('HGET', KEYS[2], ARGV[2]) ~= ARGV[3] then return 2 end
call('HSET', KEYS[2], ARGV[2], ARGV[4])
if ARGV[6] ~= '' then
  call('ZADD', KEYS[3], ARGV[6], ARGV[2])
  call('ZADD', KEYS[4], ARGV[5], ARGV[2])
else
  call('ZREM', KEYS[3], ARGV[2])
  call('ZREM', KEYS[4], ARGV[2])
end
local over = call('ZCARD', KEYS[5]) - ARGV[7]
if over > 0 then
  for _, id in ipairs(call('ZRANGE', KEYS[5], 0, math.min(over, TRIMMED) - 1)) do
    if not call('ZSCORE', KEYS[4], id) then
      call('HDEL', KEYS[2], id)
      call('ZREM', KEYS[5], id)
    end
  end
end
for each = 2, 5 do call('PEXPIRE', KEYS[each], ARGV[8]) end
return 1
