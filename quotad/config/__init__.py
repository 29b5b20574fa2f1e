"""One YAML file, refused whole or taken whole.

``model`` is what the rest reads: inert, frozen, all numbers derived. ``file`` reads, validates
(pydantic) and reports every problem at once; nothing else imports pydantic.
"""
