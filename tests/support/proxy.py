# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two proxies on loopback: one that makes the network slow, one that speaks HTTP's proxy protocol.

As a program, the slow one: ``python -m tests.support.proxy --target HOST:PORT --rtt 20`` prints its own HOST:PORT.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import selectors
import signal
import socket
import threading
import typing as t
import urllib.parse
from dataclasses import dataclass

_BLOCK = 65536
_Item = tuple[float, bytes]


class _LoopThread:
    """An event loop in a thread of its own that accepts TCP connections on 127.0.0.1 until closed."""

    def __init__(self, port: int = 0):
        # select() waits with microseconds where epoll rounds up to whole milliseconds, twice a round trip.
        self._loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
        self._listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name=f"proxy:{self.port}", daemon=True)
        self._thread.start()

    @property
    def host(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Cut all connections and end the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accepted, sock=self._listener))
        self._loop.run_forever()
        server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = t.cast("asyncio.Task[None]", asyncio.current_task())
        self._tasks.add(task)
        try:
            await self._connection(reader, writer)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # one side went away or spoke no HTTP: nobody is left to tell
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError


_Self = t.TypeVar("_Self", bound=_LoopThread)


class DelayingProxy(_LoopThread):
    """A TCP proxy to ``target`` (HOST:PORT) that is ``rtt_ms`` milliseconds away.

    Everything arrives half a round trip later, the first bytes of a connection one more round trip: that of TCP's own
    handshake, which loopback does at once. Delays overlap, within a connection and between them.
    """

    def __init__(self, target: str, rtt_ms: float, port: int = 0):
        host, _colon, number = target.rpartition(":")
        self._target = (host, int(number))
        self._rtt = rtt_ms / 1000
        super().__init__(port)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_at = self._loop.time() + self._rtt
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        for one in (writer, far_writer):
            one.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.gather(self._carry(reader, far_writer, open_at), self._carry(far_reader, writer, open_at))
        finally:
            far_writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, open_at: float) -> None:
        queue: asyncio.Queue[_Item] = asyncio.Queue(maxsize=1024)
        delivery = asyncio.ensure_future(self._deliver(queue, writer))
        try:
            while True:
                data = await reader.read(_BLOCK)
                await queue.put((max(self._loop.time(), open_at) + self._rtt / 2, data))
                if not data:
                    break
            await delivery
        finally:
            delivery.cancel()

    async def _deliver(self, queue: asyncio.Queue[_Item], writer: asyncio.StreamWriter) -> None:
        while True:
            due, data = await queue.get()
            wait = due - self._loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            if not data:
                with contextlib.suppress(OSError):
                    writer.write_eof()
                return
            writer.write(data)
            await writer.drain()


@dataclass(frozen=True)
class ProxyRequest:
    """A request that a ConnectProxy got. ``target`` is HOST:PORT after CONNECT, else an absolute URL."""

    method: str
    target: str
    headers: dict[str, str]


class ConnectProxy(_LoopThread):
    """An HTTP proxy: CONNECT tunnels and absolute-form requests, recorded in ``requests``.

    With ``credentials`` (name, password) it asks for Basic authentication. ``hosts`` maps targets to others,
    HOST:PORT both, so that names that no resolver knows can be reached through it.
    """

    def __init__(self, credentials: tuple[str, str] | None = None, hosts: dict[str, str] | None = None, port: int = 0):
        self.requests: list[ProxyRequest] = []
        self._hosts = hosts or {}
        self._authorization: str | None = None
        if credentials:
            self._authorization = "Basic " + base64.b64encode(":".join(credentials).encode()).decode()
        super().__init__(port)

    @property
    def url(self) -> str:
        """The proxy as a URL without credentials."""
        return f"http://{self.host}"

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _version = lines[0].split()
        headers = {name.lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines[1:-2])}
        self.requests.append(ProxyRequest(method, target, headers))
        if self._authorization and headers.get("proxy-authorization") != self._authorization:
            writer.write(
                b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="proxy"\r\n'
                b"Content-Length: 0\r\nConnection: close\r\n\r\n"
            )
            await writer.drain()
            return
        if method == "CONNECT":
            await self._relay(reader, writer, target, b"")
            return
        url = urllib.parse.urlsplit(target)
        kept = [line for line in lines[1:-2] if not line.lower().startswith(("proxy-", "connection:"))]
        path = urllib.parse.urlunsplit(("", "", url.path or "/", url.query, ""))
        head = "\r\n".join([f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""])
        await self._relay(reader, writer, f"{url.hostname}:{url.port or 80}", head.encode("latin-1"))

    async def _relay(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str, head: bytes
    ) -> None:
        host, _colon, port = self._hosts.get(target, target).rpartition(":")
        try:
            far_reader, far_writer = await asyncio.open_connection(host.strip("[]"), int(port))
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        if head:
            far_writer.write(head)
        else:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            far_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_BLOCK):
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.proxy", description=__doc__)
    parser.add_argument("--target", required=True, metavar="HOST:PORT")
    parser.add_argument("--rtt", type=float, default=0, help="round-trip time in milliseconds")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: ended.set())
    with DelayingProxy(arguments.target, arguments.rtt, arguments.port) as proxy:
        print(proxy.host, flush=True)
        ended.wait()


if __name__ == "__main__":
    _main()
