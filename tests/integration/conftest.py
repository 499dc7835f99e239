# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import wrap_public_key
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.keyfile import encrypt_key, generate_key
from tests.support.images import multi_arch
from tests.support.registry import EmbeddedRegistry
from tests.support.sigstore.attach import Attacher
from tests.support.sigstore.tuf_repository import TufRepository
from tests.support.sigstore.virtual import VirtualSigstore

COLLECTIONS = Path(__file__).resolve().parents[5]
PASSWORD = "canary-key-password"


@dataclass
class Run:
    """What `ansible-playbook` did: its status, its output, and each task's result by the task's name."""

    status: int
    output: str
    results: dict[str, dict[str, t.Any]]


class Playbook:
    """Plays run by the real `ansible-playbook` in a folder of their own, which has two key pairs and an image."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {"COSIGN_PASSWORD": PASSWORD}
        for name in ("ours", "other"):
            private = generate_key("ecdsa-p256")
            (folder / f"{name}.key").write_bytes(encrypt_key(private, PASSWORD.encode(), n=32768))
            (folder / f"{name}.pub").write_bytes(wrap_public_key(private.public_key(), "key").pem)
        multi_arch().write_layout(folder / "image")

    def __call__(
        self,
        tasks: list[dict[str, t.Any]],
        *arguments: str,
        hosts: str = "localhost,",
        defaults: t.Mapping[str, t.Any] | None = None,
        callback: str = "json",
        **play: t.Any,
    ) -> Run:
        options = {"allow_http_registry": True, **(defaults or {})}
        document = [
            {
                "hosts": "all",
                "gather_facts": False,
                "module_defaults": {"group/supplychain.cosign.registry": options},
                "tasks": tasks,
                **play,
            }
        ]
        (self.folder / "play.yml").write_text(yaml.safe_dump(document, sort_keys=False))
        process = subprocess.run(
            [
                sys.executable,
                "-m",
                "ansible",
                "playbook",
                "-i",
                hosts,
                "-c",
                "local",
                str(self.folder / "play.yml"),
                "-e",
                f"ansible_python_interpreter={sys.executable}",
                *arguments,
            ],
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
                "ANSIBLE_STDOUT_CALLBACK": "tests_json" if callback == "json" else callback,
                "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callbacks"),
                "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
                "ANSIBLE_REMOTE_TEMP": str(self.folder / "remote-tmp"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_RETRY_FILES_ENABLED": "0",
                "ANSIBLE_DEPRECATION_WARNINGS": "0",
                **self.environ,
            },
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        output = process.stdout + process.stderr
        results: dict[str, dict[str, t.Any]] = {}
        if callback == "json":
            for line in process.stdout.splitlines():
                if line.startswith('{"task"'):
                    found = json.loads(line)
                    results[f"{found['task']}@{found['host']}" if found["host"] != "localhost" else found["task"]] = (
                        found["result"]
                    )
        return Run(process.returncode, output, results)


@pytest.fixture
def playbook(tmp_path: Path) -> Playbook:
    return Playbook(tmp_path)


@pytest.fixture
def registry() -> t.Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as registry:
        yield registry


@pytest.fixture
def pushed(playbook: Playbook, registry: EmbeddedRegistry) -> str:
    """An image in the registry, by digest, put there without us."""
    image = multi_arch()
    image.push_to(registry, "acme/app", "1.4")
    return f"{registry.host}/acme/app@{image.digest}"


@pytest.fixture(scope="session")
def sigstore() -> VirtualSigstore:
    return VirtualSigstore()


@pytest.fixture
def attach(registry: EmbeddedRegistry, sigstore: VirtualSigstore, pushed: str) -> t.Callable[..., str]:
    """Signs the image that was pushed on the virtual Sigstore, and puts the signature beside it."""
    digest = pushed.split("@")[1]

    def attach(*arguments: t.Any, **options: t.Any) -> str:
        return Attacher(registry.host, "acme/app").attach(digest, sigstore.sign(digest, *arguments, **options))

    return attach


@pytest.fixture
def root(playbook: Playbook, sigstore: VirtualSigstore) -> str:
    """The trusted root of the virtual Sigstore, as an absolute path."""
    path = playbook.folder / "trusted_root.json"
    path.write_text(json.dumps(sigstore.trusted_root()))
    return str(path)


@pytest.fixture
def mirror(tmp_path: Path, sigstore: VirtualSigstore) -> dict[str, str]:
    """Variables for a TUF repository on this disk, with that trusted root, and services that are nowhere."""
    services = {
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": [
            {
                "url": "https://fulcio.sigstore.test",
                "majorApiVersion": 1,
                "validFor": {"start": "2026-01-31T12:00:00Z"},
                "operator": "sigstore.test",
            }
        ],
    }
    distributed = {"trusted_root.json": sigstore.trusted_root(), "signing_config.v0.2.json": services}
    return write_mirror(tmp_path, distributed)


def write_mirror(folder: Path, distributed: t.Mapping[str, t.Any]) -> dict[str, str]:
    """A TUF repository on this disk that distributes these documents, and the variables for it."""
    repository = TufRepository({name: json.dumps(one).encode() for name, one in distributed.items()})
    for name, data in repository.files.items():
        path = folder / "mirror" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / "root.json").write_bytes(repository.first_root)
    return {
        "TUF_MIRROR": f"file://{folder}/mirror",
        "TUF_ROOT_JSON": str(folder / "root.json"),
        "TUF_ROOT": str(folder / "tuf"),
    }
