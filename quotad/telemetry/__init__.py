"""What a request leaves behind: numbers, one log line; and the port where they are read."""
