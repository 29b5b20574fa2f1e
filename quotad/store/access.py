"""The way to the servers that a URL names, whatever they are: the one place that tells them apart."""

import asyncio

from quotad.config.model import StoreConfig
from quotad.store import topology
from quotad.store.link import LinkOptions
from quotad.store.locator import locator
from quotad.store.route import OneServer, Route


def route(loop: asyncio.AbstractEventLoop, url: str, config: StoreConfig, options: LinkOptions) -> Route:
    """A Route that is yet to be started. Raises ValueError, which never shows the URL."""
    if "+cluster://" in url.partition("@")[0]:
        # The nodes' views are asked for through redis-py: see ``locator``.
        from quotad.store.cluster import Cluster

        return Cluster(
            loop,
            topology.parse_cluster(url),
            options,
            password_file=config.password_file,
            allow_eviction=config.allow_eviction,
        )
    return OneServer(loop, locator(url, config), options, allow_eviction=config.allow_eviction)
