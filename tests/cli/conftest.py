"""What tests of commands share."""

from tests.support.desks import shell

__all__ = ["shell"]
