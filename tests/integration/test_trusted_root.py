# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trusted roots and signing configs as files, through the real `ansible-playbook`."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from tests.integration.conftest import Playbook
from tests.support.sigstore.virtual import IDENTITY, ISSUER

REMOTE = {"vars": {"ansible_connection": "ssh"}, "ignore_errors": True}


def task(name: str, more: t.Mapping[str, t.Any] | None = None, **options: t.Any) -> dict[str, t.Any]:
    return {"name": name, "supplychain.cosign.cosign_trusted_root": options, **(more or {})}


@pytest.mark.parametrize("run_on", ["controller", "target"])
def test_what_tuf_distributes_is_written_here_and_there(
    playbook: Playbook, mirror: dict[str, str], root: str, run_on: str
) -> None:
    """The host has none of the controller's variables, and gets the files all the same."""
    playbook.environ.update(mirror)
    there = str(playbook.folder / "written.json")
    options: dict[str, t.Any] = {
        "path": there,
        "signing_config_path": str(playbook.folder / "services.json"),
        "run_on": run_on,
    }
    run = playbook([task("first", **options), task("again", **options)], "--diff")
    assert run.status == 0, run.output
    assert run.results["first"]["changed"] is True and run.results["again"]["changed"] is False
    assert json.loads((playbook.folder / "written.json").read_bytes()) == json.loads(Path(root).read_bytes())
    assert run.results["first"]["signing_config"]["certificate_authorities"][0]["operator"] == "sigstore.test"
    assert run.results["first"]["expires"]
    assert [one["before"] for one in run.results["first"]["diff"]] == [{}, {}]
    assert "_trusted_root" not in str(run.results["first"].get("invocation"))


def test_a_time_may_stand_in_yaml_without_quotes(playbook: Playbook) -> None:
    (playbook.folder / "tasks.yml").write_text(
        "- name: given\n"
        "  supplychain.cosign.cosign_trusted_root:\n"
        "    path: written.json\n"
        "    mode: 0600\n"
        "    rekor:\n"
        "      - {url: https://rekor.test, public_key: ours.pub, start_time: 2026-01-31T12:00:00Z}\n"
    )
    run = playbook([{"name": "include", "ansible.builtin.import_tasks": "tasks.yml"}])
    assert run.status == 0, run.output
    assert run.results["given"]["trusted_root"]["logs"][0]["start"] == "2026-01-31T12:00:00Z"
    assert (playbook.folder / "written.json").stat().st_mode & 0o777 == 0o600


def test_whose_files_are_meant_has_to_be_said(playbook: Playbook, mirror: dict[str, str]) -> None:
    playbook.environ.update(mirror)
    run = playbook([task("written", REMOTE, path="written.json")], hosts="remote,")
    result = run.results["written@remote"]
    assert result["rejection"]["code"] == "POLICY_UNSUPPORTED", run.output
    assert "path" in result["msg"] and "controller" in result["msg"] and "target" in result["msg"]
    run = playbook([task("written", REMOTE, path="written.json", run_on="controller")], hosts="remote,")
    assert run.results["written@remote"]["changed"] is True, run.output


def test_what_was_written_verifies(
    playbook: Playbook, mirror: dict[str, str], pushed: str, attach: t.Callable[..., str]
) -> None:
    attach()
    playbook.environ.update(mirror)
    wanted = {"certificate_identity": IDENTITY, "certificate_oidc_issuer": ISSUER}
    verify = {"image": pushed, "trusted_root": "written.json", **wanted}
    run = playbook(
        [task("written", path="written.json"), {"name": "verify", "supplychain.cosign.cosign_verify": verify}]
    )
    assert run.status == 0, run.output
    assert run.results["verify"]["verified"] is True
