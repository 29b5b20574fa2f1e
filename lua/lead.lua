-- Who delivers webhooks: one process at a time, as long as it says so again before its time is over.
--
-- KEYS   1  NS:{.webhooks}:leader
-- ARGV   1  who asks   2  milliseconds for which it leads (0: it lets go)
-- Reply  1 it leads; 0 it does not

local call = redis.call

local holder = call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  call('DEL', KEYS[1])
  return 0
end
call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
