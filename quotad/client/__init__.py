"""What speaks to a quotad from outside.

``caller`` sends and signs as a caller does, ``commands`` prints (``quotad call``, ``quotad sign``). ``admin``
asks an admin port and ``wording`` says what went wrong there; ``whole`` is about all records at once.
"""
