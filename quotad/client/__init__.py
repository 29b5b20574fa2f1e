"""``quotad call`` and ``quotad sign``: ``caller`` sends and signs, ``commands`` prints."""
