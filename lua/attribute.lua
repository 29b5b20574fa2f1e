-- Use per Secret of Subjects that several Secrets share: adds what one Sidecar counted of one day. Each
-- portion has a number that grows with the Sidecar's portions of the Subject and day, so that one sent
-- again, or late, adds nothing.
--
-- KEYS   s1, t1, s2, t2, ...
-- ARGV   1      the Sidecar's id, 8 bytes
--        then   one Portion per Subject: day end, number packed '<dd'; then per Secret units packed '<d',
--               the length of its SecretId in one byte, and the SecretId
-- Reply  per Subject 1 (added) or 0 (known already), or an error for that Subject.

--@include layout
--@include clock
--@include shares
--@include failure

local function attribute(total_key, id, packed, now)
  local stop, number, at = decode('<dd', packed)
  local marks, key = day_key(total_key, 'v', stop), day_key(total_key, 'u', stop)
  local known = call('HGET', marks, id)
  if known and tonumber(known) >= number then return 0 end
  -- Written first: when the server has no room, this is refused, and nothing was counted.
  call('HSET', marks, id, whole(number))
  call('PEXPIREAT', marks, whole(math.floor((math.max(now, stop) + MARK_LIFE_US) / 1000)))
  local names, sums = {}, {}
  while at <= #packed do
    local count = #names + 1
    sums[count], names[count], at = decode('<dBc0', packed, at)
  end
  local items = {}
  for i, units in ipairs(call('HMGET', key, unpack(names))) do
    items[2 * i - 1], items[2 * i] = names[i], whole((tonumber(units) or 0) + sums[i])
  end
  call('HSET', key, unpack(items))
  call('PEXPIREAT', key, whole(math.floor((stop + TOTAL_LIFE_US) / 1000)))
  return 1
end

local time, replies = clock_us(), {}
for i = 1, #KEYS / 2 do
  local ok, reply = pcall(attribute, KEYS[2 * i], ARGV[1], ARGV[1 + i], time)
  replies[i] = ok and reply or failure(reply)
end
return replies
