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

local function prune(key, kind, oldest)
  for _, field in ipairs(call('HKEYS', key)) do
    if string.sub(field, 1, 1) == kind and tonumber(string.sub(field, 2)) < oldest then
      call('HDEL', key, field)
    end
  end
end

-- Puts the units of one day or hour into its stretch, in the place of what stood there for it (`r`: on
-- top of it). Nothing is kept of none, nor of what is too old to be kept.
local function put(key, kind, stop, units, now)
  local length, kept, life = DAY_US, 9, HOURS_LIFE_US
  if kind ~= 'h' then length, kept, life = 32 * DAY_US, 13, TOTAL_LIFE_US end
  if stop <= now - life then return end
  local stretch = math.floor((stop - 1) / length)
  local field = kind .. string.format('%.0f', stretch)
  local row = call('HGET', key, field)
  if not row then
    prune(key, kind, stretch - kept)
    row = ''
  end
  for at = #row - 15, 1, -16 do
    local old_stop, old_units = decode('<dd', row, at)
    if old_stop == stop then
      if kind == 'r' then units = units + old_units end
      row = string.sub(row, 1, at - 1) .. string.sub(row, at + 16)
      break
    end
  end
  if units ~= 0 then row = row .. encode('<dd', stop, units) end
  if row == '' then call('HDEL', key, field) else call('HSET', key, field, row) end
end

function save_history(total_key, now)
  local key = history_key(total_key)
  for _, item in ipairs(noted) do put(key, item[1], item[2], item[3], now) end
  call('PEXPIREAT', key, milliseconds(now + TOTAL_LIFE_US))
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
