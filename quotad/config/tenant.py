"""How many there may be of each thing in control mode."""

from quotad.frozen import frozen


@frozen
class Limits:
    """Of one store; 0: any number. The clouds' own numbers are in docs/dialects.md."""

    services: int = 0
    plans: int = 0
    secrets: int = 0
    secrets_per_plan: int = 0
    plans_per_secret: int = 0


UNLIMITED = Limits()
