# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import (
    BUNDLE,
    LEGACY,
    Evidence,
    Location,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import (
    MAX_CERTIFICATES,
    Bundle,
    LogEntry,
    MessageSignature,
    parse_bundle,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.dsse import parse_envelope
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.legacy import LegacyLayer
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import digest_of
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.payload import parse_payload
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import parse_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.statement import (
    MAX_VALUES,
    Subject,
    parse_statement,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import (
    FEW_VALUES,
    Fields,
    check_digest,
    decode_base64,
    parse_object,
)

_HASHES = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}


def from_bundle(data: bytes, location: Location, values: int = FEW_VALUES) -> Evidence:
    """The evidence in a Sigstore bundle; what cannot be read becomes its error. `values` bounds its statement: that of
    a signature is short."""
    try:
        return _from_bundle(data, location, values)
    except Rejection as error:
        return Evidence(BUNDLE, location, error=error)


def from_listing(predicate_type: str, location: Location) -> Evidence:
    """A bundle that was not downloaded because its manifest says that it is of a type that does not count
    (`Policy.counts`): it can only refuse."""
    return Evidence(BUNDLE, location, predicate_type=predicate_type, error=other_type(predicate_type))


def from_file_bundle(data: bytes, location: Location, digest: str, artifact: bytes | None = None) -> Evidence:
    """The evidence in a bundle about a file, whose digest is `digest` ("sha256:…"); with the `artifact` itself its
    signature can be of any kind, with the digest alone of those that sign a SHA-256. A statement is read as ever."""
    try:
        bundle = parse_bundle(data)
        if bundle.message is None:
            return _from_bundle(data, location, MAX_VALUES)
        return _of_file(bundle, bundle.message, location, digest, artifact)
    except Rejection as error:
        return Evidence(BUNDLE, location, error=error)


def from_legacy(layer: LegacyLayer, payload: bytes, location: Location) -> Evidence:
    """The evidence in a layer of a `.sig`, and its blob; what cannot be read becomes its error."""
    try:
        return _from_legacy(layer, payload, location)
    except Rejection as error:
        return Evidence(LEGACY, location, error=error)


def from_legacy_attestation(layer: LegacyLayer, envelope: bytes, location: Location) -> Evidence:
    """The evidence in a layer of a `.att`, whose blob is a DSSE envelope, with the same annotations beside it as beside
    a signature; what cannot be read becomes its error."""
    try:
        return _from_legacy_attestation(layer, envelope, location)
    except Rejection as error:
        return Evidence(LEGACY, location, error=error)


def other_type(predicate_type: str) -> Rejection:
    return Rejection(
        "PREDICATE_TYPE",
        f"This is an attestation of the type {predicate_type[:200]!r}, not a signature; "
        "verify attestations with cosign_verify_attestation.",
    )


def _from_bundle(data: bytes, location: Location, values: int) -> Evidence:
    bundle = parse_bundle(data)
    if bundle.envelope is None:
        raise Rejection("PAYLOAD_TYPE", "The bundle signs a file, not a statement about an image; sign the image.")
    statement = parse_statement(bundle.envelope.payload, values)
    return Evidence(
        format=BUNDLE,
        location=location,
        payload=bundle.envelope.payload,
        signed=bundle.envelope.signed,
        signature=bundle.envelope.signature,
        subjects=statement.subjects,
        predicate_type=statement.predicate_type,
        predicate=statement.predicate,
        **_material(bundle),
    )


def _of_file(
    bundle: Bundle, message: MessageSignature, location: Location, digest: str, artifact: bytes | None
) -> Evidence:
    algorithm, dummy, value = check_digest(digest, "digest of the file").partition(":")
    if artifact is not None and digest_of(artifact, algorithm) != digest:
        raise Rejection("DIGEST_MISMATCH", f"The file is not the one with the digest {digest}; hash it again.")
    if artifact is not None and artifact.startswith(b"DSSEv1 "):
        raise Rejection(
            "PAYLOAD_TYPE", "The file is what a DSSE envelope signs: this may be an attestation's signature."
        )
    _check_file_digest(message, digest, artifact)
    return Evidence(
        format=BUNDLE,
        location=location,
        payload=b"",
        signed=bytes.fromhex(value) if artifact is None else artifact,
        prehashed="sha256" if artifact is None else "",
        signature=message.signature,
        subjects=(Subject({"sha256": value}, {}),),
        **_material(bundle),
    )


def _check_file_digest(message: MessageSignature, digest: str, artifact: bytes | None) -> None:
    """The digest in the bundle is signed by nobody; one that is there and wrong tells that the file is another."""
    if not message.algorithm and not message.digest:
        if artifact is not None:
            return  # a signature over the file itself, of a key that hashes nothing
        raise Rejection(
            "POLICY_UNSUPPORTED", "The bundle is for the file itself, and only its digest is given; give the file."
        )
    name = _HASHES.get(message.algorithm)
    if name is None or (artifact is None and name != "sha256"):
        remedy = "sign it with SHA-256, SHA-384 or SHA-512" if name is None else "give the file itself"
        raise Rejection(
            "POLICY_UNSUPPORTED",
            f"The bundle is for a digest of the file by {message.algorithm[:20] or 'no hash'!r}; {remedy}.",
        )
    found = digest.partition(":")[2] if artifact is None else hashlib.new(name, artifact).hexdigest()
    if message.digest.hex() != found:
        raise Rejection(
            "DIGEST_MISMATCH",
            f"The bundle is for a file of the {name} digest {message.digest.hex()[:128]}, not for {found}; it was made "
            "for another file.",
        )


def _material(bundle: Bundle) -> dict[str, t.Any]:
    return {
        "key_hint": bundle.key_hint,
        "certificates": bundle.certificates,
        "inclusion": bundle.version != "0.1",
        "log_entries": bundle.log_entries,
        "timestamps": bundle.timestamps,
    }


def _from_legacy_attestation(layer: LegacyLayer, envelope: bytes, location: Location) -> Evidence:
    _check_blob(layer, envelope)
    found = parse_envelope(parse_object(envelope, "attestation", FEW_VALUES), "attestation")
    statement = parse_statement(found.payload)
    return Evidence(
        format=LEGACY,
        location=location,
        payload=found.payload,
        signed=found.signed,
        envelope=envelope,
        signature=found.signature,
        subjects=statement.subjects,
        predicate_type=statement.predicate_type,
        predicate=statement.predicate,
        **_annotated(layer),
    )


def _check_blob(layer: LegacyLayer, blob: bytes) -> None:
    if digest_of(blob, layer.descriptor.digest.split(":")[0]) != layer.descriptor.digest:
        raise Rejection("DIGEST_MISMATCH", "The signature's payload is not the one that its manifest names.")


def _annotated(layer: LegacyLayer) -> dict[str, t.Any]:
    return {
        "certificates": _certificates(layer),
        "log_entries": _log_entries(layer.log_bundle),
        "timestamps": _timestamps(layer.timestamp),
    }


def _from_legacy(layer: LegacyLayer, payload: bytes, location: Location) -> Evidence:
    _check_blob(layer, payload)
    claims = parse_payload(payload)
    algorithm, value = claims.digest.split(":")
    return Evidence(
        format=LEGACY,
        location=location,
        payload=payload,
        signed=payload,
        signature=decode_base64(layer.signature, "signature"),
        subjects=(Subject({algorithm: value}, claims.annotations),),
        docker_reference=claims.docker_reference,
        **_annotated(layer),
    )


def _certificates(layer: LegacyLayer) -> tuple[bytes, ...]:
    # cosign writes an empty chain beside a certificate without one. A chain alone says nothing of who signed.
    leaf, chain = layer.certificate or "", (layer.chain or "").strip()
    texts = [text for text in (leaf, chain) if text] if leaf else []
    blocks = [block for text in texts for block in parse_pem(text.encode("utf-8"), "certificate of the signature")]
    if len(blocks) > MAX_CERTIFICATES:
        raise Rejection("LIMIT_EXCEEDED", f"The signature has {len(blocks)} certificates; up to {MAX_CERTIFICATES}.")
    if any(block.label != "CERTIFICATE" for block in blocks):
        raise Rejection("MALFORMED", "The certificate beside the signature is something else.")
    return tuple(block.der for block in blocks)


def _log_entries(text: str | None) -> tuple[LogEntry, ...]:
    if not text:
        return ()
    bundle = Fields(parse_object(text.encode("utf-8"), "log annotation", FEW_VALUES), "log annotation")
    bundle.only("SignedEntryTimestamp", "Payload")
    entry = bundle.object("Payload")
    entry.only("body", "integratedTime", "logIndex", "logID")
    return (
        LogEntry(
            log_index=entry.integer("logIndex"),
            log_id=_hex(entry.text("logID"), "logID of the log annotation"),
            integrated_time=entry.integer("integratedTime"),
            body=decode_base64(entry.text("body"), "body of the log annotation"),
            set=decode_base64(bundle.text("SignedEntryTimestamp"), "SignedEntryTimestamp of the log annotation"),
        ),
    )


def _timestamps(text: str | None) -> tuple[bytes, ...]:
    if not text:
        return ()
    timestamp = Fields(parse_object(text.encode("utf-8"), "timestamp annotation", FEW_VALUES), "timestamp annotation")
    timestamp.only("SignedRFC3161Timestamp")
    return (decode_base64(timestamp.text("SignedRFC3161Timestamp"), "timestamp"),)


def _hex(text: str, what: str) -> bytes:
    try:
        decoded = bytes.fromhex(text)
    except ValueError:
        decoded = b""
    if decoded.hex() != text or not decoded:
        raise Rejection("NON_CANONICAL", f"The {what} is not hex in lower case.")
    return decoded
