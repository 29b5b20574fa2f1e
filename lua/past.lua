-- Use per day and hour, kept beside the Subject's other keys: a hash whose fields are stretches of days
-- or hours, each a row of (end, units) in pairs of doubles. Written when an hour or a day ends, and when
-- a Sidecar leaves; what goes on now stands in the aggregate. Kinds: `d` days, `h` hours, `r` units that
-- add to a day: forgiven by a reset, or told when the day was over.

-- The total's key with its last letter changed: the same tag, so the same slot.
local function history_key(total_key)
  return string.sub(total_key, 1, -2) .. 'h'
end

local function note(kind, stop, units)
  noted = noted or {}
  noted[#noted + 1] = {kind, stop, units}
end

-- The hour that ended: what was charged since it began.
local function end_hour(state, now)
  if now < state[HOUR_END] then return end
  local units = state[TOTAL + CHARGED] - state[HOUR_MARK]
  if state[HOUR_END] > 0 and units ~= 0 then note('h', state[HOUR_END], units) end
  state[HOUR_MARK] = state[TOTAL + CHARGED]
  state[HOUR_END] = (math.floor(now / HOUR_US) + 1) * HOUR_US
end

-- What goes on now, in case nobody comes again before the hash expires.
local function note_present(state)
  local units = state[TOTAL + CHARGED] - state[HOUR_MARK]
  if units ~= 0 then note('h', state[HOUR_END], units) end
  if state[DAY + CHARGED] > 0 then note('d', state[DAY_END], state[DAY + CHARGED]) end
end
