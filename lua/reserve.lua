-- Decides requests of several Subjects, and records the settles that ride along.
--
-- KEYS   s1, t1, s2, t2, ...       a Subject's hash and its lifetime total
-- ARGV   1      sidecar id, 8 bytes
--        2      hold_us, P         packed '<dd'
--        3..    P Terms            packed '<14d'
--        then   one Call per Subject, packed '<10d'
-- Reply  one bulk per Subject, 27 integers '<27q' (core.quota.Answer), or an error for that Subject.
-- Order, units and meaning of every number: README.md.

--@include layout
--@include clock
--@include subject
--@include windows
--@include entry
--@include bucket
--@include decide
--@include failure
--@include batch

return run(decide)
