# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import ssl
import typing as t

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._http import transport
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import Transport, TransportOptions
from ansible_collections.supplychain.cosign.plugins.module_utils._services.client import Client
from tests.support.certificates import Authority
from tests.support.http_server import Exchange, HTTPServer, Request, Response


class Service:
    """A service on loopback that answers what a test says, and keeps what it was sent."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.answer: t.Callable[[Request], Response] = lambda request: Response(404)
        self._server = HTTPServer(Exchange.normal, self._answer, tls=tls)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.port}"

    def says(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answers this to everything."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answer = lambda request: Response(status, told, body)

    def close(self) -> None:
        self._server.close()

    def _answer(self, request: Request) -> Response:
        self.requests.append(request)
        return self.answer(request)


@pytest.fixture
def service() -> t.Iterator[Service]:
    with contextlib.closing(Service()) as one:
        yield one


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def elsewhere(authority: Authority) -> t.Iterator[Service]:
    """Another server, which nobody named, and which could be reached in all confidence."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.server())
    with contextlib.closing(Service(tls)) as one:
        yield one


@pytest.fixture
def client(service: Service, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Client]:
    monkeypatch.setattr(transport, "BACKOFF", 0.01)
    with Transport(TransportOptions(ca_file=str(authority.ca), trusted_realms=("127.0.0.1",))) as opened:
        yield Client(opened, service.url, "The service", keeps_secrets=True)
