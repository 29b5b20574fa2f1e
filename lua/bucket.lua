-- The rate: a token bucket in whole micro-tokens, so that nothing is lost to rounding. What is leased
-- and what is in the bucket are together never more than the burst.

local function capacity(state, limits)
  local full = (limits[BURST] - state[LEASED]) * TOKEN_U
  if full < 0 then return 0 end
  return full
end

-- Brings the bucket to now. The product rate * elapsed is only formed when it stays below 2^53.
local function refill(state, limits, now)
  local rate, tokens = limits[RATE], state[TOKENS]
  if rate < 0 then
    state[TOKENS] = -1
    return
  end
  local full = capacity(state, limits)
  if tokens < 0 or tokens > full then
    tokens = full
  elseif rate > 0 and tokens < full then
    local elapsed = now - math.max(state[LAST], state[THAW])
    if elapsed >= math.ceil((full - tokens) / rate) then
      tokens = full
    elseif elapsed > 0 then
      tokens = tokens + rate * elapsed
    end
  end
  state[TOKENS] = tokens
end

-- Whole requests that the bucket lets through now; -1 is unlimited.
local function tokens_left(state, limits)
  local rate = limits[RATE]
  if rate <= 0 then return rate end
  return math.floor(state[TOKENS] / TOKEN_U)
end

-- Until the bucket holds so many micro-tokens; 0 when it already does or never will.
local function wait_us(state, limits, tokens)
  local rate, missing = limits[RATE], tokens - state[TOKENS]
  if rate <= 0 or limits[BURST] == 0 or missing <= 0 then return 0 end
  return math.ceil(missing / rate)
end
