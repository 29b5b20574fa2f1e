"""Bytes in, one linear page of decisions, bytes out: asyncio.Protocol, httptools, no Task per request.

``listener``    opens, drains and closes the callers' port
``arrival``     what comes before the first request: a PROXY header, a TLS handshake
``connection``  one caller: a coroutine that takes its requests in order
``exchange``    the life of one request, top to bottom, on ``entrance`` (what it says, where it goes,
                who sends it) and ``account`` (settled once, counted once)
``decision``    the same for a request that another proxy forwards and asks about; ``settling`` waits for
                the status that such a proxy tells
``admit``       a strong signature's proof, the plan's Verdict, the throttle's; ``proof`` and ``nonces``
                are what such a signature asks for beside being right
``shadow``      a plan that is computed beside the one that enforces
``own_view``    what a caller is shown of its own use; ``own_use`` asks the store for it
``backend``     connections to backends, kept and bounded; ``upstream`` is one of them
``tls``         between a connection and who speaks over it, for callers and backends alike
``relay``       bodies on their way through
``switch``      what becomes of an exchange after a 101; ``tunnel`` joins the two connections then
``heads``       llhttp checks, ``core`` reads, equal bytes are read once
``snapshot``    the configuration in force; ``plane`` what a listener's connections share
``sampling``    which requests are recorded as spans
``flow``        waiting without a Future, deadlines without a timer each
"""
