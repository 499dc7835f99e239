# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import email.utils
import re
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._http.dial import NoTls
from ansible_collections.supplychain.cosign.plugins.module_utils._http.url import Origin, Url, join
from ansible_collections.supplychain.cosign.plugins.module_utils._http.wire import Broken, Connection, Deadline

MAX_ERROR_BYTES = 64 * 1024
READS = frozenset(("GET", "HEAD"))

Source = t.Callable[[], t.ContextManager[t.Iterable[bytes]]]


@dataclass
class Request:
    """One request. `home` is the origin that the user named (or that is trusted like it): only there go the client
    certificate and `allow_insecure`. `authorization` goes to the origin of `url` only."""

    method: str
    url: Url
    home: Origin
    headers: t.Mapping[str, str] = field(default_factory=dict)
    authorization: str | None = field(default=None, repr=False)
    body: bytes | Source | None = field(default=None, repr=False)
    """Bytes, or what opens a stream of exactly `size` bytes."""
    size: int = 0
    repeatable: bool = True
    """May be sent again when it is not known what became of it."""
    may_be_private: bool = False
    """The host of `url` was named by a server, but may lie in a private network."""
    leaves_origin: bool = True
    """Redirects to other origins are followed, without `authorization`."""


@dataclass
class Reply:
    """An answer that has been read. `body` of a status outside 2xx is cut to MAX_ERROR_BYTES."""

    status: int
    headers: dict[str, str]
    body: bytes
    url: Url
    left_origin: bool
    """It came from another origin, after a redirect: its challenges are never answered."""
    is_open_ended: bool = False


def head_of(request: Request, url: Url, left_origin: bool, start: str, extra: str) -> bytes:
    """Request line and headers; `start` goes before the target, `extra` are headers that are there already."""
    lines = [f"{request.method} {start}{url.target} HTTP/1.1\r\nHost: {url.origin.authority}\r\n{extra}"]
    lines += [f"{name}: {value}\r\n" for name, value in request.headers.items()]
    if request.authorization is not None and not left_origin:
        lines.append(f"Authorization: {request.authorization}\r\n")
    if request.method not in READS:
        size = len(request.body) if isinstance(request.body, bytes) else request.size
        lines.append(f"Content-Length: {size}\r\n")
    lines.append("\r\n")
    return "".join(lines).encode("ascii")


def send_stream(connection: Connection, head: bytes, body: Source, size: int, deadline: Deadline) -> None:
    with body() as chunks:
        connection.send(head, deadline)
        for chunk in chunks:
            size -= len(chunk)
            if size < 0:
                break
            connection.send(chunk, deadline)
    if size:
        raise Rejection(
            "SIZE_MISMATCH", "What was to be sent has another size than its descriptor says; nothing was stored."
        )


def redirected(request: Request, url: Url, status: int, location: str) -> Url:
    try:
        target = join(url, location)
    except Rejection:
        raise _bad_redirect(request, "to something that is no plain http or https address") from None
    leaves = target.origin != url.origin
    if request.method not in READS and status not in (307, 308):
        raise _bad_redirect(request, "in a way that drops what was to be sent")
    if url.origin.scheme == "https" and target.origin.scheme != "https":
        raise _bad_redirect(request, f"from https to {target.origin}; a proxy before it may lack X-Forwarded-Proto")
    if leaves and not request.leaves_origin:
        raise _bad_redirect(request, f"to another server, {target.origin}")
    if leaves and request.method not in READS and target.origin.scheme != "https":
        raise _bad_redirect(request, f"to {target.origin}, where it would not be encrypted")
    return target


def _bad_redirect(request: Request, where: str) -> Rejection:
    return Rejection(
        "REDIRECT_REFUSED", f"{request.method} {request.url} was redirected {where}; this was not followed."
    )


def unreachable(request: Request, error: Broken) -> Rejection:
    if isinstance(error, NoTls):
        return Rejection(
            "TLS_REFUSED",
            f"The server {request.url.origin} {error}. If it serves plain http, name it so: http://, or for a registry "
            "allow_http_registry: true.",
        )
    return Rejection(
        "UNREACHABLE", f"{request.method} {request.url}: the server {error}. Check its name and that it runs."
    )


def refused_for_now(request: Request, status: int, asked: float | None) -> Rejection:
    when = "" if asked is None else f" and asked to wait {asked:.0f} s"
    if status == 429:
        text = f"{request.method} {request.url} was answered 429, too many requests{when}. Try again later."
        return Rejection("RATE_LIMITED", text)
    return Rejection("UNREACHABLE", f"{request.method} {request.url} was answered {status}{when}. Try again later.")


def retry_after(text: str | None) -> float | None:
    """Seconds to wait (RFC 9110 §10.2.3: seconds or a date), None where nothing sensible is asked."""
    if text is None:
        return None
    if re.match(r"[0-9]{1,9}\Z", text):
        return float(text)
    try:
        date = email.utils.parsedate_to_datetime(text)
        return max(0.0, date.timestamp() - time.time())
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
