-- Counts what was admitted without the store: absolute totals per process and day, from its journal. A
-- mark per process and day keeps what was counted already, so a repeated replay changes nothing. Never
-- refused: use may exceed a limit then.
--
-- KEYS   s1, t1, s2, t2, ...
-- ARGV   1      the id of the process whose journal it is, 8 bytes
--        2      hold_us, P         packed '<dd'
--        3..    P Terms            packed '<15d'
--        then   one Record per Subject, packed '<3d': which Terms (from 1), day end, units in all
-- Reply  one bulk per Subject, 13 integers '<13q' (core.quota.Usage), or an error for that Subject.

--@include layout
--@include clock
--@include calls
--@include terms
--@include total
--@include subject
--@include past
--@rare keep
--@include save
--@include windows
--@include adjusted
--@include rules
--@include bucket
--@include entry
--@include present
--@include failure

local RECORD = '<ddd'

-- The total's key with its last letter changed: the same tag, so the same slot.
local function mark_key(total_key)
  return string.sub(total_key, 1, -2) .. 'j'
end

local function charge(state, window, units)
  state[window + CHARGED] = state[window + CHARGED] + units
  state[window + GRANTED] = state[window + GRANTED] + units
end

-- A day that is over and not kept any more is told to the history, and to the month if that still runs.
local function count_units(state, terms, day_end, units, now)
  charge(state, TOTAL, units)
  total_moved = true
  if day_end > now then
    charge(state, DAY, units)
    charge(state, MONTH, units)
  elseif day_end == state[PREVIOUS_DAY_END] then
    state[PREVIOUS + CHARGED] = state[PREVIOUS + CHARGED] + units
    if state[PREVIOUS_IN_MONTH] == 1 then charge(state, MONTH, units) end
  else
    note('r', day_end, units)
    if day_end > terms[MONTH_WINDOWS] and day_end <= state[MONTH_END] then charge(state, MONTH, units) end
  end
end

local function replay(key, total_key, id, packed, plans, hold, time)
  local plan, day_end, total = decode(RECORD, packed)
  local terms = plans[plan]
  local state = load(key, total_key, call('HGET', key, 'a'), terms[RELEASE], time)
  local now = math.max(time, state[LAST])
  local mark, field = mark_key(total_key), id .. encode('<d', day_end)
  local known = call('HGET', mark, field)
  local units = total - (known and decode('<d', known) or 0)
  if units > 0 then
    local limits = limits_of(state, key, terms)
    fill(state, bounds_of(state, total_key, limits, now), now)
    if not roll(state, terms, now) then
      error('ERR quotad: the windows sent do not contain the present', 0)
    end
    end_hour(state, now)
    count_units(state, terms, day_end, units, now)
    save(state, false, key, total_key, id, limits, hold, now)
    call('HSET', mark, field, encode('<d', total))
    call('PEXPIREAT', mark, milliseconds(now + TOTAL_LIFE_US))
  end
  return present(state, total_key, now)
end

local id, time = ARGV[1], clock_us()
local hold, count = decode('<dd', ARGV[2])
local plans, replies = {}, {}
for i = 1, count do plans[i] = read_terms(ARGV[2 + i]) end
for i = 1, #KEYS / 2 do
  local ok, reply = pcall(replay, KEYS[2 * i - 1], KEYS[2 * i], id, ARGV[2 + count + i], plans, hold, time)
  replies[i] = ok and reply or failure(reply)
end
return replies
