"""Knows how to open sockets on loopback: HTTP, HTTPS, and DNS over UDP and TCP. Refuses to know who answers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web

from simulator.azure.errors import ArmError
from simulator.azure.faults import Faults
from simulator.azure.gateway import Dropped, before
from simulator.azure.nameserver import Names, Udp, tcp

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Closing = list[Callable[[], Awaitable[None]]]  # what to call at the end, in the order of opening
HOST = "127.0.0.1"


async def serve(handler: Handler, port: int, closing: Closing, secure: ssl.SSLContext | None = None) -> int:
    """Serve HTTP (HTTPS with a context) and say the port; 0 takes a free one."""
    runner = web.ServerRunner(web.Server(handler, access_log=None), shutdown_timeout=1.0)
    await runner.setup()
    closing.append(runner.cleanup)
    await web.TCPSite(runner, HOST, port, ssl_context=secure).start()
    return int(runner.addresses[0][1])


def faulty(handler: Handler, faults: Faults) -> Handler:
    """The doors besides ARM fail only by faults whose path names them: /msi/token or /api/events."""

    async def handle(request: web.Request) -> web.StreamResponse:
        named = any(request.path in one.path for one in faults.rows)
        fault = faults.take("", request.method, request.path) if named else None
        try:
            if fault:
                await before(fault, request.path)
        except ArmError as error:
            return web.json_response(error.body, status=error.status, headers=error.headers)
        except Dropped:
            if request.transport:
                request.transport.abort()
            return web.Response(status=499)
        return await handler(request)

    return handle


async def serve_dns(names: Names, port: int, closing: Closing) -> int:
    """UDP and TCP on the same port; a free one may need a second try."""
    loop = asyncio.get_running_loop()
    for attempt in range(20):
        listener = await asyncio.start_server(lambda reader, writer: tcp(names, reader, writer), HOST, port)
        chosen = int(listener.sockets[0].getsockname()[1])
        try:
            udp, _ = await loop.create_datagram_endpoint(lambda: Udp(names), (HOST, chosen))
        except OSError:
            listener.close()
            if port or attempt == 19:
                raise
            continue

        async def close(listener: asyncio.Server = listener, udp: asyncio.DatagramTransport = udp) -> None:
            udp.close()
            listener.close()

        closing.append(close)
        return chosen
    raise OSError("no port is free for UDP and TCP")
