"""quotad as it ships, by its own command; nothing is switched off but the access log."""
