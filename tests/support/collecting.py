"""An OpenTelemetry collector that keeps what it is sent: the protocol's own messages, over real HTTP."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.waiting import until


@dataclass
class Collector:
    """One that is running."""

    endpoint: str = ""
    spans: list[Span] = field(default_factory=list)
    resource: dict[str, str] = field(default_factory=dict)
    """Of the last message."""

    async def take(self, request: web.Request) -> web.Response:
        """One message."""
        message = ExportTraceServiceRequest.FromString(await request.read())
        for group in message.resource_spans:
            self.resource = {each.key: each.value.string_value for each in group.resource.attributes}
            self.spans += [span for scope in group.scope_spans for span in scope.spans]
        return web.Response(content_type="application/x-protobuf")

    async def until(self, count: int) -> list[Span]:
        """Wait for so many spans."""
        await until(lambda: len(self.spans) >= count)
        return self.spans


def attributes(span: Span) -> dict[str, str | int | bool]:
    """By name."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value") or "") for each in span.attributes}


@contextlib.asynccontextmanager
async def running_collector() -> AsyncIterator[Collector]:
    """On a free loopback port."""
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        collector.endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces"
        yield collector
    finally:
        await runner.cleanup()
