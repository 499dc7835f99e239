# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All who sign and verify on the services, by their names, and what they signed."""

from __future__ import annotations

import functools
import tempfile
import typing as t
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from tests.interop import parties
from tests.interop.clients import Cosign, push_layout
from tests.interop.servers import Registry
from tests.interop.services import Sigstore
from tests.interop.ways import KeyPair, Party, Signed, Way, Who
from tests.support import images, keys


class Signer(t.Protocol):
    """One who can sign."""

    def sign(self, signed: Signed) -> object:
        """Sign an image as its way says, or raise."""


@dataclass(frozen=True)
class Peers:
    """The programs, and the services that they use. ``folder`` is for what they write."""

    sigstore: Sigstore
    cosign2_program: Path
    cosign3_program: Path
    oras: Path
    javascript_program: Path
    folder: Path
    policy_program: Path | None = None

    @functools.cached_property
    def ours(self) -> parties.Ours:
        return parties.Ours(self.sigstore)

    @functools.cached_property
    def cosign2(self) -> parties.Cosign2:
        return parties.Cosign2(self.cosign2_program, self.sigstore, self.folder)

    @functools.cached_property
    def cosign3(self) -> parties.Cosign3:
        return parties.Cosign3(self.cosign3_program, self.sigstore, self.folder)

    @functools.cached_property
    def python(self) -> parties.Python:
        return parties.Python(self.oras, self.sigstore, self.folder)

    @functools.cached_property
    def javascript(self) -> parties.Javascript:
        return parties.Javascript(self.javascript_program, self.oras, self.sigstore, self.folder)

    @functools.cached_property
    def policy(self) -> parties.Policy:
        assert self.policy_program
        return parties.Policy(self.policy_program, self.sigstore, self.folder)

    def sign(self, way: Way, registry: Registry, image: str, who: Who, signer: Signer | None = None) -> Signed:
        """Sign an image, which must succeed."""
        signed = Signed(image, registry, way, who)
        (signer or getattr(self, way.peer)).sign(signed)
        return signed

    def refusal(self, verifier: Party, signed: Signed, demanded: Who) -> str:
        """Let one of them verify, with this signer demanded: why it refuses, or nothing when it accepts."""
        (refusal,) = self.refusals(verifier, signed, [demanded])
        return refusal

    def refusals(self, verifier: Party, signed: Signed, demanded: t.Sequence[Who]) -> list[str]:
        """The same for several, each demanded alone."""
        return t.cast("list[str]", getattr(self, verifier).refusals(signed, demanded))

    def push(self, image: images.Image, registry: Registry, repository: str) -> str:
        """Push an image, with a client that is not ours; return its name by digest."""
        with tempfile.TemporaryDirectory(prefix="supplychain-cosign-image.") as folder:
            image.write_layout(Path(folder), "1")
            name = f"{registry.address}/{repository}"
            push_layout(self.oras, registry, Path(f"{folder}:1"), f"{name}:1", self.folder)
        return f"{name}@{image.digest}"

    def key_pair(self, kind: str = "ecdsa-p256", owner: str = "ours") -> KeyPair:
        """A key of that kind, as files."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        plain = folder / "plain.pem"
        private = keys.private_key(kind, owner)
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        plain.write_bytes(private.private_bytes(encoding, form, serialization.NoEncryption()))
        cosign = Cosign(self.cosign3_program, 3, Registry("none", False), folder)
        return KeyPair(*cosign.import_key_pair(plain), plain)


WhoSigns = t.Literal["e-mail", "URI", "key"]


class Signatures:
    """Images that were signed, each once: whoever wants one in that way, there, by that signer, gets the same."""

    def __init__(self, peers: Peers) -> None:
        self.peers = peers
        self._made: dict[t.Hashable, Signed] = {}

    @functools.cached_property
    def who(self) -> dict[WhoSigns, Who]:
        """A person, a workflow of GitHub, a key."""
        issuer = self.peers.sigstore.issuer
        return {
            "e-mail": issuer.email("someone@mail.example"),
            "URI": issuer.workflow("example/app"),
            "key": self.peers.key_pair(),
        }

    def of(
        self, way: Way, registry: Registry, who: WhoSigns, repository: str = "signed", signer: Signer | None = None
    ) -> Signed:
        """An image of its own repository that was signed so; by the way's own signer where no other is named."""
        key = way, registry, who, repository
        if key not in self._made:
            name = f"{repository}/{way}-{who.lower()}"
            image = self.peers.push(images.image(name), registry, name)
            self._made[key] = self.peers.sign(way, registry, image, self.who[who], signer)
        return self._made[key]
