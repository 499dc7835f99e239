# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Those that sign keylessly sign on the virtual services, and accept each other's."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from pathlib import Path

import pytest

from tests.interop import services
from tests.interop.peers import Peers, Signatures, WhoSigns
from tests.interop.servers import Registry
from tests.interop.ways import Party, Way
from tests.support.sigstore.server import VirtualServices

# Rekor v2 takes no entries of kind dsse any more, by which sigstore-js has no way to sign there.
SIGNING = (
    Way("ours", "legacy", 1, "hashedrekord"),
    Way("ours", "bundle", 1, "dsse"),
    Way("ours", "bundle", 2, "hashedrekord", tsa=True),
    Way("cosign2", "legacy", 1, "hashedrekord"),
    Way("cosign2", "legacy", 1, "hashedrekord", tsa=True),
    Way("cosign3", "legacy", 1, "hashedrekord"),
    Way("cosign3", "bundle", 1, "dsse"),
    Way("cosign3", "bundle", 2, "hashedrekord", tsa=True),
    Way("python", "bundle", 1, "dsse"),
    Way("python", "bundle", 2, "hashedrekord", tsa=True),
    Way("javascript", "bundle", 1, "dsse"),
)
READERS: dict[str, tuple[Party, ...]]
READERS = {"legacy": ("cosign2", "cosign3"), "bundle": ("cosign3", "python", "javascript")}
ASKED = [(way, verifier) for way in SIGNING for verifier in READERS[way.format]]
SIGNERS: dict[Party, WhoSigns] = {"cosign2": "e-mail", "python": "e-mail"}


@pytest.fixture(scope="module")
def signatures(
    cosign2: Path, cosign3: Path, oras: Path, javascript: Path, tmp_path_factory: pytest.TempPathFactory
) -> t.Iterator[Signatures]:
    folder = tmp_path_factory.mktemp("virtual")
    with VirtualServices() as virtual:
        yield Signatures(Peers(services.described(virtual, folder), cosign2, cosign3, oras, javascript, folder))


@pytest.mark.parametrize(("way", "verifier"), ASKED, ids=str)
def test_all_sign_on_the_virtual_services(
    signatures: Signatures, registry_ggcr: Registry, way: Way, verifier: Party
) -> None:
    """And the others accept it, with the right identity only."""
    signed = signatures.of(way, registry_ggcr, SIGNERS.get(way.peer, "URI"), "virtual")
    assert signatures.peers.refusal(verifier, signed, signed.identity) == ""
    another = replace(signed.identity, name="https://another.example")
    assert signatures.peers.refusal(verifier, signed, another)
