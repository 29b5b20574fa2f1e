from typing import Any, cast

from quotad.controlplane.operations import Operations
from quotad.controlplane.rest.routes import all_routes
from quotad.controlplane.rest.use import Use
from quotad.controlplane.rest.webhooks import Webhooks
from quotad.controlplane.roles import NEEDED


def test_every_route_has_its_role() -> None:
    """Each route's action has a row in the table of roles; no method and path stands twice."""
    nothing: Any = None
    operations = cast(Operations, nothing)
    use = Use(nothing, nothing, None, cast(Any, object()))
    routes = all_routes(operations, None, use, webhooks=Webhooks(operations, nothing, None))
    assert [route.path for route in routes if route.action not in NEEDED] == []
    places = [(route.method, route.path) for route in routes]
    assert len(set(places)) == len(places) > 40
    assert [route.path for route in routes if route.method == "GET" and NEEDED[route.action] == "admin"] == [
        "/v1/export",
        "/v1/credentials",
        "/v1/credentials/{credentialId}",
    ]
