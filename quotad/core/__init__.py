"""Decisions: no I/O, no clock, no metrics, no network library. Time and randomness are arguments."""
