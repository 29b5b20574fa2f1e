"""The picture of throughput against latency: peer by peer, driven by more and more connections."""

from bench.cases import Case
from bench.rows.ground import OURS, Ground, peer
from bench.simulation.charts import Chart, svg

Curves = dict[str, list[tuple[float, float]]]
"""By peer: thousands of requests/s, and within how many milliseconds half of the answers came."""
_CASE = Case("curve", "200 callers, 1 to 128 connections", 200, 128)


def measure(ground: Ground) -> Curves:
    """A second at each number of connections."""
    curves: Curves = {}
    if not ground.budget.curve:
        return curves
    for name in (*(OURS[build] for build in ground.builds), "nginx_lua", "envoy", "traefik"):
        with ground.stage.serving(peer(name), _CASE) as act:
            act.load(1)
            loads = [act.load(1, connections) for connections in ground.budget.curve]
        curves[name] = [(load.rps / 1000, load.p50_us / 1000) for load in loads]
        ground.say(f"curve   {name:16} up to {max(load.rps for load in loads):.0f} requests/s")
    return curves


def picture(curves: Curves) -> str:
    """As SVG."""
    chart = Chart(
        "Throughput against latency, 1 to 128 connections (closed loop, one core for the proxy)",
        "A line that goes further to the right before it rises serves more requests with the same wait.",
        "thousand requests per second",
        "median ms",
        [(peer(name).title, points) for name, points in curves.items()],
    )
    return svg(chart)
