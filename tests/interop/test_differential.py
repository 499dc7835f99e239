# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole catalogue, right and wrong, judged by cosign 3.1, sigstore-python and ours: every disagreement is known."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.interop.differences import COSIGN, PYTHON, WE_ACCEPT, WE_REFUSE, Difference
from tests.interop.judges import Asked, Cosign3, Judge, Python
from tests.interop.servers import Registry
from tests.support.judged import judge
from tests.support.sigstore.case import Case
from tests.support.sigstore.virtual import VirtualSigstore
from tests.support.sigstore.wrong import CASES


@dataclass(frozen=True)
class Judged:
    """What one other says of the case, and what ours says; both are empty where it is accepted."""

    case: Case
    theirs: str
    ours: str

    @property
    def differs(self) -> bool:
        return bool(self.theirs) != bool(self.ours)


Verdicts = t.Mapping[str, t.Mapping[str, Judged]]


@pytest.fixture(scope="module")
def verdicts(cosign3: Path, registry_ggcr: Registry, tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    """By peer, then by the name of the case: each case that the peer can be asked about."""
    virtual = VirtualSigstore()
    asked = [Asked.of(case, virtual) for case in CASES]
    ours = {one.case.name: _our_refusal(one, virtual) for one in asked}
    peers: dict[str, Judge] = {
        COSIGN: Cosign3(cosign3, registry_ggcr, tmp_path_factory.mktemp("cosign3")),
        PYTHON: Python(tmp_path_factory.mktemp("python")),
    }
    found: dict[str, dict[str, Judged]] = {}
    for name, peer in peers.items():
        can = [one for one in asked if not peer.hole(one)]
        with ThreadPoolExecutor(4 if name == COSIGN else 1) as pool:
            said = zip(can, pool.map(peer.refusal, can), strict=True)
            found[name] = {one.case.name: Judged(one.case, text, ours[one.case.name]) for one, text in said}
    return found


def _our_refusal(asked: Asked, virtual: VirtualSigstore) -> str:
    try:
        verdict = judge(asked.case, virtual, asked.made)
    except Rejection as refused:
        return str(refused.code)
    return verdict.refusal.code if verdict.refusal else ""


@pytest.mark.parametrize(("peer", "cases", "accepted"), [(COSIGN, 1200, 300), (PYTHON, 650, 180)])
def test_they_are_asked_about_most(verdicts: Verdicts, peer: str, cases: int, accepted: int) -> None:
    """And can be satisfied, so that what they refuse says something."""
    assert len(verdicts[peer]) >= cases
    assert len([one for one in verdicts[peer].values() if not one.theirs]) >= accepted


def test_each_wrong_thing_that_cosign_refuses_is_refused_here(verdicts: Verdicts) -> None:
    refused = [one for one in verdicts[COSIGN].values() if one.theirs and not one.case.valid]
    assert len(refused) > 700
    assert [one.case.name for one in refused if not one.ours] == []


@pytest.mark.parametrize("peer", [COSIGN, PYTHON])
@pytest.mark.parametrize("listed", [WE_REFUSE, WE_ACCEPT], ids=["we refuse", "we accept"])
def test_every_disagreement_is_on_the_reviewed_list(
    verdicts: Verdicts, peer: str, listed: t.Sequence[Difference]
) -> None:
    known = {name: one for one in listed if peer in one.peers for name in one.names}
    found = {
        name: f"ours: {one.ours}, theirs: {one.theirs}"
        for name, one in verdicts[peer].items()
        if one.differs and bool(one.ours) == (listed is WE_REFUSE)
    }
    unlisted = [f"{name} ({said})" for name, said in found.items() if name not in known]
    assert not unlisted, "\n".join(["not on the list:", *unlisted])
    in_vain = [name for name, one in known.items() if name not in found and not one.varies]
    assert not in_vain, "\n".join(["listed in vain:", *in_vain])
