"""What control mode costs a sidecar: start, memory, changes. ``python -m bench.control``."""
