"""quotad: exact request quotas in front of any HTTP service.

A request passes these parts, in this order, each importing only parts below it:

``dataplane``     bytes in, one linear page of decisions (``exchange``), bytes out
``engine``        many waiting requests, one exact decision; what a crash or an outage may cost
``store``         the only package that speaks Redis: keys, scripts, one multiplexed link
``core``          rules without I/O, clock or randomness: heads, framing, credentials, plans,
                  windows, the quota algorithm itself, refusals
``config``        one YAML file, refused whole or taken whole
``telemetry``     what a request's ``Outcome`` leaves behind: numbers and one log line
``controlplane``  the admin port (aiohttp); never imported by the data plane

``app`` is the only module that knows all of them; ``workers`` are several Apps behind one port;
``cli`` parses, calls and prints; ``direct`` is the control plane of one command.
The decisions themselves are the scripts in ``lua/``, proven against ``core.reference``.
"""

__version__ = "0.1.0"
