# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`cosign_env` shows the lines that `cosign env` shows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.interop import ours

VARIABLES = {
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "registered, a secret",
    "COSIGN_EXPERIMENTAL": "1",
    "COSIGN_KEY": "not registered, but read by both",
    "COSIGN_OF_OURS": "not registered",
    "COSIGN_PASSWORD": "registered, a secret",
    "COSIGN_REPOSITORY": "",
    "GITHUB_HOST": "registered, no secret, two  blanks",
    "SIGSTORE_OF_OURS": "not registered",
    "SIGSTORE_ROOT_FILE": "/a/path",
    "TUF_OF_OURS": "not registered",
    "TUF_ROOT": "/another/path",
    "UNRELATED": "shown by nobody",
}
WITH_SIGN = {
    "COSIGN_DOCKER_MEDIA_TYPES": "a=b",
    "SIGSTORE_WITH_SIGN": "a=b=c",
    "GITLAB_TOKEN": "a secret=that ends in=",
}


def _theirs(cosign3: Path, variables: dict[str, str], sensitive: bool) -> list[str]:
    command = [str(cosign3), "env", "--show-descriptions=false", f"--show-sensitive-values={str(sensitive).lower()}"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=True)
    return sorted(done.stdout.splitlines())


def _ours(folder: Path, variables: dict[str, str], sensitive: bool) -> list[str]:
    task = {ours.PREFIX + "cosign_env": {"show_descriptions": False, "show_sensitive_values": sensitive}}
    played = ours.run_play(folder, [task], environ=variables)
    assert played.status == 0, played.printed
    return sorted(played.results[0]["lines"])


@pytest.mark.parametrize("sensitive", [False, True], ids=["masked", "shown"])
def test_the_lines_are_those_of_cosign(cosign3: Path, tmp_path: Path, sensitive: bool) -> None:
    theirs = _theirs(cosign3, VARIABLES, sensitive)
    assert len(theirs) == 29 + 4
    assert _ours(tmp_path, VARIABLES, sensitive) == theirs


@pytest.mark.parametrize("sensitive", [False, True], ids=["masked", "shown"])
def test_a_value_with_an_equals_sign_is_not_lost(cosign3: Path, tmp_path: Path, sensitive: bool) -> None:
    """The kept difference: cosign says of an unregistered variable with such a value that it is empty."""
    theirs = _theirs(cosign3, WITH_SIGN, sensitive)
    mine = _ours(tmp_path, WITH_SIGN, sensitive)
    assert "SIGSTORE_WITH_SIGN=" in theirs
    wanted = f"SIGSTORE_WITH_SIGN={WITH_SIGN['SIGSTORE_WITH_SIGN'] if sensitive else '******'}"
    assert mine == sorted([wanted, *(line for line in theirs if line != "SIGSTORE_WITH_SIGN=")])
