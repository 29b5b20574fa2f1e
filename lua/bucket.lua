-- The rate: a token bucket in whole micro-tokens, so that nothing is lost to rounding.

local TOKEN = 1000000

-- Brings the bucket to now. The product rate * elapsed is only formed when it stays below 2^53.
local function refill(subject, limits, now)
  local rate, tokens = limits.rate, subject.tokens
  if rate < 0 then
    subject.tokens = -1
    return
  end
  local full = limits.burst * TOKEN
  if tokens < 0 or tokens > full then
    tokens = full
  elseif rate > 0 and tokens < full then
    local elapsed = now - subject.last
    if elapsed >= math.ceil((full - tokens) / rate) then
      tokens = full
    else
      tokens = tokens + rate * elapsed
    end
  end
  subject.tokens = tokens
end

-- Whole requests that the bucket lets through now; -1 is unlimited.
local function tokens_left(subject, limits)
  if limits.rate < 0 then return -1 end
  if limits.rate == 0 then return 0 end
  return math.floor(subject.tokens / TOKEN)
end

-- Until the bucket holds `tokens`; 0 when it already does or never will.
local function wait_us(subject, limits, tokens)
  if limits.rate <= 0 or limits.burst == 0 or subject.tokens >= tokens then return 0 end
  return math.ceil((tokens - subject.tokens) / limits.rate)
end
