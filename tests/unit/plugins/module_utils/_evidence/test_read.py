# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import Evidence, Location
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.read import (
    from_bundle,
    from_legacy,
    from_listing,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.legacy import (
    CERTIFICATE,
    CHAIN,
    LOG_BUNDLE,
    TIMESTAMP,
    append_signature,
    parse_signatures,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import parse_manifest
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import build_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.statement import SIGN_PREDICATE
from tests.support.signatures import (
    BUNDLE_AT,
    IMAGE,
    LEGACY_AT,
    bundle,
    bundle_evidence,
    legacy_evidence,
    signer,
)

LOG = {"SignedEntryTimestamp": "YQ==", "Payload": {"body": "Yg==", "integratedTime": 2, "logIndex": 3, "logID": "0a"}}
PEM = build_pem("CERTIFICATE", b"leaf").decode()
ROOT = build_pem("CERTIFICATE", b"root").decode()


def code(evidence: Evidence) -> str | None:
    return evidence.error.code if evidence.error else None


def test_both_formats_become_the_same_evidence() -> None:
    new, old = bundle_evidence(annotations={"a": "1"}), legacy_evidence(annotations={"a": "1"})
    assert (new.format, old.format) == ("bundle", "legacy")
    assert new.subjects[0].digests == old.subjects[0].digests
    assert new.subjects[0].annotations == old.subjects[0].annotations == {"a": "1"}
    assert (new.predicate_type, old.predicate_type) == (SIGN_PREDICATE, None)
    assert (new.docker_reference, old.docker_reference) == (None, "registry.example/app")
    assert new.key_hint == signer().public_key.key_id
    assert old.signed == old.payload
    assert new.signed.endswith(new.payload)
    assert new.signed.startswith(b"DSSEv1 ")


def test_a_location_says_where() -> None:
    assert str(BUNDLE_AT) == BUNDLE_AT.manifest
    assert str(Location("sha256:x", "sha256-y.sig", 3)) == "sha256-y.sig[3]"


def test_what_is_beside_a_legacy_signature_is_read() -> None:
    stamp = json.dumps({"SignedRFC3161Timestamp": "YQ=="})
    notes = {CERTIFICATE: PEM, CHAIN: ROOT, LOG_BUNDLE: json.dumps(LOG), TIMESTAMP: stamp}
    evidence = legacy_evidence(notes=notes)
    assert evidence.certificates == (b"leaf", b"root")
    entry = evidence.log_entries[0]
    assert (entry.set, entry.body, entry.integrated_time, entry.log_index, entry.log_id) == (b"a", b"b", 2, 3, b"\n")
    assert evidence.timestamps == (b"a",)
    assert legacy_evidence(notes={CERTIFICATE: PEM, CHAIN: "", LOG_BUNDLE: "", TIMESTAMP: ""}).certificates == (
        b"leaf",
    )


def log(**changes: t.Any) -> str:
    return json.dumps({**LOG, "Payload": {**t.cast("dict[str, t.Any]", LOG["Payload"]), **changes}})


@pytest.mark.parametrize(
    ("notes", "wanted"),
    [
        pytest.param({CERTIFICATE: "   "}, "MALFORMED", id="AT-24-white-certificate"),
        pytest.param({CERTIFICATE: "x"}, "MALFORMED", id="AT-24-certificate"),
        pytest.param({CERTIFICATE: build_pem("PUBLIC KEY", b"x").decode()}, "MALFORMED", id="no-certificate"),
        pytest.param({CERTIFICATE: PEM + "x"}, "NON_CANONICAL", id="AT-23-certificate"),
        pytest.param({CERTIFICATE: PEM, CHAIN: ROOT * 10}, "LIMIT_EXCEEDED", id="AT-04-chain"),
        pytest.param({LOG_BUNDLE: "x"}, "MALFORMED", id="AT-24-log"),
        pytest.param({LOG_BUNDLE: "null"}, "MALFORMED", id="AT-24-log-null"),
        pytest.param({LOG_BUNDLE: json.dumps({**LOG, "x": 1})}, "MALFORMED", id="AT-26-f-extra"),
        pytest.param({LOG_BUNDLE: log(x=1)}, "MALFORMED", id="AT-26-f-extra-inside"),
        pytest.param({LOG_BUNDLE: log(body=1)}, "MALFORMED", id="AT-26-f-body-number"),
        pytest.param({LOG_BUNDLE: log(integratedTime=2.0)}, "MALFORMED", id="AT-26-f-float"),
        pytest.param({LOG_BUNDLE: log(integratedTime="2")}, "MALFORMED", id="AT-26-f-text"),
        pytest.param({LOG_BUNDLE: log(logID="0A")}, "NON_CANONICAL", id="AT-23-hex"),
        pytest.param({LOG_BUNDLE: log(logID="x")}, "NON_CANONICAL", id="AT-23-no-hex"),
        pytest.param({LOG_BUNDLE: log(logID="0a 0b")}, "NON_CANONICAL", id="AT-23-hex-space"),
        pytest.param({LOG_BUNDLE: log(body="YR==")}, "NON_CANONICAL", id="AT-23-body"),
        pytest.param({TIMESTAMP: "{}"}, "MALFORMED", id="AT-24-timestamp"),
        pytest.param({TIMESTAMP: '{"SignedRFC3161Timestamp":"!"}'}, "NON_CANONICAL", id="AT-23-timestamp"),
    ],
)
def test_what_is_wrong_beside_a_legacy_signature_is_its_error(notes: dict[str, str], wanted: str) -> None:
    assert code(legacy_evidence(notes=notes)) == wanted


def test_AT_23_a_signature_that_is_not_base64() -> None:
    manifest, dummy = append_signature(None, None, b"{}", b"", {"dev.cosignproject.cosign/signature": "YR=="})
    assert code(from_legacy(parse_signatures(manifest)[0], b"{}", LEGACY_AT)) == "MALFORMED"
    text = legacy_evidence().payload
    manifest, dummy = append_signature(None, None, text, b"", {"dev.cosignproject.cosign/signature": "YR=="})
    assert code(from_legacy(parse_signatures(manifest)[0], text, LEGACY_AT)) == "NON_CANONICAL"


def test_AT_01_another_payload_than_the_layers_is_not_read() -> None:
    manifest, dummy = append_signature(None, None, b"x", b"s")
    evidence = from_legacy(parse_signatures(manifest)[0], legacy_evidence().payload, LEGACY_AT)
    assert code(evidence) == "DIGEST_MISMATCH"


@pytest.mark.parametrize("data", [b"", b"x", b"[]", b"{}", bundle()[:-1], bundle().decode().encode("utf-16")])
def test_AT_24_what_is_no_bundle_is_evidence_of_nothing(data: bytes) -> None:
    evidence = from_bundle(data, BUNDLE_AT)
    assert code(evidence) == "MALFORMED"
    assert (evidence.signature, evidence.subjects) == (b"", ())


def test_AT_21_d_a_signature_over_a_file_is_none_over_an_image() -> None:
    made = json.loads(bundle())
    del made["dsseEnvelope"]
    digest = {"algorithm": "SHA2_256", "digest": "YQ=="}
    made["messageSignature"] = {"messageDigest": digest, "signature": "YQ=="}
    assert code(from_bundle(json.dumps(made).encode(), BUNDLE_AT)) == "PAYLOAD_TYPE"


def test_a_bundle_of_another_type_is_listed_unread() -> None:
    evidence = from_listing("https://example.com/x", BUNDLE_AT)
    assert code(evidence) == "PREDICATE_TYPE"
    assert evidence.predicate_type == "https://example.com/x"


def test_a_real_attestation_is_read(vectors: Path) -> None:
    evidence = from_bundle((vectors / "cosign/oci-attestation.sigstore.json").read_bytes(), BUNDLE_AT)
    assert evidence.error is None
    assert len(evidence.certificates) == len(evidence.log_entries) == 1
    assert evidence.predicate_type not in (None, SIGN_PREDICATE)


def test_golden_signatures_are_read(vectors: Path) -> None:
    golden = vectors / "cosign/golden/tagfallback"
    manifest = parse_manifest(next(golden.glob("put-04-*")).read_bytes().rstrip(b"\n"), None)
    layers = parse_signatures(manifest)
    assert len(layers) == 3
    for layer in layers:
        payload = next(golden.glob(f"layer-*.sig-{layer.index}")).read_bytes()
        evidence = from_legacy(layer, payload, LEGACY_AT)
        assert evidence.error is None
        assert evidence.subjects[0].names(manifest_digest(golden))


def manifest_digest(golden: Path) -> str:
    return parse_manifest(
        (golden / "subject-manifest.json").read_bytes(), "application/vnd.docker.distribution.manifest.v2+json"
    ).digest


def test_the_image_of_the_tests_is_the_subject() -> None:
    assert bundle_evidence().subjects[0].names(IMAGE)
