# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The virtual Sigstore over HTTP: Fulcio, Rekor v1 and v2, timestamp authority and issuer, each on a port of its own.

    with VirtualServices() as services:
        root, config = services.trusted_root(), services.signing_config(1)      # or (2): Rekor v2 with the authority
        token = services.token("someone@mail.example")                           # or a workflow's or machine's URI
        ...                                                                      # sign, at services.urls.fulcio …
        assert services.count("rekor") == 1

It answers as the real services do (tests/interop/test_virtual_services.py), unless told otherwise: `fault` gives other
answers (tests/support/faults.py makes them), `wrong` makes one thing in the honest ones wrong.
"""

from __future__ import annotations

import ssl
import threading
import typing as t
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.support import faults
from tests.support.http_server import Exchange, HTTPServer, Request, Response
from tests.support.sigstore.issuer import AUDIENCE, Identity, Issuer
from tests.support.sigstore.rekor import RekorV1, RekorV2
from tests.support.sigstore.server_fulcio import Fulcio
from tests.support.sigstore.server_parts import Instance, Json, Wrong
from tests.support.sigstore.server_rekor1 import Rekor1
from tests.support.sigstore.server_rekor2 import Rekor2
from tests.support.sigstore.server_tsa import PATH, Authority
from tests.support.sigstore.tsa import TimestampAuthority
from tests.support.sigstore.virtual import VirtualSigstore

Name = t.Literal["fulcio", "rekor1", "rekor2", "tsa", "issuer"]
ANYBODY = "someone@mail.example"


@dataclass(frozen=True)
class Urls:
    """Where the services are, as options name them: that of the authority has its path."""

    fulcio: str
    rekor1: str
    rekor2: str
    tsa: str
    issuer: str


class Served(t.NamedTuple):
    """A request as received, and which service got it."""

    service: Name
    request: Request


class VirtualServices:
    """The running services; a context manager, serving from the constructor on until `close`.

    `world` is the instance in memory, whose keys are used; `clock` is what all of them take for now; `tls` makes them
    speak https (the issuer never does). `fulcio.detached` and `rekor2.tiles` are settings that real ones have too.
    """

    def __init__(
        self, *, clock: t.Callable[[], datetime] = lambda: datetime.now(UTC), tls: ssl.SSLContext | None = None
    ) -> None:
        self.world = VirtualSigstore(clock())
        self.world.tsa = TimestampAuthority("p256", name="virtual tsa", intermediate=True)
        self.issuer = Issuer(lambda: clock().timestamp())
        self._instance = Instance(self.world, self.issuer, clock)
        self.fulcio, self.rekor1 = Fulcio(self._instance), Rekor1(self._instance)
        self.rekor2, self.tsa = Rekor2(self._instance), Authority(self._instance)
        self._lock = threading.Lock()
        self._faults: list[tuple[Name, faults.Fault]] = []
        self._requests: list[Served] = []
        self._servers = {
            "fulcio": self._serve("fulcio", self.fulcio.respond, tls),
            "rekor1": self._serve("rekor1", self.rekor1.respond, tls),
            "rekor2": self._serve("rekor2", self.rekor2.respond, tls),
            "tsa": self._serve("tsa", self.tsa.respond, tls),
        }
        scheme = "https" if tls else "http"
        url = {name: f"{scheme}://127.0.0.1:{server.port}" for name, server in self._servers.items()}
        self.urls = Urls(url["fulcio"], url["rekor1"], url["rekor2"], url["tsa"] + PATH, f"{self.issuer.url}/email")
        # A checkpoint of Rekor v2 has the host as its origin, without the port: clients accept nothing else.
        self.world.rekor = RekorV1(seed="rekor 1 over HTTP", url=self.urls.rekor1)
        self.world.rekor2 = RekorV2(seed="rekor 2 over HTTP", url=self.urls.rekor2, origin="127.0.0.1")

    def __enter__(self) -> VirtualServices:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Cut all connections and end all threads."""
        for server in self._servers.values():
            server.close()
        self.issuer.close()

    # What clients need

    def trusted_root(self, **changes: t.Any) -> Json:
        """trusted_root.json; `changes` replace its lists."""
        found = self.world.trusted_root()
        found["certificateAuthorities"][0]["uri"] = self.urls.fulcio
        found["timestampAuthorities"][0]["uri"] = self.urls.tsa
        return {**found, **changes}

    def signing_config(self, *versions: int, tsa: bool | None = None, **changes: t.Any) -> Json:
        """signing_config.v0.2.json with Rekor of these versions (1 by default), the authority with 2 unless said
        otherwise; `changes` replace its lists."""
        rekors = {1: self.urls.rekor1, 2: self.urls.rekor2}
        stamps = 2 in versions if tsa is None else tsa
        return {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [self.service(self.urls.fulcio, 1)],
            "oidcUrls": [self.service(self.urls.issuer, 1)],
            "rekorTlogUrls": [self.service(rekors[version], version) for version in versions or (1,)],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaUrls": [self.service(self.urls.tsa, 1)] if stamps else [],
            "tsaConfig": {"selector": "ANY"},
            **changes,
        }

    def service(self, url: str, version: int, operator: str = "test") -> Json:
        """An item of a signing config."""
        start = f"{self.world.at.replace(year=self.world.at.year - 1):%Y-%m-%dT%H:%M:%SZ}"
        return {"url": url, "majorApiVersion": version, "validFor": {"start": start}, "operator": operator}

    def token(self, identity: str | Identity = ANYBODY, **changes: t.Any) -> str:
        """An identity token of whoever has this name (`Issuer.identity`); `changes` as for `Issuer.token`."""
        who = self.issuer.identity(identity) if isinstance(identity, str) else identity
        return self.issuer.token(who, **changes)

    # What tests look at

    @property
    def requests(self) -> list[Served]:
        """A snapshot of the requests received since the last reset, in order of arrival; not those to the issuer."""
        with self._lock:
            return list(self._requests)

    def count(self, service: str = "") -> int:
        """How many requests came for services whose names begin so, such as "rekor"."""
        return sum(one.service.startswith(service) for one in self.requests)

    def reset_requests(self) -> None:
        """Start counting anew."""
        with self._lock:
            self._requests.clear()

    # What is to go wrong

    @property
    def wrong(self) -> Wrong:
        """What is to be wrong in the answers."""
        return self._instance.wrong

    @wrong.setter
    def wrong(self, wrong: Wrong) -> None:
        self._instance.wrong = wrong

    def fault(
        self,
        service: Name,
        answer: faults.Answer,
        *,
        match: faults.Match = ("*", ""),
        times: int | None = None,
        after: int = 0,
    ) -> faults.Fault:
        """Answer requests to a service with `answer`; see faults.Fault. The newest that takes a request wins."""
        fault = faults.Fault(match, answer, times, after)
        with self._lock:
            self._faults.insert(0, (service, fault))
        return fault

    def clear_faults(self) -> None:
        """Behave again, and make nothing wrong."""
        with self._lock:
            self._faults.clear()
        self.wrong = Wrong()

    # Serving

    def _serve(self, name: Name, respond: t.Callable[[Request], Response], tls: ssl.SSLContext | None) -> HTTPServer:
        def normal(request: Request) -> Response:
            with self._instance.lock:
                return respond(request)

        return HTTPServer(lambda exchange: self._handle(name, exchange), normal, tls=tls)

    def _handle(self, name: Name, exchange: Exchange) -> Response | None:
        with self._lock:
            self._requests.append(Served(name, exchange.request))
            rules = [fault for service, fault in self._faults if service == name]
        for fault in rules:
            if fault.takes(exchange.request):
                return fault.apply(exchange)
        return exchange.normal()


__all__ = ["ANYBODY", "AUDIENCE", "Name", "Served", "Urls", "VirtualServices", "Wrong"]
