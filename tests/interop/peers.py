# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All who sign and verify on the services, by their names."""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass
from pathlib import Path

from tests.interop import parties
from tests.interop.servers import Registry
from tests.interop.services import Sigstore
from tests.interop.ways import Party, Signed, Way, Who


@dataclass(frozen=True)
class Peers:
    """The programs, and the services that they use. ``folder`` is for what they write."""

    sigstore: Sigstore
    cosign2_program: Path
    cosign3_program: Path
    oras: Path
    javascript_program: Path
    folder: Path

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

    def sign(self, way: Way, registry: Registry, image: str, who: Who) -> Signed:
        """Sign an image, which must succeed."""
        signed = Signed(image, registry, way, who)
        getattr(self, way.peer).sign(signed)
        return signed

    def refusal(self, verifier: Party, signed: Signed, demanded: Who) -> str:
        """Let one of them verify, with this signer demanded: why it refuses, or nothing when it accepts."""
        (refusal,) = self.refusals(verifier, signed, [demanded])
        return refusal

    def refusals(self, verifier: Party, signed: Signed, demanded: t.Sequence[Who]) -> list[str]:
        """The same for several, each demanded alone."""
        return t.cast("list[str]", getattr(self, verifier).refusals(signed, demanded))
