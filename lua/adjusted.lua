-- Top-ups and resets, a string beside the Subject's other keys: the version of the last reset, when the
-- day, month and total were last reset, and the top-ups. It outlives the hash, since a top-up may be for
-- good. Read only where the aggregate says that there are top-ups.

local RESET_VERSION = 1
local RESET_AT = 1
local TOP_UPS = 5
local TOP_UP_SIZE = 4

local function read_adjusted(total_key)
  local packed = call('GET', adjusted_key(total_key))
  if not packed then return {0, 0, 0, 0} end
  local adjusted = {decode('<' .. string.rep('d', #packed / 8), packed)}
  adjusted[#adjusted] = nil
  return adjusted
end

-- The limits with all top-ups that are in force; `limits` itself where there are none.
local function bounds_of(state, total_key, limits, now)
  if state[ADJUSTED] == 0 then return limits end
  local bounds, adjusted = {unpack(limits, PLAN, TOTAL_LIMIT)}, read_adjusted(total_key)
  state[ADJUSTED] = 0
  for at = TOP_UPS, #adjusted, TOP_UP_SIZE do
    local limit, amount, stop = DAY_LIMIT - 1 + adjusted[at + 1], adjusted[at + 2], adjusted[at + 3]
    if stop == 0 or now < stop then
      state[ADJUSTED] = 1
      if bounds[limit] >= 0 then
        bounds[limit] = math.min(bounds[limit] + amount, LARGEST)
      elseif bounds[limit] < UNLIMITED then
        bounds[limit] = math.max(bounds[limit] - amount, LARGEST_SOFT)
      end
    end
  end
  return bounds
end
