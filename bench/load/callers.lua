-- wrk's script: sends requests from a file in turn, over all connections. They were made before the clock
-- runs, so that the load tool costs as little as it can.
-- args[1]: the file: whole requests, each ended by a NUL.
-- args[2]: how many of them were sent before: it goes on with the next.
-- args[3]: how long a connection waits between an answer and its next request, milliseconds on average: any
--          time up to twice that. 0: not at all.
-- args[4]: "distinct": no two requests are equal, in path and in one more header; else they are sent as they are.

local requests, rests = {}, {}
local count, last, number, pause_ms = 0, 0, 0, 0

function init(args)
    local file = assert(io.open(args[1], "rb"))
    for text in file:read("*a"):gmatch("(%Z+)%z") do
        count = count + 1
        requests[count] = text
    end
    file:close()
    last = tonumber(args[2]) % count
    pause_ms = tonumber(args[3])
    if pause_ms > 0 then delay = pause end
    if args[4] == "distinct" then
        for i, text in ipairs(requests) do rests[i] = text:match("( HTTP/1.1\r\n.*\r\n)\r\n") end
        request = distinct
    end
end

function request()
    last = last % count + 1
    return requests[last]
end

function distinct()
    last = last % count + 1
    number = number + 1
    return "GET /bench/items/" .. number .. rests[last] .. "X-Item-Number: " .. number .. "\r\n\r\n"
end

function pause()
    return math.random(0, 2 * pause_ms)
end

-- Runs once in the end; latencies are of a closed loop (the next request waits for the answer).
function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\nresult {"requests":%.0f,"duration_us":%.0f,"p50_us":%.0f,"p99_us":%.0f,"refused":%.0f,"broken":%.0f}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
