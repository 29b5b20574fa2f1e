-- Whether the server knows less than a Sidecar that calls it.

-- Signs that the server may have forgotten: the Subject, or the caller's Entry, is older than what was
-- heard, or gone.
local function knows_more(state, entry, generation, heard, version)
  return version > state[VERSION] or (generation > 0 and (not entry or heard > entry[OWN_NUMBER]))
end

-- Whether it was forgotten, rather than ended because its Sidecar was silent for too long.
local function is_lost(state, entry, generation, version, memory, hold, now)
  return not found or entry or state[BIRTH] > generation or version > state[VERSION]
    or now < memory[SEEN] + hold or now < state[HEALING]
end

-- The day before, as the Sidecar remembers it (the one it last heard of may be over), for a Subject that
-- has none.
local function adopt_previous(state, terms, day_end, previous_day_end)
  if state[PREVIOUS_DAY_END] > 0 then return end
  local last = day_end < state[DAY_END] and day_end or 0
  if previous_day_end < state[DAY_END] then last = math.max(last, previous_day_end) end
  if last == 0 then return end
  state[PREVIOUS_DAY_END] = last
  state[PREVIOUS_IN_MONTH] = last > terms[MONTH_WINDOWS] and 1 or 0
end
