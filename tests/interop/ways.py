# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ways to sign on Sigstore's services, and what was signed in one of them."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from pathlib import Path

from tests.interop.clients import Format
from tests.interop.servers import Registry
from tests.support.sigstore.issuer import Identity

Peer = t.Literal["cosign2", "cosign3", "python", "javascript"]
PEERS: tuple[Peer, ...] = t.get_args(Peer)
Party = t.Literal["ours", "cosign2", "cosign3", "python", "javascript", "policy"]
"""We, those, and containers/image, which only verifies."""


@dataclass(frozen=True)
class KeyPair:
    """Who signs by a key: cosign's files of it, with the password of all of these tests, and the key in plain PEM."""

    private: Path
    public: Path
    plain: Path


Who = Identity | KeyPair


@dataclass(frozen=True)
class Way:
    """A way to sign. ``entry`` is the kind of entry in the log, for which only @sigstore has a choice."""

    peer: Party
    format: Format
    rekor: t.Literal[1, 2]
    entry: t.Literal["hashedrekord", "dsse", "intoto"]
    tsa: bool = False

    def __str__(self) -> str:
        return f"{self.peer}-{self.format}-rekor{self.rekor}-{self.entry}{'-tsa' if self.tsa else ''}"

    def hole(self, peer: Party) -> str | None:
        """What somebody says who cannot read this; nothing where they can. Without words: there is no way to ask."""
        if peer in ("python", "javascript") and self.format == "legacy":
            return ""
        if peer == "cosign2" and self.format == "bundle":
            return "no signatures found"
        if (self.rekor, self.entry) == (2, "dsse"):
            # This kind was taken out of Rekor v2; cosign sees no more than that there is no signature.
            return {"cosign3": "no signatures found", "python": "Unsupported DSSE log entry type"}.get(peer)
        if peer == "python" and self.entry == "intoto":
            return "Integrated time only supported for dsse/hashedrekord"
        return None


OURS_LEGACY = Way("ours", "legacy", 1, "hashedrekord")
OURS_BUNDLE = {1: Way("ours", "bundle", 1, "dsse"), 2: Way("ours", "bundle", 2, "hashedrekord", tsa=True)}
"""By the version of Rekor."""
IN_MATRIX = (
    OURS_LEGACY,
    *OURS_BUNDLE.values(),
    Way("cosign2", "legacy", 1, "hashedrekord"),
    Way("cosign3", "legacy", 1, "hashedrekord"),
    Way("cosign3", "bundle", 1, "dsse"),
    Way("cosign3", "bundle", 2, "hashedrekord", tsa=True),
    Way("python", "bundle", 1, "dsse"),
    Way("python", "bundle", 2, "hashedrekord", tsa=True),
    Way("javascript", "bundle", 1, "dsse"),
    Way("javascript", "bundle", 2, "dsse", tsa=True),
)
BESIDE = (
    Way("cosign2", "legacy", 1, "hashedrekord", tsa=True),
    Way("javascript", "bundle", 1, "intoto"),
)
WAYS = tuple(way for way in IN_MATRIX if way.peer != "ours") + BESIDE
"""Those of others."""


@dataclass(frozen=True)
class Signed:
    """An image, by digest, that one of them signed in one of the ways."""

    image: str
    registry: Registry
    way: Way
    who: Who

    @property
    def digest(self) -> str:
        return self.image.rpartition("@")[2]

    @property
    def identity(self) -> Identity:
        """Who signed, where that was by a certificate."""
        assert isinstance(self.who, Identity)
        return self.who
