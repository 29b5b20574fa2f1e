-- How a Subject is written.

local function in_portions(command, key, items)
  for i = 1, #items, 1000 do call(command, key, unpack(items, i, math.min(i + 999, #items))) end
end

-- Writes everything; `entry` is false where the caller has none. The first HSET alone can be refused
-- (memory, read-only), and then nothing of this Subject was written.
local function save(state, entry, key, total_key, id, limits, hold, now)
  local kept = limits[TOTAL_LIMIT] ~= UNLIMITED and 1 or 0
  local writes_total = total_moved or kept ~= state[TOTAL_KEPT] or not found
  state[VERSION], state[LAST], state[TOTAL_KEPT] = state[VERSION] + 1, now, kept
  local newer = limits[PLAN] > state[PLAN_VERSION]
  if newer then state[PLAN_VERSION] = limits[PLAN] end
  local packed = encode(AGGREGATE, unpack(state, 1, STORED))
  if entry then
    call('HSET', key, 'a', packed, id, pack_entry(entry))
  else
    call('HSET', key, 'a', packed)
  end
  if newer then call('HSET', key, 'p', encode(LIMITS, unpack(limits, PLAN, TOTAL_LIMIT))) end
  if healed then call('HSET', key, 'h', encode(HEALED, unpack(healed, 1, HEALED_STORED))) end
  if overdue then in_portions('HSET', key, overdue) end
  if gone then in_portions('HDEL', key, gone) end
  if month_rolled then
    call('PEXPIREAT', key, milliseconds(state[MONTH_END] + hold + DAY_US))
  end
  if writes_total then keep_total(total_key, kept, now, unpack(state, TOTAL, TOTAL + GIVEN_BACK)) end
  if noted then keep(total_key, now) end
end
