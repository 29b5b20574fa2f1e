-- Decides requests of several Subjects, and records the settles that ride along.
--
-- KEYS   s1, t1, s2, t2, ...       a Subject's hash and its lifetime total
-- ARGV   1      sidecar id, 8 bytes
--        2      hold_us, P         packed '<dd'
--        3..    P Terms            packed '<15d'
--        then   one Call per Subject, packed '<15d', or with Memory '<25d'
-- Reply  one bulk per Subject, 29 integers '<29q' (core.quota.Answer), or an error for that Subject.
-- Order, units and meaning of every number: README.md.

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
--@include decide
--@include failure
--@include batch

return run(true)
