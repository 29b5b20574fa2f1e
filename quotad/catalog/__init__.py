"""Control records as a sidecar sees them: read from the store, opened, followed, looked up.

``vault`` seals and opens SecretKeys. ``records`` turns a record (plain JSON) into what ``core`` knows,
and back. ``live`` is the table that requests look things up in; it changes by whole commits. ``follow``
loads it and keeps it as the store has it. Nothing here writes to the store: that is the control plane's.
"""
