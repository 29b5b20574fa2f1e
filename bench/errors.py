"""What stops a bench: shown as one line, not as a traceback."""


class BenchError(Exception):
    """A tool is missing, a part did not start, or a peer did not do its job."""
