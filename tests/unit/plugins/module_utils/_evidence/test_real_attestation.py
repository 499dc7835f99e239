# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An attestation that cosign made on the public good instance: the engine verifies it, cosign_verify refuses it."""

from __future__ import annotations

import json
import typing as t
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_verify import TASK as VERIFY
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.identity import identity_rule
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import Location
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import Policy
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.read import from_bundle
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import parse_trusted_root
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verdict import Verdict
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verify import verify
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import digest_of
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import TransportOptions
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.attached import find_bundles
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.session import Access, Session, parse_image
from tests.support.registry import EmbeddedRegistry
from tests.support.sigstore.attach import Attacher
from tests.support.sigstore.virtual import Made
from tests.support.tasks import Runner

SUBJECT = "sha256:732112270d7e59418a8c080b134b24cabd67d250d0d0147a97ed95ba5c280aa4"
WHO: dict[str, t.Any] = {
    "certificate_identity": "cody@soyland.com",
    "certificate_oidc_issuer": "https://github.com/login/oauth",
}


@pytest.fixture
def bundle(vectors: Path) -> bytes:
    return (vectors / "cosign" / "oci-attestation.sigstore.json").read_bytes()


@pytest.fixture
def registry(vectors: Path, bundle: bytes) -> t.Iterator[EmbeddedRegistry]:
    """The image and the attestation as cosign attached it."""
    manifest = (vectors / "cosign" / "oci-attestation.subject-manifest.json").read_bytes()
    with EmbeddedRegistry() as registry:
        registry.put_manifest("acme/app", SUBJECT, manifest, json.loads(manifest)["mediaType"])
        Attacher(registry.host, "acme/app").attach(SUBJECT, Made(json.loads(bundle)), predicate_type_of(bundle))
        yield registry


def predicate_type_of(bundle: bytes) -> str:
    kind = from_bundle(bundle, Location(digest_of(bundle))).predicate_type
    assert kind
    return kind


def judge(bundle: bytes, vectors: Path, digest: str = SUBJECT, **changes: str) -> Verdict:
    trust = parse_trusted_root((vectors / "cosign" / "trusted_root_pgi.json").read_bytes(), "trusted root")
    policy = Policy((identity_rule({**WHO, **changes}),), predicate_types=(predicate_type_of(bundle),))
    evidence = [from_bundle(bundle, Location(digest_of(bundle)))]
    return verify(digest, evidence, policy, trust, datetime(2026, 11, 24, tzinfo=UTC))


def test_it_verifies_with_its_predicate_type(bundle: bytes, vectors: Path) -> None:
    verdict = judge(bundle, vectors)
    assert verdict.refusal is None
    (accepted,) = verdict.accepted
    certificate = accepted.signer.certificate
    assert certificate and [name.value for name in certificate.names] == [WHO["certificate_identity"]]
    assert [entry.log.url for entry in accepted.logged] == ["https://rekor.sigstore.dev"]


@pytest.mark.parametrize(
    ("digest", "changes", "code"),
    [
        (f"sha256:{'0' * 64}", {}, "SUBJECT_MISMATCH"),
        (SUBJECT, {"certificate_identity": "cody@example.com"}, "IDENTITY_MISMATCH"),
        (SUBJECT, {"certificate_oidc_issuer": "https://accounts.google.com"}, "ISSUER_MISMATCH"),
    ],
)
def test_it_is_of_nothing_and_nobody_else(
    bundle: bytes, vectors: Path, digest: str, changes: dict[str, str], code: str
) -> None:
    refusal = judge(bundle, vectors, digest, **changes).refusal
    assert refusal and refusal.code == code


def test_it_verifies_as_a_registry_hands_it_out(registry: EmbeddedRegistry, bundle: bytes, vectors: Path) -> None:
    trust = parse_trusted_root((vectors / "cosign" / "trusted_root_pgi.json").read_bytes(), "trusted root")
    policy = Policy((identity_rule(WHO),), predicate_types=(predicate_type_of(bundle),))
    with Session(Access(transport=TransportOptions(allow_http=True))) as session:
        place = session.place(parse_image(f"{registry.host}/acme/app@{SUBJECT}"))
        verdict = verify(
            SUBJECT, find_bundles(place, SUBJECT, policy.counts), policy, trust, datetime(2026, 11, 24, tzinfo=UTC)
        )
    assert verdict.verified and len(verdict.accepted) == 1, verdict.rejected


def test_it_is_no_signature(registry: EmbeddedRegistry, vectors: Path, tmp_path: Path) -> None:
    run = Runner(tmp_path, {}, allow_http_registry=True, offline=True)
    root = json.loads((vectors / "cosign" / "trusted_root_pgi.json").read_bytes())
    result = run(VERIFY, image=f"{registry.host}/acme/app@{SUBJECT}", trusted_root=root, **WHO)
    assert result["failed"] and result["rejection"]["code"] == "PREDICATE_TYPE", result
    assert "cosign_verify_attestation" in result["msg"]
