# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""Requests over pooled connections: retries, redirects by hand, and one deadline for everything.

No netrc, no cookies, no environment: what is not in TransportOptions or Request does not happen.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._http.dial import (
    Dialer,
    NotListening,
    NoTls,
    Peer,
    Tls,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._http.proxy import Proxies
from ansible_collections.supplychain.cosign.plugins.module_utils._http.request import (
    MAX_ERROR_BYTES,
    Reply,
    Request,
    head_of,
    redirected,
    refused_for_now,
    retry_after,
    send_stream,
    unreachable,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._http.url import (
    Origin,
    Url,
    is_loopback,
    origin_of,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._http.wire import (
    Broken,
    Connection,
    Deadline,
    OutOfTime,
    Response,
)

MAX_REDIRECTS = 5
BACKOFF = 0.5
BACKOFF_LIMIT = 8.0
_RETRIED = frozenset((408, 429, 500, 502, 503, 504))
_REDIRECTS = frozenset((301, 302, 303, 307, 308))

T = t.TypeVar("T")


@dataclass(frozen=True)
class TransportOptions:
    """What a task may set. Files are paths on this machine, times are seconds.

    `ca_option`: what the option is called by which the user names `ca_file`. `server_name`: what the certificate of the
    server that the task names must be for, where that is not its host.

    `allow_http`: plain http may be spoken to the registries that the task names. A host that names this machine
    (`localhost`, 127.0.0.0/8, ::1) is then spoken to in http; any other is asked in TLS first, and in http only where
    it speaks no TLS at all: a certificate that does not verify is never a reason.
    `allow_insecure`: certificates of the registries that the task names are not verified; those of other hosts are.
    `trusted_realms`: hosts (HOST or HOST:PORT) beside the registry that may get its credentials when it names them as
    token server, and that it may redirect to although they are in a private network.
    """

    ca_file: str | None = None
    ca_option: str = ""
    client_cert: str | None = None
    client_key: str | None = None
    server_name: str | None = None
    allow_insecure: bool = False
    allow_http: bool = False
    trusted_realms: tuple[str, ...] = ()
    proxies: Proxies = field(default_factory=Proxies)
    user_agent: str = "supplychain.cosign"
    retries: int = 4
    total_timeout: float = 120.0
    max_connections: int = 64


class _Later(Exception):
    """The server asks to come back: with what status, and after how many seconds if it says so."""

    def __init__(self, status: int, seconds: float | None) -> None:
        super().__init__(status)
        self.status = status
        self.seconds = seconds


@dataclass
class Stream:
    """An answer whose body has not been read, and the connection on which it comes."""

    peer: Peer
    connection: Connection
    response: Response
    url: Url
    left_origin: bool
    """It comes from another origin, after a redirect."""


class Transport:
    """One pool of connections for all threads of a task. Close it with the task: as a context manager, or `close`."""

    def __init__(self, options: TransportOptions) -> None:
        self.options = options
        tls = Tls(
            options.ca_file,
            options.client_cert,
            options.client_key,
            options.allow_insecure,
            options.server_name,
            options.ca_option,
        )
        self._dialer = Dialer(tls, options.proxies)
        self._constant_headers = f"User-Agent: {options.user_agent}\r\nAccept-Encoding: identity\r\n"
        self._lock = threading.Lock()
        self._idle: dict[Peer, list[Connection]] = {}
        self._closed = False
        self._pauses: dict[Origin, float] = {}
        self._schemes: dict[str, Origin] = {}
        self._scheme_lock = threading.Lock()
        self._shared: dict[t.Hashable, t.Any] = {}

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            connections = [one for kept in self._idle.values() for one in kept]
            self._idle.clear()
        for connection in connections:
            connection.close()

    def deadline(self, size: int = 0) -> Deadline:
        """For one operation; a body of `size` bytes gets a second more for each MiB."""
        return Deadline(self.options.total_timeout + size / 2**20)

    def shared(self, key: t.Hashable, make: t.Callable[[], T]) -> T:
        """One object for each key in the life of this transport."""
        with self._lock:
            if key not in self._shared:
                self._shared[key] = make()
            return t.cast(T, self._shared[key])

    def is_trusted(self, origin: Origin) -> bool:
        """The user has named this host in `trusted_realms`."""
        return any(name.lower() in (origin.host, origin.authority) for name in self.options.trusted_realms)

    def is_private(self, origin: Origin, deadline: Deadline) -> bool:
        """Whether a host that the user named lies in a private network, as far as can be seen from here."""
        try:
            return not self._dialer.is_public(origin, deadline)
        except (Broken, OutOfTime):
            return False

    def origin_for(self, host: str, deadline: Deadline) -> Origin:
        """The origin of a registry that the user named: https, or http as `allow_http` says."""
        if not self.options.allow_http:
            return origin_of("https", host)
        with self._scheme_lock:
            if host not in self._schemes:
                self._schemes[host] = self._probe(host, deadline)
            return self._schemes[host]

    def _probe(self, host: str, deadline: Deadline) -> Origin:
        plain, secure = origin_of("http", host), origin_of("https", host)
        if is_loopback(plain.host):
            return plain
        peer = Peer(secure, is_home=True, is_named=True)
        try:
            self._put_back(peer, self._dialer.connect(peer, deadline))
        except NoTls:
            return plain
        except NotListening:
            return plain if plain.port != secure.port else secure
        except (Broken, OutOfTime):
            pass
        return secure

    def send(self, request: Request, deadline: Deadline, limit: int = MAX_ERROR_BYTES) -> Reply:
        """Send it, again where that may help, and read the answer; any status but the retried ones is returned.

        Raises TooLong past `limit` bytes of body, and Rejection: UNREACHABLE, RATE_LIMITED, TLS_REFUSED,
        REDIRECT_REFUSED.
        """
        return self._repeat(request, deadline, lambda stream: self._read(stream, limit))

    @contextlib.contextmanager
    def open(self, request: Request, deadline: Deadline) -> t.Iterator[Stream]:
        """The same, the body left to be read with `response.chunks()`, which may raise Broken or OutOfTime."""
        stream = self._repeat(request, deadline, lambda opened: opened)
        try:
            yield stream
        finally:
            self._finish(stream)

    def _repeat(self, request: Request, deadline: Deadline, use: t.Callable[[Stream], T]) -> T:
        tries = self.options.retries + 1 if request.repeatable else 1
        try:
            for attempt in itertools.count(1):
                try:
                    return use(self._once(request, deadline))
                except Broken as error:
                    wait, give_up = backoff(attempt), unreachable(request, error)
                except _Later as later:
                    wait = backoff(attempt) if later.seconds is None else later.seconds
                    if later.seconds is not None or later.status == 429:
                        self._pause(request.url.origin, wait)
                    give_up = refused_for_now(request, later.status, later.seconds)
                if attempt >= tries or wait >= deadline.left():
                    raise give_up
                time.sleep(wait)
        except OutOfTime:
            pass
        raise Rejection(
            "UNREACHABLE",
            f"{request.method} {request.url} did not end within {deadline.seconds:.0f} s. Try again when the "
            "server is faster.",
        )

    def _once(self, request: Request, deadline: Deadline) -> Stream:
        self._await_pause(request.url.origin, deadline)
        stream = self._follow(request, deadline)
        if stream.response.status not in _RETRIED:
            return stream
        self._read(stream, MAX_ERROR_BYTES)
        raise _Later(stream.response.status, retry_after(stream.response.headers.get("retry-after")))

    def _pause(self, origin: Origin, seconds: float) -> None:
        with self._lock:
            self._pauses[origin] = max(time.monotonic() + seconds, self._pauses.get(origin, 0.0))

    def _await_pause(self, origin: Origin, deadline: Deadline) -> None:
        end = self._pauses.get(origin)  # read without the lock: most of the time there is nothing there
        wait = end - time.monotonic() if end is not None else 0.0
        if wait <= 0:
            return
        if wait >= deadline.left():
            raise Rejection(
                "RATE_LIMITED",
                f"The server {origin} asked to be left alone for {wait:.0f} s, longer than this task waits.",
            )
        # all threads wait for the same moment; they need not all come at once
        time.sleep(wait + random.uniform(0, min(wait / 10, 1.0)))  # noqa: S311

    def _follow(self, request: Request, deadline: Deadline) -> Stream:
        url, left = request.url, False
        for _hop in range(MAX_REDIRECTS + 1):
            stream = self._exchange(request, url, left, deadline)
            status = stream.response.status
            if status not in _REDIRECTS:
                return stream
            self._read(stream, MAX_ERROR_BYTES)
            target = redirected(request, url, status, stream.response.headers.get("location", ""))
            left = left or target.origin != url.origin
            url = target
        raise Rejection(
            "REDIRECT_REFUSED", f"{request.method} {request.url} was redirected more than {MAX_REDIRECTS} times."
        )

    def _exchange(self, request: Request, url: Url, left: bool, deadline: Deadline) -> Stream:
        """Send and read the head; a kept connection that turns out to be dead is replaced once, at once."""
        is_home = url.origin == request.home
        is_named = is_home or self.is_trusted(url.origin) or (request.may_be_private and url is request.url)
        peer = Peer(url.origin, is_home, is_named)
        start, extra = self._dialer.absolute_form(url.origin)
        head = head_of(request, url, left, start, self._constant_headers + extra)
        kept = self._take(peer)
        if kept is not None:
            try:
                return Stream(peer, kept, _speak(kept, request, head, deadline), url, left)
            except Broken:
                if not request.repeatable:
                    raise
        connection = self._dialer.connect(peer, deadline)
        return Stream(peer, connection, _speak(connection, request, head, deadline), url, left)

    def _read(self, stream: Stream, limit: int) -> Reply:
        response = stream.response
        try:
            body = response.read(limit) if 200 <= response.status < 300 else response.read_start(MAX_ERROR_BYTES)
        finally:
            self._finish(stream)
        return Reply(response.status, response.headers, body, stream.url, stream.left_origin, response.is_open_ended)

    def _take(self, peer: Peer) -> Connection | None:
        while True:
            with self._lock:
                kept = self._idle.get(peer)
                if not kept:
                    return None
                connection = kept.pop()
            if connection.is_quiet():
                return connection
            connection.close()

    def _finish(self, stream: Stream) -> None:
        if stream.response.is_reusable:
            self._put_back(stream.peer, stream.connection)
        else:
            stream.connection.close()

    def _put_back(self, peer: Peer, connection: Connection) -> None:
        with self._lock:
            kept = self._idle.setdefault(peer, [])
            if not self._closed and len(kept) < self.options.max_connections:
                kept.append(connection)
                return
        connection.close()


def _speak(connection: Connection, request: Request, head: bytes, deadline: Deadline) -> Response:
    try:
        body = request.body
        # A server that refuses may answer, or say why it ends TLS, before it has heard all.
        with contextlib.suppress(Broken):
            if callable(body):
                send_stream(connection, head, body, request.size, deadline)
            else:
                connection.send(head + body if body else head, deadline)
        return Response(connection, request.method, deadline)
    except BaseException:
        connection.close()
        raise


def backoff(attempt: int) -> float:
    """Seconds before the next attempt: exponential with full jitter, so that many clients spread out."""
    return random.uniform(0, min(BACKOFF_LIMIT, BACKOFF * 2 ** (attempt - 1)))  # noqa: S311
