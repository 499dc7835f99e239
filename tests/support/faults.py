# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers that a registry should not give. Each function makes one for ``EmbeddedRegistry.fault``."""

from __future__ import annotations

import gzip
import json
import re
import threading
import typing as t
from dataclasses import dataclass, field

from tests.support.http_server import Exchange, Request, Response
from tests.support.store import OCI_INDEX, OCI_MANIFEST

Answer = t.Union[Response, t.Callable[[Exchange], t.Optional[Response]]]
Match = t.Union[t.Callable[[Request], bool], tuple[str, str]]

_BLOCK = b"x" * 65536


@dataclass
class Fault:
    """A rule: requests that match get the answer, ``times`` times (None: always) after the first ``after`` of them.

    ``match`` is a predicate, or (method, regular expression searched in the target); the method may be "*".
    ``hits`` counts the answers given.
    """

    match: Match
    answer: Answer
    times: int | None = None
    after: int = 0
    hits: int = 0
    _seen: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def takes(self, request: Request) -> bool:
        """Whether this request gets the answer; counts it."""
        if not self._matches(request):
            return False
        with self._lock:
            self._seen += 1
            if self._seen <= self.after or (self.times is not None and self.hits >= self.times):
                return False
            self.hits += 1
            return True

    def _matches(self, request: Request) -> bool:
        if callable(self.match):
            return self.match(request)
        method, pattern = self.match
        return method in ("*", request.method) and re.search(pattern, request.target) is not None

    def apply(self, exchange: Exchange) -> Response | None:
        """Give the answer."""
        if not isinstance(self.answer, Response):
            return self.answer(exchange)
        # a copy: two threads may answer at once, and headers are the receiver's to change
        return Response(self.answer.status, dict(self.answer.headers), self.answer.body)


def status(
    code: int, headers: dict[str, str] | None = None, body: bytes = b"", media_type: str = "application/json"
) -> Response:
    """Any status with any headers and body."""
    return Response(code, {"Content-Type": media_type, **(headers or {})}, body)


def too_many_requests(retry_after: str | None = None) -> Response:
    """429, with this Retry-After (seconds, HTTP date or garbage) or none."""
    body = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}'
    return status(429, {"Retry-After": retry_after} if retry_after is not None else {}, body)


def html(code: int = 200) -> Response:
    """A web page, as captive portals and proxies answer."""
    return status(code, body=b"<!DOCTYPE html><html><body>Welcome</body></html>", media_type="text/html")


def redirect(url: str, code: int = 307) -> Response:
    """A redirect to this URL."""
    return status(code, {"Location": url})


def reset(exchange: Exchange) -> None:
    """Connection reset before any header."""
    exchange.reset()


def hang_up(exchange: Exchange) -> None:
    """Connection closed in good order before any header."""


def lost_answer(exchange: Exchange) -> None:
    """The request is done, and its answer is lost."""
    exchange.normal()
    exchange.reset()


def silence(exchange: Exchange) -> None:
    """Never an answer."""
    exchange.pause()


def later(seconds: float) -> Answer:
    """The honest answer after this time."""

    def answer(exchange: Exchange) -> Response:
        exchange.pause(seconds)
        return exchange.normal()

    return answer


def edited(edit: t.Callable[[Response], None]) -> Answer:
    """The honest answer after ``edit`` has changed it in place."""

    def answer(exchange: Exchange) -> Response:
        response = exchange.normal()
        response.headers = dict(response.headers)
        edit(response)
        return response

    return answer


def after(action: t.Callable[[], object]) -> Answer:
    """Call ``action``, then give the honest answer: another client that gets in between."""

    def answer(exchange: Exchange) -> Response:
        action()
        return exchange.normal()

    return answer


def reset_mid_body(exchange: Exchange) -> None:
    """Headers and half of the body, then a reset."""
    _half(exchange, exchange.normal())
    exchange.reset()


def half_body(exchange: Exchange) -> None:
    """Content-Length of the whole body, half of the body, then an orderly close."""
    _half(exchange, exchange.normal())


