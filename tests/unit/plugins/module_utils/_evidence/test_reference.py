# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.reference import same_reference

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
R, E = "repository", "exact"


@pytest.mark.parametrize(
    ("signed", "asked", "how", "same"),
    [
        ("reg.example/app", "reg.example/app:1.4", R, True),
        ("reg.example/app:1.3", "reg.example/app:1.4", R, True),
        (f"reg.example/app@{OTHER}", "reg.example/app", R, True),
        ("reg.example/app-evil", "reg.example/app", R, False),
        ("reg.example/ap", "reg.example/app", R, False),
        ("reg.example/app/x", "reg.example/app", R, False),
        ("other.example/app", "reg.example/app", R, False),
        ("reg.example:443/app", "reg.example/app", R, False),
        ("reg.example/App", "reg.example/app", R, False),
        ("reg.example/\u0430pp", "reg.example/app", R, False),
        ("", "reg.example/app", R, False),
        ("reg.example/app", "", R, False),
        ("localhost:5000/app", "localhost:5000/app:1", R, True),
        ("localhost/app", "localhost/app", R, True),
        ("[::1]:5000/app", "[::1]:5000/app:1", R, True),
        ("index.docker.io/library/alpine", "alpine:3.20", R, True),
        ("docker.io/alpine", "registry-1.docker.io/library/alpine", R, True),
        ("docker.io/acme/app", "acme/app", R, True),
        ("docker.io/acme/app", "library/app", R, False),
        ("evil.io/library/alpine", "alpine", R, False),
        ("reg.example/app:1.4", "reg.example/app:1.4", E, True),
        ("reg.example/app:1.4", f"reg.example/app:1.4@{DIGEST}", E, True),
        ("reg.example/app:1.3", "reg.example/app:1.4", E, False),
        ("reg.example/app", "reg.example/app:1.4", E, False),
        ("reg.example/app", "reg.example/app", E, False),
        ("reg.example/app:latest", "reg.example/app", E, True),
        ("reg.example/app:latest", f"reg.example/app@{DIGEST}", E, False),
        (f"reg.example/app@{DIGEST}", "reg.example/app:1.4", E, True),
        (f"reg.example/app@{OTHER}", "reg.example/app:1.4", E, False),
        (f"reg.example/app:1.4@{DIGEST}", "reg.example/app:1.4", E, True),
        (f"reg.example/app:1.3@{DIGEST}", "reg.example/app:1.4", E, False),
        (f"other.example/app@{DIGEST}", "reg.example/app", E, False),
    ],
)
def test_AT_17_which_references_are_the_same(signed: str, asked: str, how: str, same: bool) -> None:
    assert same_reference(signed, asked, DIGEST, how) is same
