# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import LogEntry
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.statement import Subject

BUNDLE = "bundle"
LEGACY = "legacy"


@dataclass(frozen=True)
class Location:
    """Where a signature was found: the digest of its manifest; for a legacy one also its tag and layer (from 0)."""

    manifest: str
    tag: str | None = None
    layer: int | None = None

    def __str__(self) -> str:
        return self.manifest if self.tag is None else f"{self.tag}[{self.layer}]"


@dataclass(frozen=True)
class Evidence:
    """One signature that was found, in either format; nothing of it is true before `verify` said so.

    `payload` is what the claims were read from, `signed` the bytes that `signature` is over (in a bundle the PAE of
    the payload; the artifact itself where a bundle signs a file, or its digest, of which `prehashed` then names the
    hash). `envelope` is the JSON of a DSSE envelope as it was stored, where it was stored for itself (a legacy
    attestation).
    `predicate_type` is None in a legacy signature, `docker_reference` in all else. `certificates` are DER, leaf first.
    `inclusion` says that a log entry must come with its proof (bundles since 0.2), else the log's promise is enough.
    What kept it from being read is its `error`; the rest is then empty.
    """

    format: str
    location: Location
    payload: bytes = b""
    signed: bytes = b""
    prehashed: str = ""
    envelope: bytes = b""
    signature: bytes = b""
    subjects: tuple[Subject, ...] = ()
    docker_reference: str | None = None
    predicate_type: str | None = None
    predicate: t.Any = None
    key_hint: str | None = None
    certificates: tuple[bytes, ...] = ()
    inclusion: bool = False
    log_entries: tuple[LogEntry, ...] = ()
    timestamps: tuple[bytes, ...] = ()
    error: Rejection | None = None

    @property
    def stamped(self) -> bytes:
        """What its timestamps are over: the signature, or as cosign 2 has it of an attestation the whole envelope."""
        return self.envelope or self.signature
