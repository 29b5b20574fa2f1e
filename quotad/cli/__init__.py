"""The commands: parse, call, print. No logic, and each imports only what it needs.

``entry`` runs one command line; ``root`` knows which module has which command and loads it when it is
asked for. ``server``, ``callers``, ``usage``, ``master`` and ``whole`` act on files and stores;
``people`` and what it loads speak to an admin port through ``reach`` and print through ``show``.

Exit status: 0 done, 1 refused or failed (stderr says why), 2 wrong usage, 130 interrupted.
"""
