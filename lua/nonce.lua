-- Whether a signature's nonce is new. It is used up by the question, whatever becomes of the request.
--
-- KEYS   n1     NS:{.nonce/SECRETID/release}:n:NAME
-- ARGV   1      milliseconds for which it is remembered
-- Reply  1: it is new, and remembered from now on; 0: it was used before.

if redis.call('SET', KEYS[1], '', 'NX', 'PX', ARGV[1]) then return 1 end
return 0
