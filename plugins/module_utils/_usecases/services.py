# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import contextlib
import dataclasses
import threading
import typing as t
from dataclasses import dataclass, field

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import LogEntry
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import Transport, TransportOptions
from ansible_collections.supplychain.cosign.plugins.module_utils._services.client import Client
from ansible_collections.supplychain.cosign.plugins.module_utils._services.fulcio import request_certificate
from ansible_collections.supplychain.cosign.plugins.module_utils._services.rekor import add_entry
from ansible_collections.supplychain.cosign.plugins.module_utils._services.timestamp import request_timestamp
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.trust import Trust


class Endpoint(t.NamedTuple):
    """A service: where it is, and the version of its API."""

    url: str
    version: int = 1


@dataclass(frozen=True)
class Services:
    """Whom a task asks when it signs: an authority for certificates, transparency logs and timestamp authorities (full
    URLs), all of those that are named. Timestamp authorities may want a client certificate of their own."""

    fulcio: Endpoint | None = None
    logs: tuple[Endpoint, ...] = ()
    timestamp_authorities: tuple[str, ...] = ()
    transport: TransportOptions = field(default_factory=TransportOptions)
    timestamp_transport: TransportOptions = field(default_factory=TransportOptions)


class OpenServices:
    """The same, connected when they are first asked. For all threads of a task; close it with the task. `trust` is in
    which of the logs an entry is looked for that is there already."""

    def __init__(self, services: Services, trust: Trust) -> None:
        self.named = services
        self._trust = trust
        self._stack = contextlib.ExitStack()
        self._lock = threading.Lock()
        self._transports: dict[str, Transport] = {}

    def __enter__(self) -> OpenServices:
        return self

    def __exit__(self, *exception: t.Any) -> None:
        self._stack.__exit__(*exception)

    def token_transport(self) -> Transport:
        """What is asked for identity tokens where the task runs: that is no service of the instance, so that the
        authorities are the system's."""
        return self._opened("tokens", dataclasses.replace(self.named.transport, ca_file=None, ca_option=""))

    def certificate(self, token: str, private_key: t.Any) -> tuple[bytes, ...]:
        """A certificate of Fulcio's for a key and whoever the token names: DER, leaf first, nothing of it checked."""
        fulcio = t.cast(Endpoint, self.named.fulcio)
        client = Client(self._opened("services", self.named.transport), fulcio.url, "Fulcio", keeps_secrets=True)
        return request_certificate(client, token, private_key, fulcio.version)

    def log(self, request: t.Callable[[int], bytes]) -> tuple[LogEntry, ...]:
        """An entry in each of the logs; `request` is what to upload to one of that version. A refusal after an entry
        was made says that something was written."""
        entries: list[LogEntry] = []
        for log in self.named.logs:
            client = Client(self._opened("services", self.named.transport), log.url, "The log")
            try:
                entries.append(add_entry(client, log.version, request(log.version), self._log_ids))
            except Rejection as rejection:
                rejection.changed = rejection.changed or bool(entries)
                raise
        return tuple(entries)

    def _log_ids(self) -> list[bytes]:
        return [log.log_id for log in self._trust.root().logs]

    def timestamps(self, signature: bytes) -> tuple[bytes, ...]:
        """A timestamp of each of the authorities over the signature."""
        return tuple(
            request_timestamp(
                Client(self._opened("timestamps", self.named.timestamp_transport), url, "The timestamp authority"),
                signature,
            )
            for url in self.named.timestamp_authorities
        )

    def _opened(self, name: str, options: TransportOptions) -> Transport:
        with self._lock:
            if name not in self._transports:
                self._transports[name] = self._stack.enter_context(Transport(options))
            return self._transports[name]
