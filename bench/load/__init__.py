"""The load tool: wrk on one thread, closed loop, all callers in turn over all connections."""
