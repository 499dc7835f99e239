# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The YAML of the guides, and of the README on signing without a key, as it stands there, on the virtual services.

What the README says of GitHub Actions is run by test_keyless_signing.py.
"""

from __future__ import annotations

import json
import typing as t

import jinja2.sandbox
import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import wrap_public_key
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.keyfile import encrypt_key, generate_key
from tests.integration.conftest import PASSWORD, Playbook, write_mirror
from tests.integration.documents import guide, readme
from tests.support.certificates import Authority
from tests.support.images import multi_arch
from tests.support.registry import EmbeddedRegistry
from tests.support.sigstore.server import VirtualServices

WHO = "release@acme.example"


@pytest.fixture
def services() -> t.Iterator[VirtualServices]:
    with VirtualServices() as services:
        yield services


def prepare(playbook: Playbook, services: VirtualServices, registry: EmbeddedRegistry) -> None:
    """The files that the guide takes for granted."""
    folder = playbook.folder
    world = services.world
    private = generate_key("ecdsa-p256")
    (folder / "cosign.key").write_bytes(encrypt_key(private, PASSWORD.encode(), n=32768))
    (folder / "acme-ca.pem").write_bytes(Authority(folder, "acme").ca.read_bytes())
    for name, pem in {
        "cosign.pub": wrap_public_key(private.public_key(), "key").pem,
        "fulcio-chain.pem": world.ca.chain_pem,
        "ctfe.pub": world.ct.pem,
        "rekor.pub": world.rekor2.public_pem,
        "tsa-chain.pem": world.tsa.chain_pem(),
    }.items():
        (folder / name).write_bytes(pem)
    version_1 = {"trusted_root_v1": services.trusted_root(), "signing_config_v1": services.signing_config(1)}
    for name, document in version_1.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    write_mirror(
        folder, {"trusted_root.json": services.trusted_root(), "signing_config.v0.2.json": services.signing_config(2)}
    )
    multi_arch().write_layout(folder / "image")
    multi_arch().push_to(registry, "app", "1.4")


def test_your_own_sigstore(playbook: Playbook, services: VirtualServices, registry: EmbeddedRegistry) -> None:
    prepare(playbook, services, registry)
    text = json.dumps(guide("guide_own_sigstore.rst"))
    for theirs, ours in {
        "https://fulcio.acme.example": services.urls.fulcio,
        "https://rekor1.acme.example": services.urls.rekor1,
        "https://rekor.acme.example": services.urls.rekor2,
        "https://tsa.acme.example/api/v1/timestamp": services.urls.tsa,
        "https://login.acme.example": services.urls.issuer,
        "https://tuf.acme.example": f"file://{playbook.folder}/mirror",
        '"origin": "rekor.acme.example"': '"origin": "127.0.0.1"',
        "registry.acme.example": registry.host,
    }.items():
        assert theirs in text, theirs
        text = text.replace(theirs, ours)
    assert "https://" not in text.replace("https://ctfe.acme.example", ""), "somebody else would be asked"
    playbook.environ["COSIGN_PASSWORD"] = PASSWORD
    variables = {"token": services.token(WHO), "release_allow_http_registry": True}
    run = playbook(json.loads(text), vars=variables)
    assert run.status == 0, run.output
    changed = {name: result["changed"] for name, result in run.results.items() if "changed" in result}
    assert changed["Sign without a key"] and not changed["Sign again"] and changed["Would it sign?"], changed
    assert any("not known before Fulcio" in one for one in run.results["Would it sign?"]["warnings"])
    assert run.results["Fetch what our repository distributes"]["expires"]

    again = playbook(json.loads(text), vars=variables)
    assert again.status == 0, again.output
    assert [name for name, one in again.results.items() if one.get("changed")] == ["Would it sign?"]


def test_the_readme_on_your_own_sigstore_in_awx(
    playbook: Playbook, services: VirtualServices, registry: EmbeddedRegistry
) -> None:
    """Its credential type, filled in as AWX does, in place of the option that holds the token."""
    prepare(playbook, services, registry)
    _release, credential, tasks = readme("## Sign without a key")
    (field,) = credential["inputs"]["fields"]
    assert field["secret"] and credential["inputs"]["required"] == [field["id"]]
    filled_in = jinja2.sandbox.ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined).from_string
    injected = {
        name: filled_in(value).render({field["id"]: services.token(WHO)})
        for name, value in credential["injectors"]["env"].items()
    }
    text = json.dumps(tasks).replace("https://tuf.acme.example", f"file://{playbook.folder}/mirror")
    trust, sign = json.loads(text.replace("registry.acme.example", registry.host))
    named = [{"name": "trust", **trust}, {"name": "sign", **sign}]
    run = playbook(named, vars={"token": services.token(WHO)})
    assert run.status == 0, run.output
    assert [one["changed"] for one in run.results.values()] == [True, True]
    assert run.results["sign"]["images"][0]["signer"] == f"{WHO} ({services.urls.issuer})"

    del sign["supplychain.cosign.cosign_sign"]["identity_token"]
    services.reset_requests()
    run = playbook(named, environment=injected)
    assert run.status == 0, run.output
    assert [one["changed"] for one in run.results.values()] == [False, False]
    assert services.count("fulcio") == 1, "that token told who signs"
