"""aiohttp.web, aiohttp's client and one EVALSHA by redis-py per request: the usual way in Python."""
