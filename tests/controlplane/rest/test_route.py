from typing import Any

from quotad.controlplane.rest.route import Route


def test_a_route_is_named_by_its_method_and_path() -> None:
    """Its operation id tells one of a kind from all of them."""
    nothing: Any = None
    of = [Route("GET", path, "Describe", "", nothing).name for path in ("/v1/a-b", "/v1/a-b/{id}")]
    assert of == ["getAB", "getABOne"]
