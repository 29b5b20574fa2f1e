"""The web console: one page at ``/console/`` that talks to ``/v1`` and to nothing else.

``files`` reads what is served into memory, ``door`` serves it. ``static/`` holds the page: plain ES modules,
one style sheet, and in ``vendor/`` two libraries as their authors publish them (``vendor/manifest.json`` has
version, licence and digest of each file). Nothing is built.
"""
