"""The native wire format: ``/v1``, JSON, with an OpenAPI document that is made of what serves it.

``route`` says what a route is. ``services``, ``plans``, ``bindings``, ``secrets``, ``admins`` and ``use``
have them, each with what it does; ``forms`` has what is sent to them, ``shapes`` what they answer. ``door``
serves them all and ``openapi`` describes them, from the same table; ``strict`` reads requests.
"""
