# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples of the documentation, run as they stand but for names of hosts, files of the system, and `become`."""

from __future__ import annotations

import hashlib
import json
import re
import typing as t
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives import serialization

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import wrap_public_key
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.keyfile import encrypt_key, generate_key
from tests.integration.conftest import PASSWORD, Playbook, write_mirror
from tests.support.certificates import Authority
from tests.support.images import multi_arch
from tests.support.registry import EmbeddedRegistry
from tests.support.sigstore.attach import Attacher
from tests.support.sigstore.server import VirtualServices
from tests.support.sigstore.virtual import IDENTITY, ISSUER, VirtualSigstore

ROOT = Path(__file__).resolve().parents[2]
Task = dict[str, t.Any]

SIGNED_BY = {
    "chainguard/cosign:latest": [(IDENTITY, ISSUER)],
    "acme/app:1.4": [
        ("https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4", ISSUER),
        ("release@acme.example", "https://login.acme.example"),
        ("https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main", ISSUER),
        ("alice@acme.example", "https://accounts.google.com"),
    ],
}
"""Identities and issuers of whom the examples take for granted that they signed these images."""


def examples() -> t.Iterator[t.Any]:
    """Each example with the tasks after it that use what it registers."""
    for path in sorted((ROOT / "plugins" / "modules").glob("cosign_*.py")):
        text = re.search(r'^EXAMPLES = r"""(.*?)^"""', path.read_text(), re.MULTILINE | re.DOTALL)
        assert text, path
        groups: list[list[Task]] = []
        registered = ""
        for task in yaml.safe_load(text[1]):
            if groups and registered and registered in str(task):
                groups[-1].append(task)
            else:
                groups.append([task])
            registered = task.get("register") or registered
        for number, group in enumerate(groups):
            yield pytest.param(group, id=f"{path.stem}-{number}")


@pytest.fixture
def registry() -> t.Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry(auth="token", users={"ci": PASSWORD, "localhost": PASSWORD}) as registry:
        yield registry


def prepare(playbook: Playbook, registry: EmbeddedRegistry, sigstore: VirtualSigstore) -> None:
    """Images, keys and signatures as the examples take them for granted."""
    folder = playbook.folder
    for name in ("cosign", "old", "alice", "bob", "carol"):
        private = generate_key("ecdsa-p256")
        (folder / f"{name}.key").write_bytes(encrypt_key(private, PASSWORD.encode(), n=32768))
        (folder / f"{name}.pub").write_bytes(wrap_public_key(private.public_key(), "key").pem)
    private = generate_key("ecdsa-p256")
    (folder / "signing.pem").write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(PASSWORD.encode()),
        )
    )
    (folder / "example-ca.pem").write_bytes(Path(Authority(folder).ca).read_bytes())
    for name, pem in {
        "fulcio-chain.pem": sigstore.ca.chain_pem,
        "tsa-chain.pem": sigstore.tsa.chain_pem(),
        "rekor.pub": sigstore.rekor2.public_pem,
        "ctfe.pub": sigstore.ct.pem,
    }.items():
        (folder / name).write_bytes(pem)
    multi_arch().write_layout(folder / "build" / "image")
    for repository, tag in (("acme/app", "1.3"), ("acme/app", "1.4"), ("acme/worker", "1.4")):
        multi_arch().push_to(registry, repository, tag)
    tasks = [
        {
            "supplychain.cosign.cosign_sign": {
                "images": [f"{registry.host}/acme/app:1.4", f"{registry.host}/acme/worker:1.4"],
                "key": f"{name}.key",
                "annotations": {"sha": "7f3c1d0"},
                "tlog_upload": False,
                "registry_username": "ci",
                "registry_password": PASSWORD,
            }
        }
        for name in ("cosign", "alice", "bob")
    ]
    assert playbook(tasks).status == 0


def sign_without_keys(registry: EmbeddedRegistry, sigstore: VirtualSigstore) -> None:
    for name, signers in SIGNED_BY.items():
        repository, tag = name.split(":")
        image = multi_arch()
        with EmbeddedRegistry() as public:
            image.push_to(public, repository)
            for identity, issuer in signers:
                made = sigstore.sign(image.digest, issue={"san": identity, "issuer": issuer})
                Attacher(public.host, repository).attach(image.digest, made)
            # The registry of the examples wants a login, which whoever attaches here does not have.
            source, target = public.repository(repository), registry.repository(repository)
            target.blobs.update(source.blobs)
            target.manifests.update(source.manifests)
            target.tags[tag] = image.digest


