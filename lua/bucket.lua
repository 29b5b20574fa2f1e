-- The rate: a token bucket in whole micro-tokens, so that nothing is lost to rounding. What is leased
-- and what is in the bucket are together never more than the burst.

-- What the bucket holds when it is full.
local function capacity(burst, leased)
  local full = (burst - leased) * TOKEN_U
  if full < 0 then return 0 end
  return full
end

-- What the bucket holds now, when it held `tokens` and fills since then; -1: the rate is unlimited. The
-- product rate * elapsed is only formed when it stays below 2^53.
local function refill(tokens, full, rate, since, now)
  if rate < 0 then return -1 end
  if tokens < 0 or tokens > full then return full end
  if rate > 0 and tokens < full then
    local elapsed = now - since
    if elapsed >= math.ceil((full - tokens) / rate) then return full end
    if elapsed > 0 then return tokens + rate * elapsed end
  end
  return tokens
end

-- Whole requests that the bucket lets through now; -1 is unlimited.
local function tokens_left(tokens, rate)
  if rate <= 0 then return rate end
  return (tokens - tokens % TOKEN_U) / TOKEN_U
end

-- Until so many more micro-tokens are there; 0 when they are, or never will be.
local function wait_us(missing, limits)
  local rate = limits[RATE]
  if rate <= 0 or limits[BURST] == 0 or missing <= 0 then return 0 end
  return math.ceil(missing / rate)
end

-- Brings a Subject's bucket to now.
local function fill(state, limits, now)
  local since = math.max(state[LAST], state[THAW])
  state[TOKENS] = refill(state[TOKENS], capacity(limits[BURST], state[LEASED]), limits[RATE], since, now)
end
