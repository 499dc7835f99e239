# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import contextlib
import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import parse_certificate
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.chain import build_chain
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.sct import check_scts
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import TrustedRoot
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import parse_trusted_root
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

PUBLIC_GOOD = Path("cosign", "trusted_root_pgi.json")
ACTIONS = "https://token.actions.githubusercontent.com"
BEACON = (
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/"
    "extremely-dangerous-oidc-beacon.yml@refs/heads/main"
)


def leaf(bundle: Path) -> bytes:
    material = json.loads(bundle.read_bytes())["verificationMaterial"]
    found = material.get("certificate") or material["x509CertificateChain"]["certificates"][0]
    return base64.b64decode(found["rawBytes"])


def root(file: Path) -> TrustedRoot:
    return parse_trusted_root(file.read_bytes(), file.name)


def check(folder: Path, vectors: Path, at: datetime | None = None) -> list[str]:
    """The certificate logs of the leaf in a folder of vectors, its chain being good at `at` (default: its start)."""
    own = folder / "trusted_root.json"
    trust = root(own if own.exists() else vectors / PUBLIC_GOOD)
    found = parse_certificate(leaf(folder / "bundle.sigstore.json"), "certificate")
    chain = build_chain(found, (), trust.certificate_authorities, [at or found.not_before])
    return [log.url for log in check_scts(chain, trust.ct_logs)]


def test_certificates_of_real_authorities(vectors: Path) -> None:
    """Public good, staging, and others: whatever is wrong with these bundles, it is not the certificate."""
    found = {}
    for bundle in sorted(vectors.glob("sigstore-conformance/*/bundle.sigstore.json")):
        with contextlib.suppress(KeyError, IndexError, ValueError):  # without a certificate, or no JSON
            leaf(bundle)
            found[bundle.parent.name] = outcome(bundle.parent, vectors)
    refused = {name: code for name, code in found.items() if code != "accepted"}
    assert refused == {
        "bundle-from-wrong-instance_fail": "CHAIN_INVALID",
        "intoto-expired-certificate_fail": "CERT_TIME",
        "invalid-ct-key_fail": "SCT_INVALID",
    }
    assert len(found) > 40


def outcome(folder: Path, vectors: Path) -> str:
    try:
        return "accepted" if check(folder, vectors) else "no log"
    except Rejection as rejection:
        return rejection.code


def test_a_certificate_for_a_workflow(vectors: Path) -> None:
    found = parse_certificate(
        leaf(vectors / "sigstore-conformance/happy-path-v0.3/bundle.sigstore.json"), "certificate"
    )
    assert [tuple(name) for name in found.names] == [("uri", BEACON)]
    assert found.oidc_issuer == ACTIONS
    assert found.claims["github_workflow_repository"] == "sigstore-conformance/extremely-dangerous-public-oidc-beacon"
    assert found.claims["build_signer_uri"] == BEACON and found.claims["runner_environment"] == "github-hosted"
    assert len(found.claims) == 20


@pytest.mark.attack("AT-30b")
def test_at_30b_after_its_ten_minutes(vectors: Path) -> None:
    folder = vectors / "sigstore-conformance/happy-path-v0.3"
    found = parse_certificate(leaf(folder / "bundle.sigstore.json"), "certificate")
    assert check(folder, vectors, found.not_after)
    with pytest.raises(Rejection) as caught:
        check(folder, vectors, datetime(2026, 1, 1, tzinfo=UTC))
    assert caught.value.code == "CERT_TIME"


@pytest.mark.attack("AT-24")
def test_at_24_a_real_certificate_spoiled(vectors: Path) -> None:
    trust = root(vectors / PUBLIC_GOOD)
    data = leaf(vectors / "sigstore-conformance/happy-path-v0.3/bundle.sigstore.json")
    start = parse_certificate(data, "certificate").not_before
    seed = random.Random(24)
    spoiled = [data[:cut] for cut in seed.sample(range(len(data)), 200)]
    for position in seed.sample(range(len(data)), 600):
        spoiled.append(data[:position] + bytes([data[position] ^ seed.randrange(1, 256)]) + data[position + 1 :])
    for one in spoiled:
        with pytest.raises(Rejection) as caught:
            build_chain(parse_certificate(one, "certificate"), (), trust.certificate_authorities, [start])
        assert caught.value.code != "NO_TRUSTED_TIME"


def test_reads_as_the_other_reader_does(vectors: Path) -> None:
    for bundle in vectors.glob("*/*.sigstore.json"):
        data = leaf(bundle)
        found, other = parse_certificate(data, "certificate"), x509.load_der_x509_certificate(data)
        assert found.precertificate == other.tbs_precertificate_bytes
        assert (found.not_before, found.not_after) == (other.not_valid_before_utc, other.not_valid_after_utc)
        assert found.issuer == other.issuer.public_bytes() and found.serial == other.serial_number
