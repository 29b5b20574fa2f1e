-- Rules over plain numbers, which the ordinary decision and every other one share.

-- Of so many requests those that a quota lets through; a limit below 0 is none.
local function fitting(granted, limit, used)
  if limit < 0 then return granted end
  local left = limit - used
  if left < 0 then left = 0 end
  if left < granted then return left end
  return granted
end

-- What a share has closed and given back when so much is sent. Numbers only grow, and never above what
-- there is to close or to give back.
local function settled(granted, at_once, old_closed, old_given_back, closed, given_back)
  local holds = granted - at_once
  if closed > holds then closed = holds end
  if closed < old_closed then closed = old_closed end
  if given_back > at_once + closed then given_back = at_once + closed end
  if given_back < old_given_back then given_back = old_given_back end
  return closed, given_back
end

-- Units ahead that their Sidecar may still spend. The first `ended` are leased no more, whatever was heard
-- of them.
local function leased_of(ahead, spent, returned, ended)
  local over = spent + returned
  if over < ended then over = ended end
  return ahead - over
end

-- What became of units ahead when so much is sent: spent, returned, and how many of these bring back a token.
-- What is told first is told of those whose lease has ended: they are as good as spent, and free none.
local function told(ahead, ended, old_spent, old_returned, spent, returned)
  local untold = ended - old_spent - old_returned
  if untold < 0 then untold = 0 end
  if spent < old_spent then spent = old_spent end
  if spent > ahead - old_returned then spent = ahead - old_returned end
  if returned < old_returned then returned = old_returned end
  if returned > ahead - spent then returned = ahead - spent end
  return spent, returned, returned - old_returned - untold
end

-- What one Sidecar may take ahead on top of what it has, of the least that is left: all of them together
-- at most half, so the less is left, the less, and the last units are open to all.
local function ahead_of(least, entries, outstanding, wanted)
  if least == LARGEST then return wanted end
  local share = math.floor(least / (2 * entries)) - outstanding
  if share < wanted then wanted = share end
  if wanted < 0 then return 0 end
  return wanted
end
