-- The one place that asks Redis for the time: integer microseconds since the epoch.
-- Called once per script, so that all Subjects of a call are decided at one instant.
local function clock_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end
