"""quotad measured against those who do its job, or a part of it, another way.

``cases`` says what is measured and for how long; ``callers`` who calls. ``peers`` holds one folder
per proxy with the configuration it runs on, and ``peers.catalog`` the list; quotad is one of them.
``backend`` and ``load`` stand on both sides of a proxy and are the same for all; ``store`` is the
Redis server of those that count. ``checks`` proves that a peer does what it claims before it is
measured, ``rounds`` starts them in turn and takes the figures, ``report`` makes tables and a picture.
bench/README.md says how to read them.
"""
