# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real parts work with each other: without this, a matrix could fail, or pass, for reasons of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from tests.interop.clients import Cosign, Format, checked, containers_policy, push_layout, run
from tests.interop.servers import Host, Registry
from tests.support import images

REGISTRIES = ("registry_ggcr", "registry_docker", "registry_docker_tls_token")


@pytest.fixture(params=REGISTRIES)
def registry(request: pytest.FixtureRequest) -> Registry:
    return t.cast(Registry, request.getfixturevalue(request.param))


@pytest.fixture
def image(registry: Registry, oras: Path, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """An image in the registry, by digest."""
    made = images.image(request.node.name)
    made.write_layout(tmp_path / "layout", "1")
    name = f"{registry.address}/real/parts"
    push_layout(oras, registry, Path(f"{tmp_path}/layout:1"), f"{name}:1", tmp_path)
    return f"{name}@{made.digest}"


@pytest.mark.parametrize(
    ("signer", "verifier", "how"),
    [(2, 2, "legacy"), (2, 3, "legacy"), (3, 2, "legacy"), (3, 3, "legacy"), (3, 3, "bundle")],
)
def test_cosign_signs_and_verifies(
    cosign2: Path,
    cosign3: Path,
    registry: Registry,
    image: str,
    tmp_path: Path,
    signer: int,
    verifier: int,
    how: Format,
) -> None:
    def cosign(major: int) -> Cosign:
        return Cosign(cosign2 if major == 2 else cosign3, major, registry, tmp_path)

    key, public = cosign(signer).generate_key_pair()
    cosign(signer).sign(image, key, how, {"sha": "1"})
    assert image.split("@")[1] in checked(cosign(verifier).verify(image, public, how, {"sha": "1"}))
    assert cosign(verifier).verify(image, public, how, {"sha": "2"}).returncode != 0


def test_containers_image_accepts_the_right_key_only(
    cosign3: Path, policy_evaluator: Path, registry_docker: Registry, oras: Path, tmp_path: Path
) -> None:
    images.image("policy").write_layout(tmp_path / "layout", "1")
    name = f"{registry_docker.address}/real/policy"
    push_layout(oras, registry_docker, Path(f"{tmp_path}/layout:1"), f"{name}:1", tmp_path)
    statuses = []
    for owner in ("ours", "other"):
        folder = tmp_path / owner
        folder.mkdir()
        cosign = Cosign(cosign3, 3, registry_docker, folder)
        key, public = cosign.generate_key_pair()
        if owner == "ours":
            cosign.sign(f"{name}:1", key, "legacy", {})
        files = containers_policy(folder, public, registry_docker.address)
        statuses.append(run(policy_evaluator, *files, f"{name}:1", folder=folder).returncode)
    assert statuses == [0, 1]


def test_a_token_is_demanded(registry_docker_tls_token: Registry, crane: Path, tmp_path: Path) -> None:
    address = registry_docker_tls_token.address
    stranger = Registry(address, False, registry_docker_tls_token.ca, "ci", "wrong")
    assert run(crane, "catalog", address, folder=tmp_path, registry=stranger).returncode != 0


def test_regctl_sees_referrers(
    cosign3: Path, regctl: Path, registry_ggcr: Registry, oras: Path, tmp_path: Path
) -> None:
    images.image("referrers").write_layout(tmp_path / "layout", "1")
    reference = f"{registry_ggcr.address}/real/referrers:1"
    push_layout(oras, registry_ggcr, Path(f"{tmp_path}/layout:1"), reference, tmp_path)
    cosign = Cosign(cosign3, 3, registry_ggcr, tmp_path)
    cosign.sign(reference, cosign.generate_key_pair()[0], "bundle", {})
    checked(run(regctl, "registry", "set", "--tls=disabled", registry_ggcr.address, folder=tmp_path))
    listed = checked(run(regctl, "artifact", "list", reference, "--format", "raw-body", folder=tmp_path))
    # This registry's list has no artifact type of the bundle: only the count is told.
    assert len(json.loads(listed)["manifests"]) == 1


@pytest.mark.parametrize(
    ("login", "become", "wanted"),
    [("root", [], "root"), ("deploy", [], "deploy"), ("root", ["su", "deploy"], "deploy")],
)
def test_ansible_reaches_the_host(sshd: Host, tmp_path: Path, login: str, become: list[str], wanted: str) -> None:
    inventory = tmp_path / "inventory.ini"
    inventory.write_text(f"target {sshd.variables(login)}\n")
    options = ["--become", "--become-method", become[0], "--become-user", become[1]] if become else []
    command = [sys.executable, "-m", "ansible", "adhoc", "-i", str(inventory), "target", "-m", "ansible.builtin.setup"]
    done = subprocess.run(
        [*command, "-a", "gather_subset=!all,min", *options],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads(done.stdout.partition("=>")[2])["ansible_facts"]
    assert facts["ansible_user_id"] == wanted
    assert facts["ansible_python"]["executable"].startswith(str(Path(sshd.python).parent))