def here(task: Task, registry: EmbeddedRegistry, folder: Path) -> Task:
    text = yaml.safe_dump(task)
    for theirs, ours in {
        "cgr.dev": registry.host,
        "ghcr.io": registry.host,
        "registry.example.com": registry.host,
        "https://keys.example.com/carol.pub": "carol.pub",
        "https://tuf.example.com": f"file://{folder}/mirror",
        "https://rekor.acme.example": "'{{ rekor_here }}'",
        "root_checksum: 2ba6d55d2a697c3b105ede1b16a6291ef2398db6eb5ff33d9a661e546ab0314b": "root_checksum: "
        + hashlib.sha256((folder / "root.json").read_bytes()).hexdigest(),
        "/etc/cosign/": f"{folder}/",
        "/etc/containers/auth.json": f"{folder}/host-auth.json",
        "'{{ lookup(''ansible.builtin.pipe'', ''git rev-parse HEAD'') }}'": "7f3c1d0",
    }.items():
        text = text.replace(theirs, ours)
    # the digest of an image that is made here depends on how this Python compresses
    text = re.sub("sha256:[0-9a-f]{64}", multi_arch().digest, text)
    found: Task = yaml.safe_load(text)
    found.pop("become", None)
    container = found.pop("containers.podman.podman_container", None)
    if container:
        found["ansible.builtin.debug"] = {"msg": container["image"]}
    return found


@pytest.fixture(scope="module")
def services() -> t.Iterator[VirtualServices]:
    with VirtualServices() as services:
        yield services


def asks_services(group: list[Task]) -> bool:
    """Whether tasks sign without a key, or with a log."""
    signing = [task.get("supplychain.cosign.cosign_sign") for task in group]
    return any(one and one.get("tlog_upload", True) and one.get("state") != "absent" for one in signing)


def trust_services(playbook: Playbook, services: VirtualServices) -> dict[str, str]:
    """What signs, and who is trusted, where the examples look for it; variables for a mirror that distributes it."""
    documents = {"trusted_root.json": services.trusted_root(), "signing_config.v0.2.json": services.signing_config(1)}
    for name, document in documents.items():
        (playbook.folder / name).write_text(json.dumps(document))
    return {**write_mirror(playbook.folder, documents), "SIGSTORE_ID_TOKEN": services.token()}


@pytest.mark.parametrize("group", [*examples()])
def test_an_example_runs(
    group: list[Task],
    playbook: Playbook,
    registry: EmbeddedRegistry,
    sigstore: VirtualSigstore,
    root: str,
    mirror: dict[str, str],
    services: VirtualServices,
) -> None:
    """Who says nothing of a trusted root gets the default one, from a mirror that distributes that of the signers."""
    assert Path(root) == playbook.folder / "trusted_root.json", "where the example looks for it"
    prepare(playbook, registry, sigstore)
    sign_without_keys(registry, sigstore)
    if "import_path" in str(group) or "Make a key" in str(group):
        (playbook.folder / "cosign.key").unlink()
    key = (playbook.folder / "cosign.key").read_text() if (playbook.folder / "cosign.key").exists() else ""
    variables = {
        "vault_cosign_password": PASSWORD,
        "vault_old_password": PASSWORD,
        "vault_registry_password": PASSWORD,
        "vault_pull_password": PASSWORD,
        "vault_signing_password": PASSWORD,
        "vault_cosign_key": key,
        "vault_identity_token": services.token(),
        "rekor_here": services.urls.rekor1,
    }
    login = {"COSIGN_REGISTRY_USERNAME": "ci", "COSIGN_REGISTRY_PASSWORD": PASSWORD}
    uses_login = "ephemeral" in str(group)
    playbook.environ.update(trust_services(playbook, services) if asks_services(group) else mirror)
    defaults: Task = {"module_defaults": {}}
    for name in ("login", "copy", "sign", "verify"):
        defaults["module_defaults"][f"supplychain.cosign.cosign_{name}"] = {"allow_http_registry": True}
    run = playbook(
        [here(task, registry, playbook.folder) for task in group],
        vars=variables,
        environment={} if uses_login else login,
        **defaults,
    )
    assert run.status == 0, run.output
