-- Top-ups and resets: changes that an admin makes to one Subject's counters, each told apart by a version
-- so that a repeated one changes nothing more.
--
-- KEYS   s1, t1, s2, t2, ...
-- ARGV   1      8 bytes, not used
--        2      hold_us, P         packed '<dd'
--        3..    P Terms            packed '<15d'
--        then   one Adjustment per Subject, packed '<6d': which Terms (from 1); kind (1 top-up, 2 reset);
--               version; top-up: window (1 day, 2 month, 3 total), reset: sum of 1 day, 2 month, 4 total;
--               amount; until (0: for good, -1: the window's end; else microseconds)
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

local ADJUSTMENT = '<dddddd'
local TOP_UP = 1

-- What is only leased is not use yet; Holds and tokens stay as they are.
local function forgive(state, window)
  local units = math.max(0, state[window + CHARGED] - state[LEASED])
  state[window + CHARGED] = state[window + CHARGED] - units
  state[window + GIVEN_BACK] = state[window + GIVEN_BACK] + units
  return units
end

local function forget_healed(state, key, now, at)
  if now >= state[HEALING] then return end
  local packed = not healed and call('HGET', key, 'h')
  if packed then healed = {decode(HEALED, packed)} end
  if healed then healed[at + REMEMBERED], healed[at + RESTORED] = 0, 0 end
end

local function reset(state, key, adjusted, version, windows, now)
  if version <= adjusted[RESET_VERSION] then return false end
  adjusted[RESET_VERSION] = version
  if windows % 2 == 1 then
    local units = forgive(state, DAY)
    if units > 0 then note('r', state[DAY_END], units) end
    adjusted[RESET_AT + 1] = now
    forget_healed(state, key, now, HEALED_DAY)
  end
  if windows % 4 >= 2 then
    forgive(state, MONTH)
    adjusted[RESET_AT + 2] = now
    forget_healed(state, key, now, HEALED_MONTH)
  end
  if windows >= 4 then
    state[HOUR_MARK] = state[HOUR_MARK] - forgive(state, TOTAL)
    total_moved = true
    adjusted[RESET_AT + 3] = now
    forget_healed(state, key, now, HEALED_TOTAL)
  end
  return true
end

-- Adds a top-up and drops those that have been over for long. False when it is known already.
local function top_up(state, adjusted, version, window, amount, stop, now)
  if stop < 0 then
    stop = 0
    if window == 1 then stop = state[DAY_END] elseif window == 2 then stop = state[MONTH_END] end
  end
  local kept = {unpack(adjusted, 1, TOP_UPS - 1)}
  for at = TOP_UPS, #adjusted, TOP_UP_SIZE do
    if adjusted[at] == version then return false end
    if adjusted[at + 3] == 0 or now < adjusted[at + 3] + TOP_UP_KEPT_US then
      for i = 0, TOP_UP_SIZE - 1 do kept[#kept + 1] = adjusted[at + i] end
    end
  end
  for _, number in ipairs({version, window, amount, stop}) do kept[#kept + 1] = number end
  state[ADJUSTED] = 1
  return kept
end

-- Kept for good while a top-up is, else as long as the history.
local function save_adjusted(total_key, adjusted, now)
  local key, last = adjusted_key(total_key), now + TOTAL_LIFE_US
  call('SET', key, encode('<' .. string.rep('d', #adjusted), unpack(adjusted)))
  for at = TOP_UPS, #adjusted, TOP_UP_SIZE do
    local stop = adjusted[at + 3]
    if stop == 0 then return end
    last = math.max(last, stop)
  end
  call('PEXPIREAT', key, milliseconds(last))
end

local function adjust(key, total_key, packed, plans, hold, time)
  local plan, kind, version, window, amount, stop = decode(ADJUSTMENT, packed)
  local terms = plans[plan]
  local state = load(key, total_key, call('HGET', key, 'a'), terms[RELEASE], time)
  local now = math.max(time, state[LAST])
  local limits = limits_of(state, key, terms)
  fill(state, bounds_of(state, total_key, limits, now), now)
  if not roll(state, terms, now) then error('ERR quotad: the windows sent do not contain the present', 0) end
  end_hour(state, now)
  local adjusted, changed = read_adjusted(total_key), nil
  if kind == TOP_UP then
    changed = top_up(state, adjusted, version, window, amount, stop, now)
    adjusted = changed or adjusted
  else
    changed = reset(state, key, adjusted, version, window, now)
  end
  if changed then
    save(state, false, key, total_key, 'a', limits, hold, now)
    save_adjusted(total_key, adjusted, now)
  end
  return present(state, total_key, now)
end

local time = clock_us()
local hold, count = decode('<dd', ARGV[2])
local plans, replies = {}, {}
for i = 1, count do plans[i] = read_terms(ARGV[2 + i]) end
for i = 1, #KEYS / 2 do
  local ok, reply = pcall(adjust, KEYS[2 * i - 1], KEYS[2 * i], ARGV[2 + count + i], plans, hold, time)
  replies[i] = ok and reply or failure(reply)
end
return replies
