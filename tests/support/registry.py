# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An OCI distribution registry in memory, for tests and the demo; right by default and wrong where told.

Implements the OCI distribution specification 1.1 with distribution's authentication. As a program it serves until it
is ended: ``python -m tests.support.registry --port 0`` prints HOST:PORT on its first line.
"""

from __future__ import annotations

import argparse
import json
import signal
import ssl
import threading
import typing as t
from pathlib import Path

from tests.support import faults
from tests.support.access import Access, Kind
from tests.support.distribution import Distribution, Settings
from tests.support.http_server import Exchange, HTTPServer, Request, Response
from tests.support.store import Manifest, Repository

_WRITES = frozenset({"PUT", "POST", "PATCH", "DELETE"})


class EmbeddedRegistry:
    """The registry; a context manager, serving from the constructor on until ``close``.

    ``referrers``, ``delete``, ``etag``, ``page_size``: see Settings, kept as ``settings``. ``auth``, ``users`` (name →
    password), ``anonymous_pull``, ``token_ttl`` (seconds): see Access, kept as ``access``. ``tls``: paths of
    certificate and key; ``client_ca``: demand client certificates of this CA.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        referrers: bool = True,
        tls: tuple[Path, Path] | None = None,
        client_ca: Path | None = None,
        auth: Kind | None = None,
        users: dict[str, str] | None = None,
        anonymous_pull: bool = False,
        token_ttl: float = 300,
        delete: bool = True,
        etag: bool = False,
        page_size: int | None = None,
    ):
        self.settings = Settings(referrers, delete, etag, page_size)
        self.scheme = "https" if tls else "http"
        self.access = Access(auth, users or {}, anonymous_pull, token_ttl, self.scheme)
        self._distribution = Distribution(self.settings, self.access)
        self.on_request: t.Callable[[Request], None] | None = None
        self._lock = threading.Lock()
        self._faults: list[faults.Fault] = []
        self._requests: list[Request] = []
        context = _tls_context(tls, client_ca) if tls else None
        self._server = HTTPServer(self._handle, self._distribution.respond, port, context)

    def __enter__(self) -> EmbeddedRegistry:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Cut all connections and end all threads."""
        self._server.close()

    @property
    def port(self) -> int:
        """The TCP port."""
        return self._server.port

    @property
    def host(self) -> str:
        """HOST:PORT, as it stands before the repository in an image reference."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Scheme and host."""
        return f"{self.scheme}://{self.host}"

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return self._server.connections

    # What tests look at

    @property
    def requests(self) -> list[Request]:
        """A snapshot of the requests received since the last reset, in order of arrival."""
        with self._lock:
            return list(self._requests)

    def reset_requests(self) -> None:
        """Start counting anew."""
        with self._lock:
            self._requests.clear()

    def writes(self) -> list[Request]:
        """The recorded requests that could have changed something (the token endpoint not counted)."""
        return [r for r in self.requests if r.method in _WRITES and r.path.startswith("/v2/")]

    def repository(self, name: str) -> Repository:
        """The repository's content, made when it is not there."""
        return self._distribution.repository(name)

    def put_blob(self, name: str, data: bytes) -> str:
        """Store a blob without HTTP and return its digest."""
        with self._distribution.lock:
            return self.repository(name).put_blob(data)

    def put_manifest(self, name: str, reference: str, body: bytes, media_type: str) -> str:
        """Store a manifest under a tag or digest without HTTP or any check and return its digest."""
        with self._distribution.lock:
            return self.repository(name).put_manifest(Manifest.parse(media_type, body), reference)

    # Faults

    def fault(
        self, match: faults.Match, answer: faults.Answer, times: int | None = None, after: int = 0
    ) -> faults.Fault:
        """Answer matching requests with ``answer``; see Fault. The newest rule that takes a request wins."""
        fault = faults.Fault(match, answer, times, after)
        with self._lock:
            self._faults.insert(0, fault)
        return fault

    def clear_faults(self) -> None:
        """Behave again."""
        with self._lock:
            self._faults.clear()

    # Serving

    def _handle(self, exchange: Exchange) -> Response | None:
        with self._lock:
            self._requests.append(exchange.request)
            rules = list(self._faults)
        for fault in rules:
            if fault.takes(exchange.request):
                response = fault.apply(exchange)
                break
        else:
            response = self._distribution.respond(exchange.request)
        if response is not None:
            exchange.request.status = response.status
        if self.on_request:
            self.on_request(exchange.request)
        return response


def _tls_context(tls: tuple[Path, Path], client_ca: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.support.registry", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--no-referrers", action="store_true", help="no referrers API")
    parser.add_argument("--tls", nargs=2, type=Path, metavar=("CERTIFICATE", "KEY"))
    parser.add_argument("--client-ca", type=Path)
    parser.add_argument("--auth", choices=["basic", "token"])
    parser.add_argument("--users", type=Path, metavar="FILE", help="a line NAME:PASSWORD for each user")
    parser.add_argument("--anonymous-pull", action="store_true")
    parser.add_argument("--token-ttl", type=float, default=300)
    parser.add_argument("--no-delete", action="store_true")
    parser.add_argument("--etag", action="store_true")
    parser.add_argument("--page-size", type=int)
    parser.add_argument("--log", type=Path, metavar="FILE", help="write a JSON line for each request")
    return parser.parse_args()


def _main() -> None:
    arguments = _arguments()
    lines = arguments.users.read_text().split() if arguments.users else []
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: ended.set())
    with EmbeddedRegistry(
        port=arguments.port,
        referrers=not arguments.no_referrers,
        tls=arguments.tls,
        client_ca=arguments.client_ca,
        auth=arguments.auth,
        users=dict(line.split(":", 1) for line in lines),
        anonymous_pull=arguments.anonymous_pull,
        token_ttl=arguments.token_ttl,
        delete=not arguments.no_delete,
        etag=arguments.etag,
        page_size=arguments.page_size,
    ) as registry:
        if arguments.log:
            registry.on_request = _log_to(arguments.log)
        print(registry.host, flush=True)
        ended.wait()


def _log_to(path: Path) -> t.Callable[[Request], None]:
    stream = path.open("a", buffering=1)

    def write(request: Request) -> None:
        entry = {
            "method": request.method,
            "target": request.target,
            "status": request.status,
            "bytes": request.body_size,
        }
        stream.write(json.dumps(entry) + "\n")

    return write


if __name__ == "__main__":
    _main()
