# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import hashlib
import json
import typing as t

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.dsse import IN_TOTO, Envelope
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.log_body import (
    Hash,
    LogBody,
    Verifier,
    parse_log_body,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.log_request import (
    dsse_v1,
    hashedrekord_v1,
    hashedrekord_v2,
    parse_v1_answer,
    parse_v2_answer,
    requested_body,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import build_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.support.sigstore.rekor import RekorV1, RekorV2, canonical

KEY, CERTIFICATE = build_pem("PUBLIC KEY", b"spki"), build_pem("CERTIFICATE", b"certificate")
DIGEST = hashlib.sha256(b"data").digest()
ENVELOPE = Envelope(IN_TOTO, b'{"a":"<"}', b"signature")
DETAILS = "PKIX_ECDSA_P256_SHA_256"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_what_is_uploaded() -> None:
    assert json.loads(hashedrekord_v1(b"signature", KEY, DIGEST, "sha256")) == {
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": DIGEST.hex()}},
            "signature": {"content": b64(b"signature"), "publicKey": {"content": b64(KEY)}},
        },
    }
    dsse = json.loads(dsse_v1(ENVELOPE, CERTIFICATE))
    proposed = dsse["spec"].pop("proposedContent")
    assert dsse == {"apiVersion": "0.0.1", "kind": "dsse", "spec": {}}
    assert proposed["verifiers"] == [b64(CERTIFICATE)]
    assert json.loads(proposed["envelope"]) == ENVELOPE.as_json()
    for is_certificate, name in ((True, "x509Certificate"), (False, "publicKey")):
        assert json.loads(hashedrekord_v2(b"signature", b"der", is_certificate, DETAILS, DIGEST)) == {
            "hashedRekordRequestV002": {
                "digest": b64(DIGEST),
                "signature": {
                    "content": b64(b"signature"),
                    "verifier": {name: {"rawBytes": b64(b"der")}, "keyDetails": DETAILS},
                },
            }
        }


def test_what_the_log_is_to_hold() -> None:
    """As the log itself writes it."""
    request = hashedrekord_v1(b"signature", CERTIFICATE, DIGEST, "sha256")
    assert requested_body(request) == parse_log_body(
        canonical(RekorV1().hashedrekord(b"signature", CERTIFICATE, b"data"))
    )
    request = dsse_v1(ENVELOPE, KEY)
    text = json.loads(request)["spec"]["proposedContent"]["envelope"].encode()
    assert requested_body(request) == parse_log_body(
        canonical(RekorV1().dsse(b"signature", KEY, ENVELOPE.payload, text))
    )
    for name, size in (("sha256", 256), ("sha384", 384), ("sha512", 512)):
        digest = hashlib.new(name, b"data").digest()
        request = hashedrekord_v2(b"signature", b"spki", False, DETAILS, digest)
        body = RekorV2().hashedrekord(b"signature", KEY, b"data", name)
        assert requested_body(request) == parse_log_body(canonical(body)), size
    assert requested_body(hashedrekord_v2(b"s", b"certificate", True, DETAILS, DIGEST)) == LogBody(
        "hashedrekord", "0.0.2", Verifier(True, b"certificate", DETAILS), b"s", Hash("sha256", DIGEST)
    )


BODY = canonical(RekorV1().hashedrekord(b"signature", KEY, b"data"))
UUID = "ab" * 40


def v1() -> dict[str, t.Any]:
    proof = {"checkpoint": "note", "hashes": ["ab" * 32], "logIndex": 3, "rootHash": "cd" * 32, "treeSize": 4}
    return {
        "attestation": {},
        "body": b64(BODY),
        "integratedTime": 1700000000,
        "logID": "ef" * 32,
        "logIndex": 1003,
        "verification": {"inclusionProof": proof, "signedEntryTimestamp": b64(b"promise")},
    }


def test_an_answer_of_v1() -> None:
    entry = parse_v1_answer(json.dumps({UUID: v1()}).encode())
    assert (entry.log_index, entry.log_id, entry.integrated_time) == (1003, b"\xef" * 32, 1700000000)
    assert (entry.body, entry.set, entry.kind, entry.version) == (BODY, b"promise", "hashedrekord", "0.0.1")
    assert entry.inclusion_proof
    proof = entry.inclusion_proof
    assert (proof.log_index, proof.tree_size, proof.checkpoint) == (3, 4, "note")
    assert (proof.root_hash, proof.hashes) == (b"\xcd" * 32, (b"\xab" * 32,))


PROOF = "verification.inclusionProof."
WRONG: list[tuple[str, t.Any, str]] = [
    ("body", 1, "MALFORMED"),
    ("body", b64(b"{}"), "MALFORMED"),
    ("body", "a", "NON_CANONICAL"),
    ("integratedTime", -1, "MALFORMED"),
    ("integratedTime", "1", "MALFORMED"),
    ("integratedTime", True, "MALFORMED"),
    ("integratedTime", 2**63, "LIMIT_EXCEEDED"),
    ("logID", "EF" * 32, "NON_CANONICAL"),
    ("logID", "", "NON_CANONICAL"),
    ("logID", None, "MALFORMED"),
    ("logIndex", -1, "MALFORMED"),
    ("logIndex", 1.5, "MALFORMED"),
    ("verification", None, "MALFORMED"),
    ("verification.signedEntryTimestamp", None, "MALFORMED"),
    ("verification.inclusionProof", None, "MALFORMED"),
    (PROOF + "hashes", None, "MALFORMED"),
    (PROOF + "hashes", ["xy"], "NON_CANONICAL"),
    (PROOF + "hashes", [1], "NON_CANONICAL"),
    (PROOF + "hashes", [None], "NON_CANONICAL"),
    (PROOF + "hashes", ["ab" * 32] * 65, "LIMIT_EXCEEDED"),
    (PROOF + "rootHash", "", "NON_CANONICAL"),
    (PROOF + "rootHash", 1, "MALFORMED"),
    (PROOF + "treeSize", -1, "MALFORMED"),
    (PROOF + "logIndex", -1, "MALFORMED"),
    (PROOF + "checkpoint", None, "MALFORMED"),
]


@pytest.mark.parametrize(("path", "value", "code"), WRONG)
def test_an_answer_of_v1_that_is_wrong(path: str, value: t.Any, code: str) -> None:
    found: t.Any = v1()
    at, keys = found, path.split(".")
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    with pytest.raises(Rejection) as refused:
        parse_v1_answer(json.dumps({UUID: found}).encode())
    assert refused.value.code == code


@pytest.mark.parametrize("answer", [{}, {UUID: v1(), UUID[2:]: v1()}, {UUID: None}, {UUID: []}, [v1()], None])
def test_an_answer_of_v1_is_one_entry(answer: t.Any) -> None:
    with pytest.raises(Rejection) as refused:
        parse_v1_answer(json.dumps(answer).encode())
    assert refused.value.code == "MALFORMED"


def test_an_answer_of_v2() -> None:
    rekor = RekorV2()
    logged = rekor.log(rekor.hashedrekord(b"signature", KEY, b"data"))
    entry = parse_v2_answer(json.dumps({"integratedTime": "0", "inclusionPromise": None, **logged}).encode())
    assert (entry.log_index, entry.log_id, entry.set) == (3, rekor.log_id, b"")
    assert entry.inclusion_proof and entry.inclusion_proof.root_hash == rekor.tree.root()
    with pytest.raises(Rejection) as refused:
        parse_v2_answer(json.dumps({**logged, "more": 1}).encode())
    assert refused.value.code == "MALFORMED"
