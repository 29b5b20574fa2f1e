-- Records what was done with granted units and keeps the caller's Entries alive. Decides nothing,
-- grants nothing (the cost sent is ignored) and never creates a key.
--
-- KEYS, ARGV and reply as in reserve.lua. A Subject without a hash answers generation 0.

--@include layout
--@include clock
--@include subject
--@include past
--@rare keep
--@include save
--@include windows
--@include adjusted
--@include bucket
--@include entry
--@include forgotten
--@rare heal
--@include failure
--@include batch

return run(false)
