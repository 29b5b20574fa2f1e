-- One script call: many Subjects, each on its own. Arguments and replies: README.md.

local DECIDED, WINDOWS_UNFIT, NUMBER_STALE = 0, 1, 2
local CALL = '<dddd ddd ddd'
local TERMS = '<dddddd dddddd dd'
local ANSWER = '<i8i8i8i8i8i8 i8i8i8i8i8i8i8 i8i8i8i8 i8i8i8 i8i8i8i8 i8i8i8'

local function read_terms(packed)
  local version, rate, burst, day, month, total,
    day_start, day_end, next_day_end, month_start, month_end, next_month_end,
    conditional, release = decode(TERMS, packed)
  if burst < 0 then burst = rate end
  return {
    version = version, rate = rate, burst = burst, day = day, month = month, total = total,
    day_start = day_start, day_end = day_end, next_day_end = next_day_end,
    month_start = month_start, month_end = month_end, next_month_end = next_month_end,
    conditional = conditional == 1, release = release == 1,
  }
end

local function answer(subject, entry, limits, now, status, granted, refused_by, held_only, retry_us)
  local day, month, total = subject.day, subject.month, subject.total
  return encode(ANSWER, status, now, granted, refused_by, held_only, retry_us,
    entry.generation, subject.day_end, entry.granted, entry.at_once,
    subject.previous_day_end, entry.previous_granted, entry.previous_at_once,
    limits.rate, limits.burst, tokens_left(subject, limits),
    wait_us(subject, limits, limits.burst * TOKEN),
    limits.day, day.charged, day.open,
    subject.month_end, limits.month, month.charged, month.open,
    limits.total, total.charged, total.open)
end

-- Decides one Subject. `decide` is false where only numbers are recorded; then no key is created.
local function serve(key, total_key, id, packed, plans, hold, time, decide)
  local plan, cost, generation, number, day_end, closed, given_back,
    previous_day_end, previous_closed, previous_given_back = decode(CALL, packed)
  local terms = plans[plan]
  local mine = load(subject, key, total_key, id, terms.release, time)
  local now = math.max(time, subject.last)
  local limits = limits_of(subject, key, terms)
  if mine then
    read_entry(entry, mine)
    if number <= entry.number then
      align(entry, subject)
      return answer(subject, entry, limits, now, NUMBER_STALE, 0, 0, 0, 0)
    end
  else
    clear_entry(entry)
  end
  refill(subject, limits, now)
  local status = roll(subject, terms, now) and DECIDED or WINDOWS_UNFIT
  if not subject.found and (status == WINDOWS_UNFIT or not decide) then
    return answer(subject, entry, limits, now, status, 0, 0, 0, 0)
  end
  align(entry, subject)
  if not mine then
    subject.generation = subject.generation + 1
    entry.generation = subject.generation
  elseif generation == entry.generation then
    settle(subject, entry, day_end, closed, given_back)
    settle(subject, entry, previous_day_end, previous_closed, previous_given_back)
  end
  entry.number, entry.expires = number, now + hold
  reclaim(subject, key, id, terms.release, hold, now)
  local granted, refused_by, held_only, retry_us = 0, 0, 0, 0
  if decide and cost > 0 and status == DECIDED then
    granted, refused_by, held_only, retry_us = decide(subject, entry, terms, limits, cost, now)
  end
  save(subject, entry, key, total_key, id, limits, hold, now)
  return answer(subject, entry, limits, now, status, granted, refused_by, held_only, retry_us)
end

local function run(decide)
  local id, time = ARGV[1], clock_us()
  local hold, count = decode('<dd', ARGV[2])
  local plans, replies = {}, {}
  for i = 1, count do plans[i] = read_terms(ARGV[2 + i]) end
  for i = 1, #KEYS / 2 do
    local ok, reply = pcall(serve, KEYS[2 * i - 1], KEYS[2 * i], id, ARGV[2 + count + i],
      plans, hold, time, decide)
    replies[i] = ok and reply or failure(reply)
  end
  return replies
end