def half_body_without_length(exchange: Exchange) -> None:
    """Half of the body, delimited by the close only: nothing in HTTP shows that it is half."""
    response = exchange.normal()
    exchange.request.status = response.status
    exchange.send(_head(response, {"Connection": "close"}) + response.body[: len(response.body) // 2])


def half_body_chunked(exchange: Exchange) -> None:
    """A chunked body that ends without its last chunk."""
    response = exchange.normal()
    exchange.request.status = response.status
    half = response.body[: len(response.body) // 2]
    exchange.send(_head(response, {"Transfer-Encoding": "chunked"}) + b"%x\r\n%s\r\n" % (len(half), half))


def endless_body(exchange: Exchange) -> None:
    """The honest headers without a length, and a body that never ends."""
    response = exchange.normal()
    exchange.request.status = response.status
    exchange.send(_head(response, {"Connection": "close"}))
    while True:
        exchange.send(_BLOCK)


def body_longer_than_length(exchange: Exchange) -> None:
    """The honest response with its Content-Length, and more bytes behind it on the same connection."""
    response = exchange.normal()
    exchange.request.status = response.status
    exchange.send(response.head() + response.body + _BLOCK)


def drip(bytes_per_second: float, headers: bool = False) -> Answer:
    """The body one byte at a time; with ``headers`` these too."""

    def answer(exchange: Exchange) -> None:
        response = exchange.normal()
        exchange.request.status = response.status
        data = response.body
        if headers:
            data = response.head() + data
        else:
            exchange.send(response.head())
        for byte in data:
            exchange.send(bytes([byte]))
            exchange.pause(1 / bytes_per_second)

    return answer


@edited
def wrong_bytes(response: Response) -> None:
    """A body of the same length with one bit changed."""
    middle = len(response.body) // 2
    response.body = response.body[:middle] + bytes([response.body[middle] ^ 1]) + response.body[middle + 1 :]


def body(data: bytes, media_type: str | None = None) -> Answer:
    """The honest headers with another body (and media type)."""

    def edit(response: Response) -> None:
        response.body = data
        if media_type:
            response.headers["Content-Type"] = media_type

    return edited(edit)


def header(name: str, value: str) -> Answer:
    """The honest answer with one header replaced, such as a wrong Docker-Content-Digest."""
    return edited(lambda response: response.headers.__setitem__(name, value))


@edited
def gzip_encoded(response: Response) -> None:
    """The honest body compressed, and said so, although nobody asked for it."""
    response.body = gzip.compress(response.body)
    response.headers["Content-Encoding"] = "gzip"


def gzip_bomb(size: int = 50_000_000) -> Answer:
    """A small compressed body that unpacks to this many zero bytes."""

    def edit(response: Response) -> None:
        response.body = gzip.compress(bytes(size))
        response.headers["Content-Encoding"] = "gzip"

    return edited(edit)


def huge_headers(count: int = 1000, size: int = 100) -> Answer:
    """The honest answer with this many more headers of this size."""
    return edited(lambda response: response.headers.update({f"X-{n}": "y" * size for n in range(count)}))


def many_referrers(count: int = 100_000) -> Response:
    """A referrers list of this many descriptors."""
    manifests = [{"mediaType": OCI_MANIFEST, "digest": f"sha256:{n:064x}", "size": 1} for n in range(count)]
    content = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}
    return status(200, body=json.dumps(content).encode(), media_type=OCI_INDEX)


def many_layers(count: int = 100_000) -> Answer:
    """A manifest of this many layers."""
    layer = {"mediaType": "application/octet-stream", "digest": "sha256:" + "0" * 64, "size": 1}
    content = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": layer, "layers": [layer] * count}
    return status(200, body=json.dumps(content).encode(), media_type=OCI_MANIFEST)


def endless_pages(exchange: Exchange) -> Response:
    """A referrers list whose every page names another one."""
    page = int(exchange.request.query.get("page", "0")) + 1
    content = b'{"schemaVersion":2,"mediaType":"%s","manifests":[]}' % OCI_INDEX.encode()
    link = f'<{exchange.request.path}?page={page}>; rel="next"'
    return status(200, {"Link": link}, content, OCI_INDEX)


def _head(response: Response, framing: dict[str, str]) -> bytes:
    """The head of the response without a Content-Length."""
    plain = Response(response.status, {**response.headers, **framing, "Content-Length": ""}, b"")
    return plain.head().replace(b"Content-Length: \r\n", b"")


def _half(exchange: Exchange, response: Response) -> None:
    exchange.request.status = response.status
    exchange.send(response.head() + response.body[: len(response.body) // 2])
