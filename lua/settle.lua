-- Records what was done with granted units and keeps the caller's Entries alive. Decides nothing,
-- grants nothing (the cost sent is ignored) and never creates a key.
--
-- KEYS, ARGV and reply as in reserve.lua. A Subject without a hash answers generation 0.

--@include layout
--@include calls
--@include clock
--@include terms
--@include total
--@include rules
--@include bucket
--@rare refusal
--@rare serve
local deciding = false
--@include batch
