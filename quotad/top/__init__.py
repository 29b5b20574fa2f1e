"""``quotad top``: what goes on in a fleet, live in a terminal."""
