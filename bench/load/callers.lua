-- wrk's script: cycles the callers over the connections. Requests are made once, before the clock
-- runs, so that the load tool costs as little as it can.
-- args[1]: a Lua file that returns the list of each caller's header table.

local requests = {}
local count, last = 0, 0

function init(args)
    for i, headers in ipairs(dofile(args[1])) do
        requests[i] = wrk.format("GET", "/bench/items/42?unit=piece", headers)
        count = i
    end
end

function request()
    last = last % count + 1
    return requests[last]
end

-- Runs once in the end; latencies are of a closed loop (the next request waits for the answer).
function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\nresult {"requests":%.0f,"duration_us":%.0f,"p50_us":%.0f,"p99_us":%.0f,"refused":%.0f,"broken":%.0f}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
