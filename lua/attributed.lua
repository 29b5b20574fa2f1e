-- Use per Secret of Subjects on some days. Changes nothing.
--
-- KEYS   s1, t1, s2, t2, ...
-- ARGV   1      a SecretId, or empty: all of them
--        then   per Subject the ends of the days asked for, doubles
-- Reply  per Subject an array with one item per day: SecretId, units, SecretId, units, ... as text (of one
--        SecretId: its units, or nil). Or an error for that Subject.

--@include layout
--@include shares
--@include failure

local function attributed(total_key, secret, packed)
  local days = {}
  for at = 1, #packed, 8 do
    local key = day_key(total_key, 'u', (decode('<d', packed, at)))
    if secret == '' then
      days[#days + 1] = call('HGETALL', key)
    else
      days[#days + 1] = call('HGET', key, secret)
    end
  end
  return days
end

local replies = {}
for i = 1, #KEYS / 2 do
  local ok, reply = pcall(attributed, KEYS[2 * i], ARGV[1], ARGV[1 + i])
  replies[i] = ok and reply or failure(reply)
end
return replies
