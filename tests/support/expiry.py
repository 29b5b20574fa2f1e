"""When keys expire, on servers of every age: PEXPIRETIME came with Redis 7.0."""

from collections.abc import Sequence

from redis import Redis
from redis.exceptions import ResponseError

# On Redis 6.2 both TIME and PTTL read the running clock, so they agree when no millisecond began between.
_BY_TTL = """
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local found = {}
for place, key in ipairs(KEYS) do
  local before, ttl
  repeat
    before = now_ms()
    ttl = redis.call('PTTL', key)
  until now_ms() == before
  found[place] = ttl < 0 and ttl or before + ttl
end
return found
"""


def expiries_ms(client: Redis, keys: Sequence[bytes]) -> list[int]:
    """Unix milliseconds per key; -1: never, -2: there is no such key."""
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.pexpiretime(key.decode())
    try:
        found: list[int] = pipeline.execute()
    except ResponseError:
        found = client.eval(_BY_TTL, len(keys), *keys)
    return found
