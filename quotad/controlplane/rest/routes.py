"""Every route of the native wire format."""

from functools import cache

from quotad.controlplane.audit_trail import Trail
from quotad.controlplane.operations import Operations
from quotad.controlplane.rest.admins import Admins
from quotad.controlplane.rest.apis import Apis
from quotad.controlplane.rest.bindings import Bindings
from quotad.controlplane.rest.fleet import Fleet
from quotad.controlplane.rest.openapi import document
from quotad.controlplane.rest.plans import Plans
from quotad.controlplane.rest.route import Route
from quotad.controlplane.rest.secrets import Secrets
from quotad.controlplane.rest.services import Services
from quotad.controlplane.rest.sessions import SessionRoutes
from quotad.controlplane.rest.use import Use
from quotad.controlplane.rest.webhooks import Webhooks
from quotad.controlplane.rest.whole import Whole
from quotad.controlplane.sessions import Sessions


def all_routes(
    operations: Operations,
    trail: Trail | None,
    use: Use,
    sessions: Sessions | None = None,
    fleet: Fleet | None = None,
    webhooks: Webhooks | None = None,
) -> list[Route]:
    """All of them, the OpenAPI document about all of them among them.

    Without ``sessions`` there are none; without ``fleet`` nobody tells of Sidecars; without ``webhooks``
    nobody is told of quotas.
    """
    admins = Admins(operations, trail)
    routes = [
        *Services(operations).routes(),
        *Apis(operations).routes(),
        *Plans(operations).routes(),
        *Bindings(operations).routes(),
        *Secrets(operations).routes(),
        *Whole(operations).routes(),
        *use.routes(),
        *admins.routes(),
    ]
    if sessions is not None:
        routes += SessionRoutes(operations, sessions).routes()
    if fleet is not None:
        routes += fleet.routes()
    if webhooks is not None:
        routes += webhooks.routes()
    admins.describe = cache(lambda: document(routes))
    return routes
