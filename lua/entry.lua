-- Entries: what one Sidecar was granted and what it says it did with it, per day, as absolute numbers.
-- Of a share: open = granted - at_once - closed, charged = at_once + closed - given_back.

-- Adds to every kept window that a unit of the current (else the previous) day belongs to.
local function add_to_day(state, is_current, charged, open, given_back)
  add(state, TOTAL, charged, open, given_back)
  total_moved = true
  if is_current then
    add(state, DAY, charged, open, given_back)
    add(state, MONTH, charged, open, given_back)
    return
  end
  state[PREVIOUS + CHARGED] = math.max(0, state[PREVIOUS + CHARGED] + charged)
  state[PREVIOUS + OPEN] = state[PREVIOUS + OPEN] + open
  if state[PREVIOUS_IN_MONTH] == 1 then add(state, MONTH, charged, open, given_back) end
end

local function new_entry(state)
  return {0, 0, 0, state[DAY_END], 0, 0, 0, 0, state[PREVIOUS_DAY_END], 0, 0, 0, 0, 0, 0, 0, 0, 0}
end

local function read_entry(packed)
  if #packed > ENTRY_BYTES then return {decode(LEASED_ENTRY, packed)} end
  local entry = {decode(ENTRY, packed)}
  entry[AHEAD], entry[SPENT], entry[RETURNED], entry[LEASE_END], entry[ENDED] = 0, 0, 0, 0, 0
  return entry
end

-- The Entry with its days named as the Subject's; a day that the Subject no longer keeps is dropped.
local function align(state, entry)
  if entry[CURRENT + SHARE_DAY_END] == state[DAY_END] then
    -- Healing may have learnt which day the previous one was.
    entry[EARLIER + SHARE_DAY_END] = state[PREVIOUS_DAY_END]
    return entry
  end
  local aligned = new_entry(state)
  aligned[OWN_GENERATION], aligned[OWN_NUMBER] = entry[OWN_GENERATION], entry[OWN_NUMBER]
  if entry[CURRENT + SHARE_DAY_END] == state[PREVIOUS_DAY_END] then
    for i = SHARE_GRANTED, SHARE_GIVEN_BACK do aligned[EARLIER + i] = entry[CURRENT + i] end
  end
  return aligned
end

-- Units of the current day that its Sidecar may still spend.
local function outstanding(state, entry)
  if entry[CURRENT + SHARE_DAY_END] ~= state[DAY_END] then return 0 end
  return leased_of(entry[AHEAD], entry[SPENT], entry[RETURNED], entry[ENDED])
end

-- Records the numbers sent for one day, if it is a kept one.
local function settle(state, entry, day_end, closed, given_back)
  if closed == 0 and given_back == 0 then return end
  local share
  if day_end == state[DAY_END] then
    share = CURRENT
  elseif day_end == state[PREVIOUS_DAY_END] then
    share = EARLIER
  else
    return
  end
  local old_closed, old_given_back = entry[share + SHARE_CLOSED], entry[share + SHARE_GIVEN_BACK]
  closed, given_back = settled(entry[share + SHARE_GRANTED], entry[share + SHARE_AT_ONCE],
    old_closed, old_given_back, closed, given_back)
  local d_closed, d_given_back = closed - old_closed, given_back - old_given_back
  if d_closed == 0 and d_given_back == 0 then return end
  entry[share + SHARE_CLOSED], entry[share + SHARE_GIVEN_BACK] = closed, given_back
  add_to_day(state, share == CURRENT, d_closed - d_given_back, -d_closed, d_given_back)
end

-- Ends what an Entry has leased: its tokens are gone. The units stay charged unless they are given back.
local function end_lease(state, entry)
  state[LEASED] = state[LEASED] - outstanding(state, entry)
  entry[ENDED] = entry[AHEAD]
end

-- Records what became of leased units.
local function settle_lease(state, entry, limits, spent, returned, now)
  if entry[AHEAD] == 0 then return end
  if entry[LEASE_END] <= now then end_lease(state, entry) end
  local before = outstanding(state, entry)
  local came_back
  entry[SPENT], entry[RETURNED], came_back =
    told(entry[AHEAD], entry[ENDED], entry[SPENT], entry[RETURNED], spent, returned)
  state[LEASED] = state[LEASED] + outstanding(state, entry) - before
  if came_back > 0 and state[TOKENS] >= 0 then
    state[TOKENS] = math.min(state[TOKENS] + came_back * TOKEN_U, capacity(limits[BURST], state[LEASED]))
  end
end

-- Charges (or gives back) what is open in one share of an Entry whose Sidecar fell silent.
local function fold_share(state, entry, share, release)
  local day_end = entry[share + SHARE_DAY_END]
  local is_current = day_end == state[DAY_END]
  if not is_current and day_end ~= state[PREVIOUS_DAY_END] then return end
  local open = entry[share + SHARE_GRANTED] - entry[share + SHARE_AT_ONCE]
    - entry[share + SHARE_CLOSED]
  if open == 0 then return end
  if release == 1 then
    add_to_day(state, is_current, 0, -open, open)
  else
    add_to_day(state, is_current, open, -open, 0)
  end
end

-- Ends the Entry of a Sidecar that fell silent.
local function fold(state, entry, release)
  state[LEASED] = state[LEASED] - outstanding(state, entry)
  fold_share(state, entry, CURRENT, release)
  fold_share(state, entry, EARLIER, release)
end

-- Ends the Entries of other Sidecars whose time has passed, and their leases. All Entries are read only
-- when the earliest end has come; then not again for a quarter of the hold (or lease) time, and the
-- later the more there are.
local function reclaim(state, key, id, entry, terms, hold, now)
  local earliest = now + hold
  local leases_due = state[LEASES_END] > 0 and now >= state[LEASES_END]
  if (state[EARLIEST] == 0 or now < state[EARLIEST]) and not leases_due then
    if state[EARLIEST] == 0 or state[EARLIEST] > earliest then state[EARLIEST] = earliest end
    return
  end
  local fields, silent, ended, next_end = call('HGETALL', key), {}, {}, 0
  if entry and outstanding(state, entry) > 0 then next_end = entry[LEASE_END] end
  for i = 1, #fields, 2 do
    local name = fields[i]
    if #name == 8 and name ~= id then
      local other = read_entry(fields[i + 1])
      if other[OWN_EXPIRES] <= now then
        fold(state, other, terms[RELEASE])
        silent[#silent + 1] = name
      else
        earliest = math.min(earliest, other[OWN_EXPIRES])
        if outstanding(state, other) > 0 then
          if other[LEASE_END] <= now then
            end_lease(state, other)
            ended[#ended + 1], ended[#ended + 2] = name, pack_entry(other)
          elseif next_end == 0 or other[LEASE_END] < next_end then
            next_end = other[LEASE_END]
          end
        end
      end
    end
  end
  if #silent > 0 then gone = silent end
  if #ended > 0 then overdue = ended end
  state[ENTRIES] = state[ENTRIES] - #silent
  state[EARLIEST] = math.max(earliest, now + math.floor(hold / 4))
  if next_end > 0 then
    local pause = math.max(math.floor(terms[LEASE_TTL] / 4), state[ENTRIES] * SCAN_US)
    next_end = math.max(next_end, now + pause)
  end
  state[LEASES_END] = next_end
end
