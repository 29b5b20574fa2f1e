"""nginx with Lua and one EVALSHA of quotad's reserve script per request."""
