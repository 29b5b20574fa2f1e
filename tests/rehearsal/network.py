"""A network of the rehearsal's own: a bridge in its namespace, and a namespace for each Pod."""

import subprocess
from pathlib import Path

HOST = "10.88.0.1"
_PREFIX = "10.88.0."


def ip(*arguments: str) -> None:
    """One line of `ip`."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=30)


def open_network() -> None:
    """The bridge; this process is at ``HOST``."""
    # One hierarchy, whichever this machine has: containers are put into it, and bounded by nothing.
    subprocess.run(["mount", "-t", "cgroup2", "none", "/sys/fs/cgroup"], check=True, timeout=30)
    # Names of namespaces are files there; seen from outside, nothing is left of them.
    Path("/run/netns").mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run/netns"], check=True, timeout=30)
    ip("link", "set", "lo", "up")
    ip("link", "add", "pods", "type", "bridge")
    ip("address", "add", f"{HOST}/24", "dev", "pods")
    ip("link", "set", "pods", "up")


def add_pod(number: int) -> tuple[str, str]:
    """A Pod's namespace, as a path, and its address."""
    name, address = f"pod{number}", f"{_PREFIX}{number + 1}"
    ip("netns", "add", name)
    ip("link", "add", f"{name}-out", "type", "veth", "peer", "name", "eth0", "netns", name)
    ip("link", "set", f"{name}-out", "master", "pods", "up")
    ip("-n", name, "link", "set", "lo", "up")
    ip("-n", name, "link", "set", "eth0", "up")
    ip("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
    return f"/run/netns/{name}", address
