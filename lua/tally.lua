-- Counts something in the whole fleet: how often within a time that begins with the first.
--
-- KEYS   1  NS:{.control}:tally:NAME
-- ARGV   1  how much is added   2  milliseconds until it starts again at 0
-- Reply  the count

local call = redis.call

local count = call('INCRBY', KEYS[1], ARGV[1])
if call('PTTL', KEYS[1]) < 0 then call('PEXPIRE', KEYS[1], ARGV[2]) end
return count
