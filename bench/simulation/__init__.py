"""A fleet of sidecars on one store without a socket: the real engine, the reference store, simulated time.

``loop`` is an event loop whose time jumps from event to event; ``network`` is the way to the store and
the one core behind it; ``demand`` says who is asked what and when; ``fleet`` holds the sidecars and what
their callers heard; ``cases`` names what is tried, ``trial`` runs it, ``figures`` computes, ``report`` and
``charts`` show. ``cost`` measures what a script call costs a real server: the only part with a socket.
"""
