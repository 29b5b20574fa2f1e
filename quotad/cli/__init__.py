"""The commands: parse, call, print. No logic, and each imports only what it needs.

``entry`` runs one command line; ``root`` knows which module has which command and loads it when it is
asked for. ``server``, ``callers`` and ``master`` act on files and stores. All others ask an admin port:
``reach`` finds it, or, with a configuration, opens one on the store for the one command, so that each
command is written once; ``people`` has what they share, and they print through ``show``. ``whole`` acts on
all records at once.

Exit status: 0 done; 1 refused or failed (stderr says why); 2 wrong usage; 3 the admin port or its store was
not reached; 4 not let in, or not allowed; 130 interrupted.
"""
