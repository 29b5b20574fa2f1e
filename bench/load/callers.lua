-- wrk's script: cycles the callers over the connections. Requests are made once, before the clock
-- runs, so that the load tool costs as little as it can.
-- args[1]: a Lua file that returns the list of each caller's header table.
-- args[2]: "distinct": no two requests are equal, in path and in one more header; else the callers'
--          requests are the same every time.

local requests, rests = {}, {}
local count, last, number = 0, 0, 0

function init(args)
    for i, headers in ipairs(dofile(args[1])) do
        requests[i] = wrk.format("GET", "/bench/items/42?unit=piece", headers)
        rests[i] = requests[i]:match("( HTTP/1.1\r\n.*\r\n)\r\n")
        count = i
    end
    if args[2] == "distinct" then request = distinct end
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

-- Runs once in the end; latencies are of a closed loop (the next request waits for the answer).
function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\nresult {"requests":%.0f,"duration_us":%.0f,"p50_us":%.0f,"p99_us":%.0f,"refused":%.0f,"broken":%.0f}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
