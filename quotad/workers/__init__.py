"""Several processes behind one callers' port: ``workers: N`` with N above 1.

``supervisor``  the process that was started: its ports, its signals, the sum of its workers' numbers
``crew``        keeps N workers alive, and gives all of them the same configuration or none
``child``       one worker as the supervisor sees it
``ports``       a port number taken for all workers
``channel``     orders and answers between them, on a socket of their own
``worker``      the other end: a process with an ``App`` that does what it is told

The supervisor carries nothing that serves callers; a worker carries neither pydantic nor aiohttp.
"""
