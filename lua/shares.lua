-- Use per Secret: two hashes per Subject and day, named by the day's end. `u` holds SecretId -> units and
-- lives 400 days; `v` holds Sidecar -> number of its last portion and lives two days longer than the day
-- or its last portion, since no message is late for longer.

local MARK_LIFE_US = 172800000000

local call, decode = redis.call, struct.unpack

local function whole(number)
  return string.format('%.0f', number)
end

-- The total's key with its last letter changed: the same tag, so the same slot.
local function day_key(total_key, kind, stop)
  return string.sub(total_key, 1, -2) .. kind .. whole(stop)
end
