# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A TUF repository in memory, like the one that distributes Sigstore's trusted roots, right or wrong as asked."""

from __future__ import annotations

import hashlib
import typing as t
from datetime import datetime, timedelta, timezone

from securesystemslib.signer import CryptoSigner, Signer  # type: ignore[attr-defined]
from tuf.api.metadata import (  # type: ignore[attr-defined]
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from tests.support.http_server import Exchange, HTTPServer, Request, Response

BASE = "https://tuf.sigstore.test"


class TufRepository:
    """`files` is what it serves, by path; `publish` signs it anew with the next versions. Change the parts, then
    publish; or change `files` for what no honest repository does."""

    def __init__(self, targets: t.Mapping[str, bytes], at: datetime | None = None) -> None:
        at = at or datetime.now(timezone.utc).replace(microsecond=0)
        self.signers: dict[str, list[Signer]] = {
            role: [CryptoSigner.generate_ed25519()] for role in ("root", "timestamp", "snapshot", "targets")
        }
        week = at + timedelta(days=7)
        self.root = Root(expires=at + timedelta(days=100), consistent_snapshot=True)
        self.timestamp = Timestamp(expires=week)
        self.snapshot = Snapshot(expires=week)
        self.targets = Targets(expires=week)
        for part in (self.root, self.timestamp, self.snapshot, self.targets):
            part.version = 0
        for role, signers in self.signers.items():
            for signer in signers:
                self.root.add_key(signer.public_key, role)
        self.contents = dict(targets)
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.requests: list[Request] = []
        self.refusal: BaseException | int | None = None
        self.publish_root()
        self.publish()

    @property
    def first_root(self) -> bytes:
        return self.files["1.root.json"]

    def publish_root(self, *more: Signer) -> None:
        """The next root, signed with the keys that it names for itself (and `more`: those of the one before)."""
        self.root.version += 1
        self._put("root", self.root, self.signers["root"] + list(more))

    def rotate_root(self) -> None:
        """A root with another key of its own, signed by the old one too."""
        old, new = self.signers["root"][0], CryptoSigner.generate_ed25519()
        self.root.revoke_key(old.public_key.keyid, "root")
        self.root.add_key(new.public_key, "root")
        self.signers["root"] = [new]
        self.publish_root(old)

    def publish(self) -> None:
        self.targets.version += 1
        self.targets.targets = {name: TargetFile.from_data(name, data) for name, data in self.contents.items()}
        for name, data in self.contents.items():
            self.files[f"targets/{hashlib.sha256(data).hexdigest()}.{name}"] = data
        self._put("targets", self.targets)
        self.publish_snapshot()

    def publish_snapshot(self) -> None:
        self.snapshot.version += 1
        self.snapshot.meta["targets.json"] = MetaFile(version=self.targets.version)
        self._put("snapshot", self.snapshot)
        self.publish_timestamp()

    def publish_timestamp(self) -> None:
        self.timestamp.version += 1
        self.timestamp.snapshot_meta = MetaFile(version=self.snapshot.version)
        self._put("timestamp", self.timestamp)

    def _put(self, role: str, signed: t.Any, signers: t.Sequence[Signer] | None = None) -> None:
        metadata = Metadata(signed)
        for signer in self.signers[role] if signers is None else signers:
            metadata.sign(signer, append=True)
        name = f"{role}.json" if role == "timestamp" else f"{signed.version}.{role}.json"
        self.files[name] = metadata.to_bytes(JSONSerializer(compact=True))

    def get(self, url: str) -> tuple[int, bytes]:
        """As a client asks it, without a socket."""
        name = url[len(BASE) + 1 :]
        self.asked.append(name)
        if isinstance(self.refusal, int):
            return self.refusal, b"no"
        if self.refusal is not None:
            raise self.refusal
        return (200, self.files[name]) if name in self.files else (404, b"")

    def serve(self) -> HTTPServer:
        """The same on a port of this machine; `requests` records what came. The caller closes it."""

        def answer(request: Request) -> Response:
            self.requests.append(request)
            status, body = self.get(f"{BASE}{request.path}")
            return Response(status, {}, body)

        def handler(exchange: Exchange) -> Response:
            return exchange.normal()

        return HTTPServer(handler, answer)
