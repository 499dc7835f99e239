# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""HTTP/1.1 on one socket: what is written and read, with every wait bounded.

Not http.client: a request on a kept connection takes 57 µs of CPU here with all that the transport does around
it, and 88 µs there without (it reads headers with the e-mail parser); and its readers wait on the bare socket, where a
drip of bytes outlives any timeout.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import ssl
import time
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

_BLOCK = 64 * 1024
_MAX_HEAD = 64 * 1024
_MAX_HEADERS = 100
_MAX_INTERIM = 8
_STATUS = re.compile(r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\x00-\x08\x0a-\x1f\x7f]*)?\Z")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)\Z")
_LENGTH = re.compile(r"[0-9]{1,18}\Z")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\Z")


class Broken(Exception):
    """The connection failed or spoke no HTTP; what became of the request is not known."""


class OutOfTime(Exception):
    """The total time of the operation is over."""


class TooLong(Exception):
    """The body is longer than the reader allows."""


class Deadline:
    """The end of an operation: `seconds` from now, whatever drips in until then."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        return self._end - time.monotonic()

    def wait(self, at_most: float) -> float:
        """For how long one wait may last. Raises OutOfTime."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise OutOfTime
        return min(left, at_most)


class Connection:
    """A connected socket that serves one request at a time."""

    def __init__(self, sock: socket.socket, read_timeout: float) -> None:
        self._sock = sock
        self._read_timeout = read_timeout
        self._buffer = b""
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def is_quiet(self) -> bool:
        """Nothing unread: whatever stands there before we ask is no answer, so such a connection is not used again."""
        return not self._buffer and not self._poll.poll(0)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.close()

    def send(self, data: bytes, deadline: Deadline) -> None:
        self._sock.settimeout(deadline.wait(self._read_timeout))
        try:
            self._sock.sendall(data)
        except OSError as error:
            raise _broken(error) from None

    def some(self, at_most: int, deadline: Deadline) -> bytes:
        """The next bytes; none at the end of the stream."""
        data = self._buffer or self._receive(deadline)
        self._buffer = data[at_most:]
        return data[:at_most]

    def read_head(self, deadline: Deadline) -> tuple[bool, int, dict[str, str]]:
        """(HTTP/1.1?, status, headers by lower-case name), interim responses passed over."""
        for _interim in range(_MAX_INTERIM):
            head = self._until(b"\r\n\r\n", _MAX_HEAD, deadline).decode("latin-1")
            first, *lines = head.split("\r\n")
            match = _STATUS.match(first)
            if match is None:
                raise Broken("answered something that is not HTTP")
            status = int(match[2])
            if status >= 200:
                return match[1] == "1", status, _parse_fields(lines)
            if status == 101:
                break
        raise Broken("never came to an answer")

    def line(self, deadline: Deadline) -> bytes:
        return self._until(b"\r\n", _BLOCK, deadline)

    def _until(self, end: bytes, at_most: int, deadline: Deadline) -> bytes:
        data = self._buffer or self._receive(deadline)
        seen = 0
        while (found := data.find(end, seen)) < 0:
            seen = max(0, len(data) - len(end))
            if seen > at_most:
                raise Broken("sent too long a header")
            more = self._receive(deadline)
            if not more:
                raise Broken("ended its answer early")
            data += more
        if found > at_most:
            raise Broken("sent too long a header")
        self._buffer = data[found + len(end) :]
        return data[:found]

    def _receive(self, deadline: Deadline) -> bytes:
        self._sock.settimeout(deadline.wait(self._read_timeout))
        try:
            return self._sock.recv(_BLOCK)
        except OSError as error:
            raise _broken(error) from None


def _parse_fields(lines: list[str]) -> dict[str, str]:
    if len(lines) > _MAX_HEADERS:
        raise Broken("sent too many headers")
    fields: dict[str, str] = {}
    for line in lines:
        match = _FIELD.match(line)
        if match is None:
            raise Broken("sent a header that is not HTTP")
        name, value = match[1].lower(), match[2].rstrip(" \t")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def _broken(error: OSError) -> Exception:
    if isinstance(error, socket.timeout):
        return Broken("stayed silent for too long")
    if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
        # with TLS 1.3 a server refuses our client certificate only after the handshake
        return Rejection(
            "TLS_REFUSED",
            f"The server ended the TLS connection ({error.reason}). Check the client certificate and its key.",
        )
    return Broken("broke the connection")


class Response:
    """Status and headers that have arrived, and the body that may not have."""

    def __init__(self, connection: Connection, method: str, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline
        modern, self.status, self.headers = connection.read_head(deadline)
        self._keep = modern and "close" not in self.headers.get("connection", "").lower()
        self._chunked, self.length = self._framing(method)
        self.complete = self.length == 0

    def _framing(self, method: str) -> tuple[bool, int | None]:
        if method == "HEAD" or self.status in (204, 304):
            return False, 0
        encoding, length = self.headers.get("transfer-encoding"), self.headers.get("content-length")
        if encoding is not None:
            if encoding.lower() != "chunked" or length is not None:
                raise Broken("framed its answer in a way that can be read in two ways")
            return True, None
        if length is None:
            return False, None
        if _LENGTH.match(length) is None:
            raise Broken("sent a Content-Length that is no number")
        return False, int(length)

    @property
    def is_open_ended(self) -> bool:
        """Only the end of the connection ends the body, so that half of it looks whole."""
        return self.length is None and not self._chunked

    @property
    def is_reusable(self) -> bool:
        return self.complete and self._keep and not self.is_open_ended

    def chunks(self) -> t.Iterator[bytes]:
        """The body as it comes. Raises Broken when it ends early."""
        if self._chunked:
            yield from self._read_chunked()
        elif self.length is not None:
            yield from self._read_exactly(self.length)
        else:
            while data := self._connection.some(_BLOCK, self._deadline):
                yield data
        self.complete = True

    def read(self, limit: int) -> bytes:
        """The whole body. Raises TooLong past `limit` bytes, before reading where the length is known."""
        if self.length is not None and self.length > limit:
            raise TooLong
        parts: list[bytes] = []
        size = 0
        for data in self.chunks():
            size += len(data)
            if size > limit:
                raise TooLong
            parts.append(data)
        return b"".join(parts)

    def read_start(self, limit: int) -> bytes:
        """The first bytes of a body that only a message is made of."""
        parts: list[bytes] = []
        size = 0
        for data in self.chunks():
            parts.append(data)
            size += len(data)
            if size > limit:
                break
        return b"".join(parts)[:limit]

    def _read_exactly(self, size: int) -> t.Iterator[bytes]:
        while size:
            data = self._connection.some(size, self._deadline)
            if not data:
                raise Broken("ended the body early")
            size -= len(data)
            yield data

    def _read_chunked(self) -> t.Iterator[bytes]:
        while True:
            match = _CHUNK.match(self._connection.line(self._deadline))
            if match is None:
                raise Broken("sent a chunk that is not HTTP")
            size = int(match[1], 16)
            if size == 0:
                break
            yield from self._read_exactly(size)
            if self._connection.line(self._deadline):
                raise Broken("sent a chunk of the wrong length")
        for _trailer in range(_MAX_HEADERS):
            if not self._connection.line(self._deadline):
                return
        raise Broken("sent too many trailers")
