"""One folder per proxy with what it runs on; ``catalog`` lists them, ``peer`` says what one is."""
