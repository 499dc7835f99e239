# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small threaded HTTP/1.1 server that can also be told to break the protocol.

The standard library's server hides the socket behind its own idea of a response; a fault needs the bare socket, and one
``sendall`` per response keeps a request on loopback well below a tenth of a millisecond.
"""

from __future__ import annotations

import contextlib
import http
import io
import itertools
import socket
import ssl
import struct
import threading
import time
import typing as t
import urllib.parse
from dataclasses import dataclass, field

KEPT_BODY = 65536  # bodies of recorded requests above this are dropped: the record must not hold every pushed layer
_MAX_LINE = 65536
_TLS_HANDSHAKE = b"\x16"


class Closing(Exception):
    """The server is being closed; ends a handler that is waiting."""


@dataclass
class Request:
    """One request as received. ``status`` is None until answered, and stays None when no status line was ever sent."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    body_size: int = 0
    connection: int = 0
    status: int | None = None
    path: str = ""
    query: dict[str, str] = field(default_factory=dict)


@dataclass
class Response:
    """What to answer; Content-Length is added unless the headers already have one."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def head(self) -> bytes:
        """Status line and headers, with the blank line that ends them."""
        lines = [f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if "Content-Length" not in self.headers and self.status not in (204, 304):
            lines.append(f"Content-Length: {len(self.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


_REASONS = {int(status): status.phrase for status in http.HTTPStatus}


class Exchange:
    """A request in progress: what a handler, or a fault, works with."""

    def __init__(
        self, request: Request, sock: socket.socket, closing: threading.Event, normal: t.Callable[[Request], Response]
    ):
        self.request = request
        self._sock = sock
        self._closing = closing
        self._normal = normal

    def normal(self) -> Response:
        """Do what the request asks and return the honest response, unsent."""
        return self._normal(self.request)

    def send(self, data: bytes) -> None:
        """Write raw bytes."""
        self._sock.sendall(data)

    def pause(self, seconds: float | None = None) -> None:
        """Wait; None waits until the server closes. Raises Closing when it does."""
        if self._closing.wait(seconds):
            raise Closing

    def reset(self) -> None:
        """Make the coming close an abortive one (RST instead of FIN)."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Handler = t.Callable[[Exchange], t.Optional[Response]]


class HTTPServer:
    """Serves 127.0.0.1 on a thread per connection until closed.

    The handler gets an Exchange and returns the Response to send, or None when it has dealt with the socket itself; the
    connection is closed then. ``normal`` is what ``Exchange.normal`` calls.
    """

    def __init__(
        self,
        handler: Handler,
        normal: t.Callable[[Request], Response],
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ):
        self._handler = handler
        self._normal = normal
        self._tls = tls
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._numbers = itertools.count(1)
        self._listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name=f"accept:{self.port}", daemon=True)
        self._acceptor.start()

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        with self._lock:
            return len(self._open)

    def close(self) -> None:
        """Stop listening, cut every connection, and wait for the threads."""
        self._closing.set()
        _shut(self._listener)
        self._listener.close()
        self._acceptor.join(5)
        with self._lock:
            threads = dict(self._open)
            for sock in threads.values():
                _shut(sock)
        deadline = time.monotonic() + 5
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                sock, _peer = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._connection, args=(sock,), name=f"serve:{self.port}", daemon=True)
            with self._lock:
                self._open[thread] = sock
            thread.start()

    def _connection(self, sock: socket.socket) -> None:
        number = next(self._numbers)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = secure = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                with self._lock:
                    self._open[threading.current_thread()] = sock
                secure.do_handshake()
            self._requests(sock, number)
        except (OSError, ValueError, Closing):
            pass  # the client went away, spoke no HTTP, or the server closes: nobody is left to tell
        finally:
            sock.close()
            with self._lock:
                del self._open[threading.current_thread()]

    def _requests(self, sock: socket.socket, number: int) -> None:
        with sock.makefile("rb") as stream:
            while not self._closing.is_set():
                try:
                    request = _read_request(stream, sock, number)
                except ValueError as problem:
                    sock.sendall(Response(400, {"Connection": "close", "X-Problem": str(problem)}).head())
                    return
                if request is None:
                    return
                response = self._handler(Exchange(request, sock, self._closing, self._normal))
                if len(request.body) > KEPT_BODY:
                    request.body = b""
                if response is None:
                    return
                request.status = response.status
                head, body = response.head(), b"" if request.method == "HEAD" else response.body
                sock.sendall(head + body)
                if "close" in (request.headers.get("connection"), response.headers.get("Connection")):
                    return


def _shut(sock: socket.socket) -> None:
    """Wake whoever blocks on the socket. SSLSocket's own method would first drop the TLS state under its user."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _read_request(stream: io.BufferedReader, sock: socket.socket, number: int) -> Request | None:
    if stream.peek(1)[:1] == _TLS_HANDSHAKE:
        # clients that try https first take an answer in plain HTTP for "this is http"; after a mere close they retry
        raise ValueError("TLS on a plain HTTP port")
    line = stream.readline(_MAX_LINE)
    if not line:
        return None
    method, target, _version = line.decode("latin-1").split()
    headers: dict[str, str] = {}
    for raw in iter(lambda: stream.readline(_MAX_LINE), b"\r\n"):
        name, colon, value = raw.decode("latin-1").partition(":")
        if not colon:
            raise ValueError("header without a colon")
        key, value = name.lower(), value.strip()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    if headers.get("expect", "").lower() == "100-continue":
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = _read_chunks(stream)
    else:
        body = _read_exactly(stream, int(headers.get("content-length", "0")))
    path, _mark, query = target.partition("?")
    return Request(
        method,
        target,
        headers,
        body,
        body_size=len(body),
        connection=number,
        path=urllib.parse.unquote(path) if "%" in path else path,
        query=dict(urllib.parse.parse_qsl(query, keep_blank_values=True)) if query else {},
    )


def _read_exactly(stream: io.BufferedReader, size: int) -> bytes:
    data = stream.read(size) if size else b""
    if len(data) != size:
        raise ValueError("request body ended early")
    return data


def _read_chunks(stream: io.BufferedReader) -> bytes:
    parts: list[bytes] = []
    while True:
        size = int(stream.readline(_MAX_LINE).split(b";")[0], 16)
        if size == 0:
            break
        parts.append(_read_exactly(stream, size))
        stream.readline(_MAX_LINE)
    while stream.readline(_MAX_LINE) not in (b"\r\n", b""):
        pass  # trailers
    return b"".join(parts)
