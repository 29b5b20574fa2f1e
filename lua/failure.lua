-- A broken Subject answers for itself. Redis raises errors as text up to 6.2, as tables since 7.
local function failure(reason)
  if type(reason) == 'table' then reason = reason.err end
  if not string.find(reason, '^%u+ ') then reason = 'ERR ' .. reason end
  return {err = reason}
end
