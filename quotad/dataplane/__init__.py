"""Bytes in, one linear page of decisions, bytes out: asyncio.Protocol, httptools, no Task per request."""
