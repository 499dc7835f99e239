# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole catalogue through the one entry point of the verifier: each case gets its answer, and no other."""

from __future__ import annotations

import functools

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.support.judged import judge
from tests.support.sigstore.case import Case
from tests.support.sigstore.virtual import VirtualSigstore
from tests.support.sigstore.wrong import CASES


@functools.cache
def virtual() -> VirtualSigstore:
    return VirtualSigstore()


@pytest.mark.parametrize("case", [pytest.param(one, id=one.name, marks=pytest.mark.attack(*one.rows)) for one in CASES])
def test_each_case_gets_its_answer(case: Case) -> None:
    refusal = answer(case)
    assert (refusal.code if refusal else None) == case.code
    if refusal:
        assert refusal.message.endswith(".") and refusal.message.isprintable() and len(refusal.message) < 1500


def answer(case: Case) -> Rejection | None:
    try:
        verdict = judge(case, virtual())
    except Rejection as refused:
        # The trusted root that the case brings cannot be read.
        if case.root is None:
            raise
        return refused
    assert verdict.verified == bool(verdict.accepted) == bool(verdict.checks)
    return verdict.refusal


def test_every_name_is_there_once() -> None:
    names = [one.name for one in CASES]
    assert len(names) == len(set(names))


def test_no_case_passes_for_a_reason_of_its_own() -> None:
    """Every combination of who and how that some wrong case uses is also used by a right one."""
    right = {_setting(one) for one in CASES if one.valid}
    without = {one.name for one in CASES if not one.valid and _setting(one) not in right}
    assert without == set()


def _setting(case: Case) -> tuple[bool, bool, bool, bool]:
    return bool(case.keys), bool(case.identity), "ignore_tlog" in case.policy, case.artifact is not None
