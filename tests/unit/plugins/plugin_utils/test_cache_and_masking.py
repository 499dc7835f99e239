# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat
import typing as t
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.plugin_utils._cache import RunCache
from ansible_collections.supplychain.cosign.plugins.plugin_utils._masking import mask

DIGEST = "sha256:" + "a" * 64
ACCEPTED: dict[str, t.Any] = {"verified": True}
REFUSED: dict[str, t.Any] = {"verified": False, "rejection": {"code": "NO_SIGNATURE"}}
NOT_LOOKED: dict[str, t.Any] = {"verified": False, "rejection": {"code": "UNREACHABLE"}}


class Judge:
    def __init__(self, verdict: dict[str, t.Any]) -> None:
        self.verdict = verdict
        self.asked = 0

    def __call__(self) -> dict[str, t.Any]:
        self.asked += 1
        return self.verdict


@pytest.mark.parametrize(
    ("verdict", "task", "retries", "asked"),
    [
        (ACCEPTED, "same", False, 1),
        (ACCEPTED, "other", True, 1),
        (REFUSED, "same", False, 1),
        (REFUSED, "other", False, 2),
        (REFUSED, "same", True, 2),
        (NOT_LOOKED, "same", False, 2),
    ],
)
@pytest.mark.attack("AT-15j", "AT-13")
def test_what_serves_whom(tmp_path: Path, verdict: dict[str, t.Any], task: str, retries: bool, asked: int) -> None:
    judge = Judge(verdict)
    for uuid in ("same", task):
        found = RunCache(str(tmp_path), uuid, retries).verdict(DIGEST, {"key": "k"}, judge)
        assert found["verified"] == verdict["verified"]
    assert judge.asked == asked


def test_AT_15_j_every_part_of_the_question_counts(tmp_path: Path) -> None:
    cache = RunCache(str(tmp_path), "task", False)
    judge = Judge(ACCEPTED)
    cache.verdict(DIGEST, {"key": "k", "annotations": {}}, judge)
    cache.verdict(DIGEST, {"key": "k", "annotations": {"a": "1"}}, judge)
    cache.verdict("sha256:" + "b" * 64, {"key": "k", "annotations": {}}, judge)
    assert judge.asked == 3


def test_a_write_drops_what_was_said_and_what_is_being_found_out(tmp_path: Path) -> None:
    cache = RunCache(str(tmp_path), "task", False)
    judge = Judge(ACCEPTED)
    cache.verdict(DIGEST, {}, judge)
    cache.drop(DIGEST)
    cache.verdict(DIGEST, {}, judge)
    assert judge.asked == 2

    def overtaken() -> dict[str, t.Any]:
        cache.drop(DIGEST)
        return ACCEPTED

    cache.verdict(DIGEST, {"other": 1}, overtaken)
    cache.verdict(DIGEST, {"other": 1}, judge)
    assert judge.asked == 3


def test_a_verdict_that_looked_below_an_index_ends_with_any_write(tmp_path: Path) -> None:
    """A child whose signature is removed makes the index's verdict wrong, although its digest is another."""
    cache = RunCache(str(tmp_path), "task", False)
    judge = Judge(ACCEPTED)
    for question in ({"recursive": True}, {"recursive": False}):
        cache.verdict(DIGEST, question, judge)
    cache.drop("sha256:" + "c" * 64)
    assert cache.verdict(DIGEST, {"recursive": True}, judge)["cached"] is False
    assert cache.verdict(DIGEST, {"recursive": False}, judge)["cached"] is True


def test_what_was_kept_half_is_found_out_anew(tmp_path: Path) -> None:
    cache = RunCache(str(tmp_path), "task", False)
    judge = Judge(ACCEPTED)
    cache.verdict(DIGEST, {}, judge)
    for path in (tmp_path / "supplychain.cosign").iterdir():
        path.write_text(path.read_text()[:10])
    assert cache.verdict(DIGEST, {}, judge)["cached"] is False
    assert cache.verdict(DIGEST, {}, judge)["cached"] is True


@pytest.mark.attack("AT-44")
def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    RunCache(str(tmp_path), "task", False).verdict(DIGEST, {}, Judge(ACCEPTED))
    assert stat.S_IMODE(os.stat(tmp_path / "supplychain.cosign").st_mode) == 0o700


@pytest.mark.attack("AT-14", "AT-42")
def test_secrets_are_masked_in_every_spelling_and_facts_stay_whole() -> None:
    secret = 'p@ss/word+"1"'
    result = {
        "msg": f"x {secret} cEBzcy93b3JkKyIxIg== p%40ss%2Fword%2B%221%22",
        "images": [{"deep": [secret], "digest": "sha256:abc", "pinned": "r/a@sha256:abc"}],
        "number": 1,
    }
    masked = mask(result, {secret, "abc"})
    assert secret not in str(masked) and "cEBzcy93b3JkKyIxIg==" not in str(masked) and "p%40" not in str(masked)
    assert masked["images"][0]["pinned"] == "r/a@sha256:abc", "a digest with asterisks in it would deploy nothing"
    assert mask(result, set()) == result


def test_a_question_may_have_keys_of_several_kinds(tmp_path: Path) -> None:
    cache = RunCache(str(tmp_path), "task", False)
    judge = Judge(ACCEPTED)
    for document in ({1: "a", "b": "c"}, {"1": "a", "b": "c"}, {"b": "c", 1: "a"}, {"x": [{1: 2}]}, {"x": [{"1": 2}]}):
        cache.verdict(DIGEST, {"document": document}, judge)
    assert judge.asked == 4, "the order of keys is none, and 1 is not '1'"
