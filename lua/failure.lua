-- A broken Subject answers for itself. Redis raises errors as tables since 7, before that as text, to
-- which it puts the script's line where it is the one that refuses (memory, read-only).
local function failure(reason)
  if type(reason) == 'table' then reason = reason.err end
  reason = string.gsub(reason, '^@user_script: %d+: %-', '')
  if not string.find(reason, '^%u+ ') then reason = 'ERR ' .. reason end
  return {err = reason}
end
