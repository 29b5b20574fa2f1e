-- Writes what was noted into the history.

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

local function keep(total_key, now)
  local key = history_key(total_key)
  for _, item in ipairs(noted) do put(key, item[1], item[2], item[3], now) end
  call('PEXPIREAT', key, milliseconds(now + TOTAL_LIFE_US))
end
