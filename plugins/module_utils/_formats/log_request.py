# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import (
    MAX_PROOF_HASHES,
    InclusionProof,
    LogEntry,
    parse_log_entry,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.dsse import Envelope, parse_envelope
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.log_body import (
    Hash,
    LogBody,
    Verifier,
    parse_log_body,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import parse_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import (
    FEW_VALUES,
    Fields,
    JsonObject,
    decode_base64,
    encode_base64,
    go_json,
    parse_object,
)

_WHAT = "answer"
_HASH_OF_SIZE = {32: "sha256", 48: "sha384", 64: "sha512"}


def hashedrekord_v1(signature: bytes, verifier_pem: bytes, digest: bytes, hash_name: str) -> bytes:
    """What is uploaded to Rekor v1 for a signature over data of which it learns only the digest (its kind hashedrekord,
    version 0.0.1). `verifier_pem` is the certificate, or else the key."""
    return _v1(
        "hashedrekord",
        {
            "data": {"hash": {"algorithm": hash_name, "value": digest.hex()}},
            "signature": {
                "content": encode_base64(signature),
                "publicKey": {"content": encode_base64(verifier_pem)},
            },
        },
    )


def dsse_v1(envelope: Envelope, verifier_pem: bytes) -> bytes:
    """What is uploaded to Rekor v1 for an envelope (its kind dsse, version 0.0.1)."""
    text = go_json(envelope.as_json()).decode("utf-8")
    return _v1("dsse", {"proposedContent": {"envelope": text, "verifiers": [encode_base64(verifier_pem)]}})


def hashedrekord_v2(signature: bytes, verifier_der: bytes, is_certificate: bool, details: str, digest: bytes) -> bytes:
    """What is uploaded to Rekor v2 (rekor-tiles, entry.proto); `details` is what protobuf-specs calls the algorithm,
    `digest` that of what was signed: for an envelope of its PAE."""
    kind = "x509Certificate" if is_certificate else "publicKey"
    verifier = {kind: {"rawBytes": encode_base64(verifier_der)}, "keyDetails": details}
    signed = {"content": encode_base64(signature), "verifier": verifier}
    return go_json({"hashedRekordRequestV002": {"digest": encode_base64(digest), "signature": signed}})


def requested_body(request: bytes) -> LogBody:
    """What the log is to hold when it was sent one of these requests: no entry is ours that says anything else."""
    asked = parse_object(request, "request to the log")
    if "hashedRekordRequestV002" in asked:
        return _requested_v2(Fields(asked, "request to the log").object("hashedRekordRequestV002"))
    if asked["kind"] == "dsse":
        return _requested_dsse(asked["spec"]["proposedContent"])
    return parse_log_body(request)


def parse_v1_answer(data: bytes) -> LogEntry:
    """The entry that Rekor v1 answers, alone in a map by its identifier (rekor, openapi.yaml, LogEntry).

    Raises MALFORMED, NON_CANONICAL, DUPLICATE_KEY, LIMIT_EXCEEDED.
    """
    found = list(parse_object(data, _WHAT, FEW_VALUES).values())
    if len(found) != 1:
        raise Rejection("MALFORMED", f"The {_WHAT} holds {len(found)} entries, not one.")
    entry = Fields(found[0], _WHAT)
    verification = entry.object("verification")
    body = decode_base64(entry.text("body"), f"body in the {_WHAT}")
    named = parse_log_body(body)
    promise = decode_base64(verification.text("signedEntryTimestamp"), f"signedEntryTimestamp in the {_WHAT}")
    if not promise:
        raise Rejection("MALFORMED", f"The {_WHAT} has no signed entry timestamp, without which nobody accepts it.")
    return LogEntry(
        log_index=_number(entry, "logIndex"),
        log_id=_hex(entry.text("logID"), "logID"),
        integrated_time=_number(entry, "integratedTime"),
        body=body,
        set=promise,
        kind=named.kind,
        version=named.version,
        inclusion_proof=_inclusion_proof(verification.object("inclusionProof")),
    )


def parse_v2_answer(data: bytes) -> LogEntry:
    """The entry that Rekor v2 answers: a TransparencyLogEntry as protojson. Raises the same."""
    return parse_log_entry(Fields(parse_object(data, _WHAT, FEW_VALUES), _WHAT))


def _v1(kind: str, spec: JsonObject) -> bytes:
    return go_json({"apiVersion": "0.0.1", "kind": kind, "spec": spec})


def _requested_dsse(proposed: t.Mapping[str, t.Any]) -> LogBody:
    text = proposed["envelope"].encode("utf-8")
    envelope = parse_envelope(parse_object(text, "envelope"), "envelope")
    block = parse_pem(decode_base64(proposed["verifiers"][0], "verifier"), "verifier")[0]
    return LogBody(
        "dsse",
        "0.0.1",
        Verifier(block.label == "CERTIFICATE", block.der),
        signature=envelope.signature,
        payload_hash=Hash("sha256", hashlib.sha256(envelope.payload).digest()),
        envelope_hash=Hash("sha256", hashlib.sha256(text).digest()),
    )


def _requested_v2(asked: Fields) -> LogBody:
    digest = decode_base64(asked.text("digest"), "digest")
    signature = asked.object("signature")
    verifier = signature.object("verifier")
    is_certificate = "x509Certificate" in verifier.found
    raw = verifier.object("x509Certificate" if is_certificate else "publicKey").text("rawBytes")
    return LogBody(
        "hashedrekord",
        "0.0.2",
        Verifier(is_certificate, decode_base64(raw, "verifier"), verifier.text("keyDetails")),
        signature=decode_base64(signature.text("content"), "signature"),
        data_hash=Hash(_HASH_OF_SIZE[len(digest)], digest),
    )


def _inclusion_proof(proof: Fields) -> InclusionProof:
    hashes = proof.array("hashes")
    if len(hashes) > MAX_PROOF_HASHES:
        raise Rejection("LIMIT_EXCEEDED", f"The {_WHAT} has a proof of more than {MAX_PROOF_HASHES} hashes.")
    return InclusionProof(
        log_index=_number(proof, "logIndex"),
        root_hash=_hex(proof.text("rootHash"), "rootHash"),
        tree_size=_number(proof, "treeSize"),
        hashes=tuple(_hex(one, "hashes") for one in hashes),
        checkpoint=proof.text("checkpoint"),
    )


def _number(fields: Fields, key: str) -> int:
    value = fields.integer(key)
    if value < 0:
        raise Rejection("MALFORMED", f"The {_WHAT} has a negative {key}.")
    return value


def _hex(text: t.Any, key: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except (TypeError, ValueError):
        found = b""
    if not found or found.hex() != text:
        raise Rejection("NON_CANONICAL", f"{key} in the {_WHAT} is not hex in lower case.")
    return found
