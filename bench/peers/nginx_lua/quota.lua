-- The access phase: who calls, one script call, limit headers. Reads settings.lua, which bench writes.
-- The arguments and the reply of the script are those of quotad (lua/README.md), where each number stands is
-- in the settings; numbers are packed with the FFI, which LuaJIT compiles.

local ffi = require "ffi"
local redis = require "nginx.redis"
local settings = require "settings"

local ceil, max = math.ceil, math.max
local format = string.format

local CALLERS = settings.callers
local HEAD = settings.head
local POOL = {pool_size = settings.pool_size}
local DAY_S = 86400

-- What never changes is in them from the start.
local TERMS, CALL, FIELD = settings.terms, settings.call, settings.answer
local terms_buffer = ffi.new("double[?]", #TERMS.numbers, TERMS.numbers)
local call_buffer = ffi.new("double[?]", #CALL.numbers, CALL.numbers)
local TERMS_BYTES, CALL_BYTES = #TERMS.numbers * 8, #CALL.numbers * 8
local answer = ffi.new("int64_t[?]", FIELD.count)
local ANSWER_BYTES = FIELD.count * 8
local EDGES_AT = TERMS.edges_at
local GENERATION_AT, NUMBER_AT = CALL.generation_at, CALL.number_at
local STATUS, NOW, GRANTED, RETRY, GENERATION = FIELD.status, FIELD.now_us, FIELD.granted, FIELD.retry_us, FIELD.generation
local RATE, TOKENS, FULL = FIELD.rate_limit, FIELD.tokens, FIELD.full_us
local DAY, DAY_END, MONTH, MONTH_END = FIELD.day_limit, FIELD.day_end_us, FIELD.month_limit, FIELD.month_end_us
local TOTAL = FIELD.total_limit
local DECIDED = 0

local function number(i)
    return tonumber(answer[i])
end

local terms, terms_end_s = nil, 0

-- Windows in UTC, made once a day.
local function next_month(start_s)
    local within = start_s + 31 * DAY_S
    return within - (os.date("!*t", within).day - 1) * DAY_S
end

local function make_terms(now_s)
    local day = now_s - now_s % DAY_S
    local month = day - (os.date("!*t", now_s).day - 1) * DAY_S
    local month_end = next_month(month)
    local edges = {day, day + DAY_S, day + 2 * DAY_S, month, month_end, next_month(month_end)}
    for i = 1, 6 do
        terms_buffer[EDGES_AT + i - 1] = edges[i] * 1e6
    end
    terms = ffi.string(terms_buffer, TERMS_BYTES)
    terms_end_s = day + DAY_S
end

-- The script takes one call of a Sidecar and Subject at a time, in order. Requests of one caller that
-- run side by side here use connections of their own, so each takes an Entry nobody uses just now.
local function take_entry(caller)
    local free = caller.free
    if not free then
        free = {}
        caller.free = free
    end
    local count = #free
    if count > 0 then
        local entry = free[count]
        free[count] = nil
        return entry
    end
    local random = assert(io.open("/dev/urandom", "rb"))
    local id = random:read(8)
    random:close()
    return {id = id, number = 0, generation = 0}
end

local function reserve(caller)
    local now_s = ngx.time()
    if now_s >= terms_end_s then
        make_terms(now_s)
    end
    local entry = take_entry(caller)
    entry.number = entry.number + 1
    call_buffer[GENERATION_AT], call_buffer[NUMBER_AT] = entry.generation, entry.number
    local call = ffi.string(call_buffer, CALL_BYTES)
    local link = redis:new()
    link:set_timeout(1000)
    local ok = link:connect(settings.store, POOL)
    if not ok then
        return false
    end
    local reply = link:evalsha(settings.sha, 2, caller.state, caller.total, entry.id, HEAD, terms, call)
    local packed = reply and reply[1]
    if type(packed) ~= "string" or #packed ~= ANSWER_BYTES then
        link:close()
        return false
    end
    link:set_keepalive(60000, settings.pool_size)
    ffi.copy(answer, packed, ANSWER_BYTES)
    entry.generation = number(GENERATION)
    caller.free[#caller.free + 1] = entry
    return number(STATUS) == DECIDED
end

-- What is left of a quota whose limit, charged and open stand from ``i`` on.
local function quota_left(i)
    return max(0, number(i) - number(i + 1) - number(i + 2))
end

local function seconds(us)
    return max(1, ceil(us / 1e6))
end

-- The fields of ``core.quota.Answer``. No yield may come between filling ``answer`` and this: the
-- buffer is shared by all requests of the worker.
local function write_limit_headers()
    local now = number(NOW)
    local rate_left, rate_reset = number(TOKENS), seconds(number(FULL))
    local day_left, day_reset = quota_left(DAY), seconds(number(DAY_END) - now)
    local month_left, month_reset = quota_left(MONTH), seconds(number(MONTH_END) - now)
    local total_left = quota_left(TOTAL)

    local limit, left, reset = number(RATE), rate_left, rate_reset
    -- Of equal shares the longer window binds, as in quotad.
    if day_left / number(DAY) <= left / limit then
        limit, left, reset = number(DAY), day_left, day_reset
    end
    if month_left / number(MONTH) <= left / limit then
        limit, left, reset = number(MONTH), month_left, month_reset
    end
    if total_left / number(TOTAL) <= left / limit then
        limit, left, reset = number(TOTAL), total_left, nil
    end

    local header = ngx.header
    header["RateLimit-Policy"] = settings.policy
    header["RateLimit"] = format('"rate";r=%d;t=1, "day";r=%d;t=%d, "month";r=%d;t=%d, "total";r=%d',
        rate_left, day_left, day_reset, month_left, month_reset, total_left)
    header["X-RateLimit-Limit"] = format("%d", limit)
    header["X-RateLimit-Remaining"] = format("%d", left)
    if reset then
        header["X-RateLimit-Reset"] = format("%d", reset)
    end
end

local function refuse(status, detail, headers)
    for name, value in pairs(headers) do
        ngx.header[name] = value
    end
    ngx.status = status
    ngx.header["Content-Type"] = "application/problem+json"
    ngx.header["Cache-Control"] = "no-store"
    ngx.print(format('{"type":"about:blank","status":%d,"detail":"%s"}', status, detail))
    return ngx.exit(status)
end

local CHALLENGE = {["WWW-Authenticate"] = "hmac"}

local function admit(caller, id)
    if not caller then
        return refuse(401, "Secret id or key is invalid.", CHALLENGE)
    end
    if not reserve(caller) then
        return refuse(503, "The store did not answer.", {["Retry-After"] = "1"})
    end
    local refused, retry_us = number(GRANTED) < 1, number(RETRY)
    local var = ngx.var
    write_limit_headers()
    ngx.header["X-Request-Id"] = var.request_id
    if refused then
        return refuse(429, "API quota exceeded.", {["Retry-After"] = format("%d", seconds(retry_us))})
    end
    var.caller = id
end

local quota = {}

-- X-Secret-Id and X-Secret-Key. A plain compare, as gateways do it: cheaper than one in constant time.
function quota.pair()
    local var = ngx.var
    local id = var.http_x_secret_id
    local caller = id and CALLERS[id]
    if caller and caller.key ~= var.http_x_secret_key then
        caller = nil
    end
    return admit(caller, id)
end

local SIGNED = '^hmac id="([^"]+)", algorithm="hmac%-sha1", headers="([^"]+)", signature="([^"]+)"$'
local WINDOW_S = 900

local function verify(authorization)
    local id, names, signature = authorization:match(SIGNED)
    local caller = id and CALLERS[id]
    if not caller then
        return nil
    end
    local var, lines, date = ngx.var, {}, nil
    for name in names:gmatch("%S+") do
        local value = var["http_" .. name:gsub("-", "_")]
        if not value then
            return nil
        end
        lines[#lines + 1] = name .. ": " .. value
        if name == "date" then
            date = ngx.parse_http_time(value)
        end
    end
    if not date or math.abs(ngx.time() - date) > WINDOW_S then
        return nil
    end
    local digest = ngx.hmac_sha1(caller.key, table.concat(lines, "\n"))
    return ngx.encode_base64(digest) == signature and caller, id
end

-- Authorization: hmac ... with sha1, the one algorithm that nginx's Lua carries itself.
function quota.signed()
    local authorization = ngx.var.http_authorization
    if not authorization then
        return admit(nil)
    end
    return admit(verify(authorization))
end

return quota
