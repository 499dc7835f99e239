# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import KeyRule, Policy
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.statement import SIGN_PREDICATE
from tests.support.keys import public_key

OURS, THEIRS = public_key(), public_key(owner="theirs")


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"signers": ()}, id="AT-15-d-nobody"),
        pytest.param({"signers": (KeyRule(()),)}, id="AT-15-d-no-key"),
        pytest.param({"required_signatures": 0}, id="AT-15-e-zero"),
        pytest.param({"required_signatures": -1}, id="AT-15-e-negative"),
        pytest.param({"required_signatures": True}, id="AT-15-e-bool"),
        pytest.param({"required_signatures": 2}, id="more-than-keys"),
        pytest.param({"signers": (KeyRule((OURS, OURS)),), "required_signatures": 2}, id="AT-28-the-same-key-twice"),
        pytest.param({"match_reference": "prefix"}, id="unknown-match"),
        pytest.param({"predicate_types": ()}, id="no-type"),
        pytest.param({"check_claims": False, "annotations": {"a": "1"}}, id="annotations-unchecked"),
        pytest.param({"check_claims": False, "match_reference": "exact"}, id="reference-unchecked"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(wrong: dict[str, t.Any]) -> None:
    with pytest.raises(Rejection) as refused:
        Policy(**{"signers": (KeyRule((OURS,)),), **wrong})
    assert refused.value.code == "POLICY_UNSUPPORTED"


@pytest.mark.parametrize("signers", [(KeyRule((OURS, THEIRS)),), (KeyRule((OURS,)), KeyRule((THEIRS,)))])
def test_each_key_counts(signers: tuple[KeyRule, ...]) -> None:
    assert Policy(signers, required_signatures=2).keys == (OURS, THEIRS)


def test_which_types_count() -> None:
    policy = Policy((KeyRule((OURS,)),))
    assert policy.counts(SIGN_PREDICATE)
    assert not policy.counts(SIGN_PREDICATE + "/")
    assert not policy.counts(None)
    assert Policy((KeyRule((OURS,)),), check_claims=False).counts("anything")
