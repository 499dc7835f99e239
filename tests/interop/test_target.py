# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`run_on: target` on a real host, over a real sshd, with the oldest Python and libraries that a target may have."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
import typing as t
from pathlib import Path

import pytest

from tests.interop import ours
from tests.interop.clients import push_layout
from tests.interop.servers import Host, Registry
from tests.support import images

CANARY = "canary-0f3e-of-the-key"
HOST_KEY = "~/cosign.key"
Task = dict[str, t.Any]

BECOME = ["--become", "--become-method", "su", "--become-user", "deploy"]


@pytest.fixture
def home(sshd: Host) -> t.Iterator[Path]:
    """The home folder of the host's user, emptied after the test."""
    folder = Path(sshd.python).parent / "home"
    yield folder
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture
def image(registry_docker_tls_token: Registry, oras: Path, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    made = images.image(request.node.name)
    made.write_layout(tmp_path / "layout", "1")
    name = f"{registry_docker_tls_token.address}/target/image"
    push_layout(oras, registry_docker_tls_token, Path(f"{tmp_path}/layout:1"), f"{name}:1", tmp_path)
    return f"{name}@{made.digest}"


def the_tasks(
    registry: Registry, image: str, run_on: str, key: str, ca: str, secrets: t.Literal["options", "environment"]
) -> list[Task]:
    """Make a key pair, sign and verify; the secrets are given in one way or the other."""
    assert registry.username
    assert registry.password
    login: Task = {"registry_username": registry.username}
    opening: Task = {}
    environment: dict[str, str] = {}
    if secrets == "options":
        opening = {"key_password": CANARY}
        login["registry_password"] = registry.password
    else:
        login = {}
        environment = {
            "COSIGN_PASSWORD": CANARY,
            "COSIGN_REGISTRY_USERNAME": registry.username,
            "COSIGN_REGISTRY_PASSWORD": registry.password,
        }
    common = {"image": image, "registry_cacert": ca, **login}
    tasks: dict[str, Task] = {
        "cosign_key_pair": {"path": key, **opening},
        "cosign_sign": {"key": key, "tlog_upload": False, **common, **opening},
        "cosign_verify": {"key": key.replace(".key", ".pub"), "insecure_ignore_tlog": True, **common},
        "cosign_env": {},
    }
    return [
        {"name": name, ours.PREFIX + name: {"run_on": run_on, **options}, "environment": environment}
        for name, options in tasks.items()
    ]


class Watch:
    """Looks again and again at the command lines of all processes for texts that no one may put there."""

    def __init__(self, *texts: str):
        self._texts = [text.encode() for text in texts]
        self._over = threading.Event()
        self.seen: set[bytes] = set()
        self.looked = 0

    def __enter__(self) -> Watch:
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self._thread.join(5)

    def _look(self) -> None:
        while not self._over.wait(0.005):
            for process in os.listdir("/proc"):
                if process.isdigit():
                    # It may have ended meanwhile.
                    with contextlib.suppress(OSError):
                        line = Path("/proc", process, "cmdline").read_bytes()
                        self.looked += 1
                        self.seen |= {line for text in self._texts if text in line}


@pytest.mark.parametrize(
    ("user", "arguments", "secrets"),
    [("deploy", [], "options"), ("deploy", [], "environment"), ("root", BECOME, "environment")],
    ids=["options", "environment", "become"],
)
def test_sign_and_verify_on_the_target(
    registry_docker_tls_token: Registry,
    image: str,
    sshd: Host,
    home: Path,
    tmp_path: Path,
    user: str,
    arguments: list[str],
    secrets: t.Literal["options", "environment"],
) -> None:
    assert registry_docker_tls_token.ca
    assert registry_docker_tls_token.password
    inventory = f"host {sshd.variables(user)}\n"
    shutil.copy(registry_docker_tls_token.ca, home / "ca.pem")
    (home / "ca.pem").chmod(0o644)
    tasks = the_tasks(registry_docker_tls_token, image, "target", HOST_KEY, str(home / "ca.pem"), secrets)
    with Watch(CANARY, registry_docker_tls_token.password) as watch:
        played = ours.run_play(tmp_path, [*tasks, tasks[1]], *arguments, "-vvvv", inventory=inventory)
    _pair, signed, verified, shown, again = played.results
    assert played.status == 0, played.results
    assert [one["changed"] for one in played.results] == [True, True, False, False, False]
    assert verified["verified"] is True
    assert verified["signatures"] == signed["signatures"] == again["signatures"]
    assert not list(tmp_path.rglob("cosign.key"))
    key = (home / "cosign.key").stat()
    assert (key.st_uid, key.st_mode & 0o777) == (home.stat().st_uid, 0o600)
    sources = {one["name"]: one["source"] for one in shown["variables"] if one["set"]}
    assert sources.get("COSIGN_PASSWORD") == ("task" if secrets == "environment" else None)
    assert watch.looked
    assert_kept_secret(watch, played, [tmp_path / "results.jsonl", home], CANARY, registry_docker_tls_token.password)


@pytest.mark.parametrize("secrets", ["options", "environment"])
def test_the_same_on_the_controller(
    registry_docker_tls_token: Registry,
    image: str,
    sshd: Host,
    tmp_path: Path,
    secrets: t.Literal["options", "environment"],
) -> None:
    """The host is named, but not spoken to."""
    assert registry_docker_tls_token.password
    ca = str(registry_docker_tls_token.ca)
    tasks = the_tasks(registry_docker_tls_token, image, "controller", "cosign.key", ca, secrets)
    inventory = f"host {sshd.variables('deploy')}\n".replace(f"ansible_port={sshd.port}", "ansible_port=1")
    with Watch(CANARY, registry_docker_tls_token.password) as watch:
        played = ours.run_play(tmp_path, tasks, "-vvvv", inventory=inventory)
    assert played.status == 0, played.results
    assert [one["changed"] for one in played.results] == [True, True, False, False]
    assert (tmp_path / "cosign.key").exists()
    left = [path for path in tmp_path.iterdir() if path.name not in ("play.yml", "docker")]
    assert_kept_secret(watch, played, left, CANARY, registry_docker_tls_token.password)


def assert_kept_secret(watch: Watch, played: ours.Played, places: t.Sequence[Path], *secrets: str) -> None:
    assert not watch.seen
    for secret in secrets:
        assert secret not in played.printed
    for place in places:
        for path in [place] if place.is_file() else place.rglob("*"):
            data = path.read_bytes() if path.is_file() else b""
            assert not [secret for secret in secrets if secret.encode() in data], path


def test_the_watch_sees_what_core_does_with_an_environment(sshd: Host, tmp_path: Path) -> None:
    """Without this, the tests above could pass for looking in the wrong place."""
    task = {"ansible.builtin.command": "sleep 0.1", "environment": {"COSIGN_PASSWORD": CANARY}}
    with Watch(CANARY) as watch:
        played = ours.run_play(tmp_path, [task], "-vvvv", inventory=f"host {sshd.variables('deploy')}\n")
    assert played.status == 0, played.printed
    assert watch.seen
    assert CANARY in played.printed


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cosign_key_pair", {"path": "cosign.key", "key_password": CANARY}),
        ("cosign_copy", {"source": "oci:layout", "destination": "oci:copy"}),
        ("cosign_login", {"registry": "registry.example", "username": "ci", "password": CANARY}),
        ("cosign_verify", {"image": "oci:layout", "key": "cosign.pub"}),
    ],
)
def test_whose_files_are_meant_has_to_be_said(sshd: Host, tmp_path: Path, name: str, options: Task) -> None:
    task = {ours.PREFIX + name: options}
    played = ours.run_play(tmp_path, [task], inventory=f"host {sshd.variables('deploy')}\n")
    failed = played.results[0]
    assert failed["rejection"]["code"] == "POLICY_UNSUPPORTED"
    assert "run_on" in failed["msg"]
    assert "controller" in failed["msg"]
    assert "target" in failed["msg"]
    assert CANARY not in json.dumps(failed)
    assert not (tmp_path / "cosign.key").exists()


def test_secrets_are_shown_where_that_is_asked(sshd: Host, tmp_path: Path) -> None:
    task = {
        ours.PREFIX + "cosign_env": {"run_on": "target", "show_sensitive_values": True},
        "environment": {"COSIGN_PASSWORD": CANARY},
    }
    played = ours.run_play(tmp_path, [task], inventory=f"host {sshd.variables('deploy')}\n")
    assert f"COSIGN_PASSWORD={CANARY}" in played.results[0]["lines"]
