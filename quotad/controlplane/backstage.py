"""What an admin port in control mode stands on, handed over by whoever opened it."""

from dataclasses import dataclass

from quotad.catalog.vault import Vault
from quotad.controlplane.operations import Operations
from quotad.store.control import ControlStore


@dataclass(frozen=True, slots=True)
class Backstage:
    """The parts of one admin process."""

    operations: Operations
    control: ControlStore
    vault: Vault
