# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide "Your own Sigstore", followed literally on the real services; and real cosign accepts what comes of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import wrap_public_key
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.keyfile import encrypt_key, generate_key
from tests.integration.conftest import PASSWORD, Playbook, write_mirror
from tests.integration.documents import guide
from tests.interop.clients import push_layout, run
from tests.interop.servers import Registry
from tests.interop.services import Sigstore
from tests.support.certificates import Authority
from tests.support.images import multi_arch

WHO = "release@acme.example"


def test_your_own_sigstore(
    sigstore: Sigstore, registry_ggcr: Registry, cosign3: Path, oras: Path, tmp_path: Path
) -> None:
    playbook = Playbook(tmp_path)
    place = sigstore.trusted_root.parent
    for name, file in {
        "fulcio-chain.pem": sigstore.root_file,
        "ctfe.pub": sigstore.ct_key,
        "rekor.pub": place / "rekor2.pub",
        "tsa-chain.pem": sigstore.tsa_chain,
        "trusted_root_v1.json": sigstore.trusted_root,
        "signing_config_v1.json": sigstore.signing_config_v1,
    }.items():
        shutil.copy(file, tmp_path / name)
    private = generate_key("ecdsa-p256")
    (tmp_path / "cosign.key").write_bytes(encrypt_key(private, PASSWORD.encode(), n=32768))
    (tmp_path / "cosign.pub").write_bytes(wrap_public_key(private.public_key(), "key").pem)
    (tmp_path / "acme-ca.pem").write_bytes(Authority(tmp_path, "acme").ca.read_bytes())
    distributed = {
        "trusted_root.json": json.loads(sigstore.trusted_root.read_bytes()),
        "signing_config.v0.2.json": json.loads(sigstore.signing_config_v2.read_bytes()),
    }
    write_mirror(tmp_path, distributed)
    multi_arch().write_layout(tmp_path / "image", "1")
    push_layout(oras, registry_ggcr, Path(f"{tmp_path}/image:1"), f"{registry_ggcr.address}/app:1.4", tmp_path)
    identity = sigstore.issuer.email(WHO)
    text = json.dumps(guide("guide_own_sigstore.rst"))
    for theirs, ours in {
        "https://fulcio.acme.example": sigstore.fulcio,
        "https://rekor1.acme.example": sigstore.rekor1,
        "https://rekor.acme.example": sigstore.rekor2,
        "https://tsa.acme.example/api/v1/timestamp": sigstore.tsa,
        "https://login.acme.example": identity.issuer,
        "https://tuf.acme.example": f"file://{tmp_path}/mirror",
        '"origin": "rekor.acme.example"': '"origin": "127.0.0.1"',
        "registry.acme.example": registry_ggcr.address,
    }.items():
        assert theirs in text, theirs
        text = text.replace(theirs, ours)
    playbook.environ["COSIGN_PASSWORD"] = PASSWORD
    variables = {"token": sigstore.issuer.token(identity), "release_allow_http_registry": True}
    played = playbook(json.loads(text), vars=variables)
    assert played.status == 0, played.output
    pinned = played.results["Sign without a key"]["pinned"]
    who = [f"--certificate-identity={WHO}", f"--certificate-oidc-issuer={identity.issuer}"]
    trust = ["--allow-http-registry", f"--trusted-root={tmp_path}/trusted_root.json"]
    verified = run(cosign3, "verify", *trust, *who, "--annotations=run_id=77", pinned, folder=tmp_path)
    assert verified.returncode == 0, verified.stderr
    refused = run(cosign3, "verify", *trust, *who, "--annotations=run_id=none", pinned, folder=tmp_path)
    assert refused.returncode != 0
