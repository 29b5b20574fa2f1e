-- The ordinary call of a Subject, inside the loop of `batch`: its hash and the caller's Entry are there and
-- of the present day, and nothing is due but to settle, decide and count. It leaves, with nothing written,
-- whatever else may be the case to `serve`. All in locals: tables and calls made it twice as dear.

local aggregate, own = stored[1], stored[2]
if not aggregate or not own or #aggregate ~= AGGREGATE_BYTES or #packed ~= CALL_BYTES then break end
local plan, cost, ahead, generation, number, heard, seen, day, closed, given_back,
  earlier_day, earlier_closed, earlier_given_back, spent, returned = decode(CALL, packed)
local format, version, healing, last, tokens, leased, day_end, month_end, previous_end, previous_in_month,
  earliest, newest, plan_version, birth, total_kept,
  day_charged, day_open, day_granted, day_back, month_charged, month_open, month_granted, month_back,
  total_charged, total_open, total_granted, total_back,
  previous_charged, previous_open, entries, leases_end, thaw, adjusted, hour_end, hour_mark =
  decode(AGGREGATE, aggregate)
local leases = #own == LEASED_ENTRY_BYTES
if not leases and #own ~= ENTRY_BYTES then break end
local own_generation, own_number, expires, own_day, own_granted, at_once, own_closed, own_back,
  own_earlier, earlier_granted, earlier_at_once, own_earlier_closed, own_earlier_back,
  own_ahead, own_spent, own_returned, lease_end, lease_ended = decode(leases and LEASED_ENTRY or ENTRY, own)
if not leases then own_ahead, own_spent, own_returned, lease_end, lease_ended = 0, 0, 0, 0, 0 end
local terms, now = plans[plan], time
if not terms then break end
if now < last then now = last end
local kept = terms[TOTAL_LIMIT] ~= UNLIMITED and 1 or 0
if format ~= 2 or number <= own_number or generation ~= own_generation or heard > own_number or seen > version
  or now >= day_end or now >= hour_end or now >= earliest or earliest > now + hold
  or (leases_end > 0 and now >= leases_end) or adjusted ~= 0 or terms[PLAN] ~= plan_version
  or own_day ~= day_end or own_earlier ~= previous_end or kept ~= total_kept or cost == LEAVE or (own_ahead > 0 and lease_end <= now)
  or (earlier_closed + earlier_given_back > 0 and (earlier_day ~= previous_end
    or earlier_closed ~= own_earlier_closed or earlier_given_back ~= own_earlier_back)) then
  break
end

local moved = false
if closed + given_back > 0 and (day ~= day_end or closed ~= own_closed or given_back ~= own_back) then
  if day ~= day_end then break end
  closed, given_back = settled(own_granted, at_once, own_closed, own_back, closed, given_back)
  local ended, back = closed - own_closed, given_back - own_back
  local charged = ended - back
  day_charged, month_charged, total_charged = day_charged + charged, month_charged + charged, total_charged + charged
  -- Units from before a reset.
  if day_charged < 0 or month_charged < 0 or total_charged < 0 then break end
  day_open, month_open, total_open = day_open - ended, month_open - ended, total_open - ended
  day_back, month_back, total_back = day_back + back, month_back + back, total_back + back
  own_closed, own_back, moved = closed, given_back, ended ~= 0 or back ~= 0
end

local full = capacity(terms[BURST], leased)
tokens = refill(tokens, full, terms[RATE], last < thaw and thaw or last, now)
if own_ahead > 0 then
  local before, came_back = leased_of(own_ahead, own_spent, own_returned, lease_ended), 0
  if day == day_end then
    own_spent, own_returned, came_back =
      told(own_ahead, lease_ended, own_spent, own_returned, spent, returned)
  end
  local out = leased_of(own_ahead, own_spent, own_returned, lease_ended)
  leased, full = leased + out - before, capacity(terms[BURST], leased + out - before)
  if came_back > 0 and tokens >= 0 then
    tokens = tokens + came_back * TOKEN_U
    if tokens > full then tokens = full end
  end
  if out > 0 then lease_end = now + terms[LEASE_TTL] end
end
local granted, units, left = 0, 0, tokens_left(tokens, terms[RATE])
if not deciding then
  cost = 0
elseif cost > 0 or ahead > 0 then
  local least = fitting(LARGEST, terms[DAY_LIMIT], day_charged + day_open)
  least = fitting(least, terms[MONTH_LIMIT], month_charged + month_open)
  least = fitting(least, terms[TOTAL_LIMIT], total_charged + total_open)
  if left >= 0 and left < least then least = left end
  granted = cost < least and cost or least
  if granted > 0 and terms[CONDITIONAL] == 1 then
    day_open, month_open, total_open = day_open + granted, month_open + granted, total_open + granted
  elseif granted > 0 then
    day_charged, month_charged, total_charged =
      day_charged + granted, month_charged + granted, total_charged + granted
    at_once = at_once + granted
  end
  if granted == cost and ahead > 0 then
    if least < LARGEST then least = least - granted end
    units = ahead_of(least, entries, leased_of(own_ahead, own_spent, own_returned, lease_ended), ahead)
  end
  if units > 0 then
    day_charged, month_charged, total_charged = day_charged + units, month_charged + units, total_charged + units
    at_once, own_ahead, leased, lease_end =
      at_once + units, own_ahead + units, leased + units, now + terms[LEASE_TTL]
    full = capacity(terms[BURST], leased)
    if leases_end == 0 or lease_end < leases_end then leases_end = lease_end end
  end
  local all = granted + units
  if all > 0 then
    moved = true
    if tokens >= 0 then tokens, left = tokens - all * TOKEN_U, left - all end
    day_granted, month_granted, total_granted = day_granted + all, month_granted + all, total_granted + all
    own_granted = own_granted + all
  end
end

version = version + 1
aggregate = encode(AGGREGATE, format, version, healing, now, tokens, leased, day_end, month_end, previous_end,
  previous_in_month, earliest, newest, plan_version, birth, total_kept,
  day_charged, day_open, day_granted, day_back, month_charged, month_open, month_granted, month_back,
  total_charged, total_open, total_granted, total_back,
  previous_charged, previous_open, entries, leases_end, thaw, adjusted, hour_end, hour_mark)
local entry = encode(own_ahead > 0 and LEASED_ENTRY or ENTRY, generation, number, now + hold,
  day_end, own_granted, at_once, own_closed, own_back,
  previous_end, earlier_granted, earlier_at_once, own_earlier_closed, own_earlier_back,
  own_ahead, own_spent, own_returned, lease_end, lease_ended)
-- Refused (memory, read-only): `serve` is refused too, and says so.
if type(attempt('HSET', key, 'a', aggregate, id, entry)) == 'table' then break end
if moved then
  local written = keep_total(total_key, kept, now, total_charged, total_open, total_granted, total_back)
  if written.err then
    reply = written
    break
  end
end
local refused_by, held_only, retry_us = NONE, 0, 0
if granted < cost then refused_by, held_only, retry_us = refusal({decode(AGGREGATE, aggregate)}, terms, now) end
reply = encode(ANSWER, DECIDED, now, granted + units, refused_by, held_only, retry_us, generation,
  day_end, own_granted, at_once, previous_end, earlier_granted, earlier_at_once,
  terms[RATE], terms[BURST], left, wait_us(full - tokens, terms),
  terms[DAY_LIMIT], day_charged, day_open, month_end, terms[MONTH_LIMIT], month_charged, month_open,
  terms[TOTAL_LIMIT], total_charged, total_open, version, own_ahead)
