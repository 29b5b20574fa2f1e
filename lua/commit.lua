-- One change of the control records, whole or not at all: made only while they stand as they did when it
-- was computed. The same change sent again is found by its uid and made once.
--
-- KEYS   1   NS:{.control}:meta (the other keys are made of it: README.md)
--        2   NS:{.control}:scratch, which is never there: a Cluster whose slot is moving has it on neither node,
--            so it lets the call wait (TRYAGAIN) instead of making keys on one node that are still on the other
-- ARGV   1   uid of the change
--        2   version and
--        3   uid of what it was computed from (0 and '': there were no records)
--        4   bytes of payload that the log keeps
--        5   its audit record, JSON ('': none)
--        6   how many audit records are kept, about
--        7   digest of the request that is answered once ('': none)
--        8   that answer, JSON
--        9   milliseconds for which it is kept
--        10  how many writes W
--        then W times: kind, id, record as JSON ('': it is deleted)
--        then per change of a plan's members: plan id, SecretId, 1 (it is added) or 0 (it is taken away)
-- Reply  {1, version}  the change is made, by this call or an earlier one
--        {0}           not made, and never will be: another one came first, or the request has its answer
--        {2}           not made by this call, and the log no longer tells whether by an earlier one
--        {3}           nothing is done: the records are of another format

--@include clock

local ENTRY_PREV = 2
local ENTRY_UID = 4
local ENTRY_WRITES = 6
local WRITES_AT = 11

local call = redis.call
local meta = KEYS[1]
local prefix = string.sub(meta, 1, -5)
local log, audit, once = prefix .. 'log', prefix .. 'audit', prefix .. 'once:' .. ARGV[7]

local function whole(number) return string.format('%.0f', number) end

-- The version that the id of a log entry begins with.
local function entry_version(entry) return tonumber(string.match(entry[1], '^%d+')) end

-- A command that this user may not run, and memory that is used up, must show before anything is changed.
-- The first is one that needs memory: once a script has written, no server refuses it memory. A key per type,
-- since one that was left behind must not be in the way when the right is there.
local function check_rights()
  local hash = KEYS[2]
  local set, text = hash .. ':set', hash .. ':text'
  call('HSET', hash, 'x', '1')
  call('HDEL', hash, 'x')
  call('SADD', set, 'x')
  call('SREM', set, 'x')
  call('SET', text, 'x')
  call('UNLINK', hash, set, text)
  call('XTRIM', log, 'MINID', '0')
end

-- The oldest entries go until the payload fits; the newest one stays whatever its size.
local function trim(bytes, newest)
  while bytes > tonumber(ARGV[4]) do
    local oldest = call('XRANGE', log, '-', '+', 'COUNT', 2)
    if #oldest < 2 then return newest end
    bytes = bytes - #oldest[1][2][ENTRY_WRITES]
    call('XTRIM', log, 'MINID', oldest[2][1])
  end
  return bytes
end

local known = call('HMGET', meta, 'format', 'version', 'uid', 'bytes')
if known[1] and known[1] ~= '1' then return {3} end
local version, uid = tonumber(known[2] or 0), known[3] or ''

local after = call('XRANGE', log, whole(ARGV[2] + 1) .. '-0', '+', 'COUNT', 1)[1]
if after and after[2][ENTRY_UID] == ARGV[1] then
  -- Who waits for replicas waits for what this connection wrote: without a write, for nothing.
  call('HSET', meta, 'format', '1')
  return {1, entry_version(after)}
end
if version ~= tonumber(ARGV[2]) or uid ~= ARGV[3] then
  return {after and after[2][ENTRY_PREV] == ARGV[3] and 0 or 2}
end
if ARGV[7] ~= '' and call('EXISTS', once) == 1 then return {0} end

local following = version + 1
if version == 0 then following = math.floor(clock_us() / 1000) end
local last = call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
if last then following = math.max(following, entry_version(last) + 1) end

local told, writes_end = {}, WRITES_AT + 3 * ARGV[10]
for at = WRITES_AT, writes_end - 1, 3 do
  local record = ARGV[at + 2]
  if record == '' then record = 'null' end
  told[#told + 1] = '["' .. ARGV[at] .. '","' .. ARGV[at + 1] .. '",' .. record .. ']'
end
local payload = '[' .. table.concat(told, ',') .. ']'

check_rights()
call('XADD', log, whole(following) .. '-1', 'prev', uid, 'uid', ARGV[1], 'writes', payload)
for at = WRITES_AT, writes_end - 1, 3 do
  local key = prefix .. ARGV[at]
  if ARGV[at + 2] == '' then
    call('HDEL', key, ARGV[at + 1])
  else
    call('HSET', key, ARGV[at + 1], ARGV[at + 2])
  end
end
for at = writes_end, #ARGV, 3 do
  local verb = ARGV[at + 2] == '1' and 'SADD' or 'SREM'
  call(verb, prefix .. 'members:' .. ARGV[at], ARGV[at + 1])
end
if ARGV[5] ~= '' then call('XADD', audit, 'MAXLEN', '~', ARGV[6], '*', 'record', ARGV[5]) end
if ARGV[7] ~= '' then call('SET', once, ARGV[8], 'PX', ARGV[9]) end
local bytes = trim((tonumber(known[4]) or 0) + #payload, #payload)
call('HSET', meta, 'format', '1', 'version', whole(following), 'uid', ARGV[1], 'bytes', whole(bytes))
return {1, following}
