-- How the lifetime total is written, a string beside the hash. Returns what Redis says.

local function milliseconds(us)
  return string.format('%.0f', math.floor(us / 1000))
end

local function keep_total(key, kept, now, charged, open, granted, given_back)
  local packed = encode(TOTAL_FORMAT, charged, open, granted, given_back)
  if kept == 1 then return attempt('SET', key, packed) end
  return attempt('SET', key, packed, 'PXAT', milliseconds(now + TOTAL_LIFE_US))
end
