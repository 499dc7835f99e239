# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who accepts whose signatures on the real services: signer × verifier × Rekor v1, v2 × referrers, fallback tag, legacy
× a person's certificate, a workflow's, a key.

Every cell is a test: what was signed is accepted with the signer demanded who signed, and refused with another. A hole
is a test too, where it can be tried: that it is refused for the reason that stands below the table.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

import pytest

from tests.interop import ours, parties
from tests.interop.logged import PLACES, Cell, Table, cells, is_played, unsigned, unverified
from tests.interop.peers import Signatures
from tests.interop.servers import Registry
from tests.interop.ways import Signed, Who
from tests.support import images
from tests.support.sigstore.issuer import Identity

ANOTHER = "https://another.example"


class Bench:
    """Everything that was made once and is used by several cells."""

    def __init__(self, request: pytest.FixtureRequest, signatures: Signatures) -> None:
        self._request, self.signatures = request, signatures
        self.peers = signatures.peers
        self.played = parties.Ours(self.peers.sigstore, ours.playbook)
        self._attempts: dict[Cell, str] = {}
        self.another_key = self.peers.key_pair(owner="another")

    def registry(self, cell: Cell) -> Registry:
        return t.cast(Registry, self._request.getfixturevalue(PLACES[cell.place]))

    def signed(self, cell: Cell) -> Signed:
        """What this cell's signer signed; cells that differ in the verifier alone share it."""
        played = self.played if is_played(cell) else None
        return self.signatures.of(cell.way, self.registry(cell), cell.who, signer=played)

    def refusals(self, cell: Cell, signed: Signed, demanded: t.Sequence[Who]) -> list[str]:
        if cell.verifier == "ours" and is_played(cell):
            return self.played.refusals(signed, demanded)
        return self.peers.refusals(cell.verifier, signed, demanded)

    def attempt(self, cell: Cell) -> str:
        """What the signer says who cannot sign so."""
        key = cell._replace(verifier="ours")
        if key not in self._attempts:
            self._attempts[key] = self._attempt(cell)
        return self._attempts[key]

    def _attempt(self, cell: Cell) -> str:
        peers, who = self.peers, self.signatures.who[cell.who]
        image = peers.push(images.image("unsigned"), self.registry(cell), f"unsigned/{cell.signer}-{cell.who.lower()}")
        if cell.signer == "ours":
            result = peers.ours.attempt(image, cell.format, cell.rekor, who)
            assert result["failed"] is True and not result["changed"], result
            return str(result["msg"])
        if cell.signer == "cosign2":
            done = peers.cosign2.attempt(image, peers.sigstore.rekor2, who)
        elif cell.signer == "cosign3":
            done = peers.cosign3.attempt(image, cell.format, cell.rekor, who)
        else:
            done = peers.javascript.attempt(cell.way, parties.statement(image.rpartition("@")[2]), who)
        assert done.returncode != 0, done
        return done.stderr

    def others(self, who: Who) -> list[Who]:
        """Those who did not sign, each nearly the signer."""
        if isinstance(who, Identity):
            name = f"x{who.name}" if "@mail" in who.name else who.name.replace("refs/heads/main", "refs/heads/other")
            return [dataclasses.replace(who, name=name), dataclasses.replace(who, issuer=ANOTHER)]
        return [self.another_key]


@pytest.fixture(scope="module")
def bench(request: pytest.FixtureRequest, signatures: Signatures, first_entries: object) -> Bench:
    return Bench(request, signatures)


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Table:
    made = Table()
    request.config.pluginmanager.register(made)
    return made


@pytest.mark.parametrize("cell", cells(), ids=str)
def test_cell(cell: Cell, bench: Bench, table: Table) -> None:
    table.start(cell)
    hole = unsigned(cell)
    if hole is None:
        hole = unverified(cell)
        if hole is None or hole.says:
            _verify(cell, bench, "" if hole is None else hole.says)
    elif hole.says:
        said = bench.attempt(cell)
        assert re.search(hole.says, said), said
    table.add(cell, hole)


def _verify(cell: Cell, bench: Bench, says: str) -> None:
    signed = bench.signed(cell)
    right, *wrong = bench.refusals(cell, signed, [signed.who, *bench.others(signed.who)])
    if says:
        assert re.search(says, right), right
    else:
        assert right == ""
    assert all(wrong)
    if cell.verifier == "ours":
        expected = ["IDENTITY_MISMATCH", "ISSUER_MISMATCH"]
        if not isinstance(signed.who, Identity):
            # Legacy signatures name no key, nor does @sigstore.
            named = cell.format == "bundle" and cell.signer != "javascript"
            expected = ["KEY_MISMATCH" if named else "SIG_INVALID"]
        assert [said.partition(":")[0] for said in wrong] == expected
