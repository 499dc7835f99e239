# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_env import TASK as ENV
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_sign import TASK as SIGN
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_verify import TASK as VERIFY
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.environment import fill
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.options import IDENTITY
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import MIN_MASKED, prepare, secrets_of
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import PEM_OPTIONS
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

KEY = {"COSIGN_KEY": "cosign.pub"}
NAME = {"COSIGN_CERTIFICATE_IDENTITY": "alice@acme.example"}
PATTERN = {"COSIGN_CERTIFICATE_IDENTITY_REGEXP": "alice@.*"}
ISSUER = {"COSIGN_CERTIFICATE_OIDC_ISSUER": "https://login.acme.example"}
TOKEN = {"COSIGN_REGISTRY_TOKEN": "canary"}
USER = {"COSIGN_REGISTRY_USERNAME": "ci", "COSIGN_REGISTRY_PASSWORD": "canary"}


def filled(task: dict[str, str], process: dict[str, str], **options: t.Any) -> set[str]:
    found = fill(VERIFY.spec, options, {**process, **task}, task)
    return {name for name in found if name not in options}


@pytest.mark.parametrize(
    "option", ["keys", "signers", "certificate", "sct", *IDENTITY, *PEM_OPTIONS, "certificate_github_workflow_ref"]
)
def test_a_key_of_the_environment_is_no_rival_of_what_the_task_says(option: str) -> None:
    assert "key" not in filled({}, KEY, **{option: "x"})
    assert "key" in filled({}, KEY, annotations={})


@pytest.mark.parametrize(
    ("one", "other"),
    [(KEY, NAME), (KEY, ISSUER), (NAME, PATTERN), (TOKEN, USER)],
    ids=["key-name", "key-issuer", "name-pattern", "token-user"],
)
def test_two_variables_that_exclude_each_other(one: dict[str, str], other: dict[str, str]) -> None:
    """Of the same place they are refused by their names; those of the task beat those of the process."""
    for task, process in (({**one, **other}, {}), ({}, {**one, **other})):
        with pytest.raises(Rejection) as caught:
            filled(task, process)
        assert caught.value.code == "POLICY_UNSUPPORTED" and "canary" not in caught.value.message
        assert all(any(name in caught.value.message for name in names) for names in (one, other))
    nothing = filled({}, {})
    assert filled(one, other) == filled(one, {}) != nothing
    assert filled(other, one) == filled(other, {}) != nothing


def test_what_may_still_come_from_elsewhere_is_not_missed() -> None:
    """On the controller, of a task that is for another machine."""
    params = {name: option.get("default") for name, option in VERIFY.spec.options.items()}
    params.update(image="registry.example/app:1")
    incomplete: list[dict[str, t.Any]] = [
        {},
        {"certificate_identity": "alice@acme.example"},
        {"key": "k", "registry_username": "ci"},
        {"certificate_github_workflow_ref": "refs/heads/main"},
    ]
    for more in incomplete:
        prepare(VERIFY, {**params, **more}, {}, (), complete=False)
    contradictory: list[dict[str, t.Any]] = [
        {"images": ["a/b"]},
        {"key": "k", "certificate_identity": "alice@acme.example"},
        {"key": "k", "required_signatures": 2},
        {"key": "k", "check_claims": False, "match_reference": "exact"},
        {"certificate_identity_regexp": ".*", "certificate_oidc_issuer": "https://login.acme.example"},
        {"signers": []},
        {"max_workers": 0},
    ]
    for more in contradictory:
        with pytest.raises(Rejection):
            prepare(VERIFY, {**params, **more}, {}, (), complete=False)


@pytest.mark.attack("AT-42")
def test_a_short_secret_is_searched_for_nowhere() -> None:
    """It is part of every other digest."""
    short, long = "1" * (MIN_MASKED - 1), "1" * MIN_MASKED
    assert secrets_of(SIGN, {"key_password": short}, {"COSIGN_REGISTRY_TOKEN": short}) == set()
    assert secrets_of(SIGN, {"key_password": long}, {}) == secrets_of(SIGN, {}, {"COSIGN_PASSWORD": long}) == {long}
    assert secrets_of(ENV, {"show_sensitive_values": True}, {"COSIGN_PASSWORD": long}) == set()
    assert secrets_of(SIGN, {}, {"COSIGN_UNKNOWN": long}) == set(), "nothing shows it but cosign_env, which hides it"
