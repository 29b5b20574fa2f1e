-- Where every number stands. README.md says what each means.
-- An upper-case `local NAME = literal` is a constant: its value is put in the place of its name when
-- the script is assembled, since a name caught by a function costs time at every call.

-- The aggregate (field `a`): one array, packed whole.
local AGGREGATE = '<ddddddddddddddddddddddddddddddddddd'
local AGGREGATE_BYTES = 280
local STORED = 35
local FORMAT = 1
local VERSION = 2
local HEALING = 3
local LAST = 4
local TOKENS = 5
local LEASED = 6
local DAY_END = 7
local MONTH_END = 8
local PREVIOUS_DAY_END = 9
local PREVIOUS_IN_MONTH = 10
local EARLIEST = 11
local GENERATION = 12
local PLAN_VERSION = 13
local BIRTH = 14
local TOTAL_KEPT = 15
-- Windows begin here, each with charged, open, granted, given back; the previous day has the first two.
local DAY = 16
local MONTH = 20
local TOTAL = 24
local PREVIOUS = 28
local ENTRIES = 30
local LEASES_END = 31
local THAW = 32
local ADJUSTED = 33
local HOUR_END = 34
local HOUR_MARK = 35
-- The aggregate before there were leases.
local OLD_AGGREGATE = '<ddddddddddddddddddddddddddddd'
local OLD_BYTES = 232
local OLD_STORED = 29
local CHARGED = 0
local OPEN = 1
local GRANTED = 2
local GIVEN_BACK = 3

-- An Entry (a field named by the Sidecar's id): one array, packed whole; the short form has no lease.
local ENTRY = '<ddddddddddddd'
local ENTRY_BYTES = 104
local ENTRY_STORED = 13
local LEASED_ENTRY = '<dddddddddddddddddd'
local LEASED_ENTRY_BYTES = 144
local LEASED_ENTRY_STORED = 18
local OWN_GENERATION = 1
local OWN_NUMBER = 2
local OWN_EXPIRES = 3
-- Shares begin here, that of the Subject's current day and that of its previous one.
local CURRENT = 4
local EARLIER = 9
local SHARE_DAY_END = 0
local SHARE_GRANTED = 1
local SHARE_AT_ONCE = 2
local SHARE_CLOSED = 3
local SHARE_GIVEN_BACK = 4
-- Units of the current day that were granted ahead, and what became of them.
local AHEAD = 14
local SPENT = 15
local RETURNED = 16
local LEASE_END = 17
-- Of those ahead, the first so many are leased no more, whatever was heard of them.
local ENDED = 18

-- What healing goes by (field `h`): per window what Sidecars remember, and what their Entries restored.
local HEALED = '<dddddddd'
local HEALED_STORED = 8
local HEALED_DAY_END = 1
local HEALED_DAY = 2
local HEALED_MONTH_END = 4
local HEALED_MONTH = 5
local HEALED_TOTAL = 7
local REMEMBERED = 0
local RESTORED = 1

-- Limits (field `p`), and Terms, which begin with them.
local LIMITS = '<dddddd'
local TERMS = '<ddddddddddddddd'
local PLAN = 1
local RATE = 2
local BURST = 3
local DAY_LIMIT = 4
local MONTH_LIMIT = 5
local TOTAL_LIMIT = 6
local DAY_WINDOWS = 7
local MONTH_WINDOWS = 10
local CONDITIONAL = 13
local RELEASE = 14
local LEASE_TTL = 15

local TOTAL_FORMAT = '<dddd'
local CALL = '<ddddddddddddddd'
local CALL_BYTES = 120
local SENT_PLAN = 1
local SENT_COST = 2
local SENT_AHEAD = 3
local SENT_GENERATION = 4
local SENT_NUMBER = 5
local SENT_HEARD = 6
local SENT_VERSION = 7
local SENT_DAY_END = 8
local SENT_CLOSED = 9
local SENT_GIVEN_BACK = 10
local SENT_PREVIOUS_DAY_END = 11
local SENT_PREVIOUS_CLOSED = 12
local SENT_PREVIOUS_GIVEN_BACK = 13
local SENT_SPENT = 14
local SENT_RETURNED = 15
-- A Call of a Sidecar that is asked what it remembers goes on with this.
local MEMORY = '<dddddddddd'
local SEEN = 1
local SEEN_GRANTED = 2
local SEEN_AT_ONCE = 3
local SEEN_AHEAD = 4
local SEEN_PREVIOUS_GRANTED = 5
local SEEN_PREVIOUS_AT_ONCE = 6
local SEEN_DAY_USED = 7
local SEEN_MONTH_END = 8
local SEEN_MONTH_USED = 9
local SEEN_TOTAL_USED = 10
local ANSWER = '<lllllllllllllllllllllllllllll'
local USAGE = '<i8i8i8i8i8i8i8i8i8i8i8i8i8'

-- core.quota.AnswerStatus and core.quota.Limit.
local DECIDED = 0
local WINDOWS_UNFIT = 1
local NUMBER_STALE = 2
local STATE_LOST = 3
local NONE = 0
local BY_RATE = 1
local BY_DAY = 2
local BY_MONTH = 3
local BY_TOTAL = 4

local TOKEN_U = 1000000
local HELD_RETRY_US = 1000000
local DAY_US = 86400000000
local TOTAL_LIFE_US = 34560000000000
local LEAVE = -1
local SCAN_US = 20000
local HOUR_US = 3600000000
local HOURS_LIFE_US = 691200000000
local TOP_UP_KEPT_US = 691200000000
local LARGEST = 9007199254740991
-- A limit below this one is soft (core.breach): it denies nobody, and is the more negative the larger.
local UNLIMITED = -1
local LARGEST_SOFT = -9007199254740991
