# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import datetime
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.dsse import Envelope, parse_envelope
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import (
    OCI_EMPTY,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
    digest_of,
    parse_manifest,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import (
    FEW_VALUES,
    MAX_INTEGER,
    Fields,
    JsonObject,
    decode_base64,
    encode_base64,
    go_json,
    parse_object,
)

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
BUNDLE_PREFIX = "application/vnd.dev.sigstore.bundle"
"""What the media type of every version starts with."""

PREDICATE_ANNOTATION = "dev.sigstore.bundle.predicateType"
MAX_BUNDLE_BYTES = 32 * 1024 * 1024
MAX_LOG_ENTRIES = 32
MAX_TIMESTAMPS = 32
MAX_CERTIFICATES = 10
MAX_PROOF_HASHES = 64
_VERSIONS = {
    BUNDLE_TYPE: "0.3",
    "application/vnd.dev.sigstore.bundle+json;version=0.3": "0.3",
    "application/vnd.dev.sigstore.bundle+json;version=0.2": "0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.1": "0.1",
}
_INTEGER = re.compile(r"(?:0|[1-9][0-9]{0,18})\Z")


@dataclass(frozen=True)
class InclusionProof:
    """That an entry is in a log's tree (RFC 6962); `checkpoint` is the signed note of the tree's root."""

    log_index: int
    root_hash: bytes
    tree_size: int
    hashes: tuple[bytes, ...]
    checkpoint: str


@dataclass(frozen=True)
class LogEntry:
    """An entry of a transparency log, as it came: nothing of it is true before the log verifier said so.

    `log_id` is the raw key id, `integrated_time` seconds since 1970 (0: none), `set` the signed entry timestamp.
    Legacy annotations name no `kind` and `version`.
    """

    log_index: int
    log_id: bytes
    integrated_time: int
    body: bytes
    set: bytes
    kind: str = ""
    version: str = ""
    inclusion_proof: InclusionProof | None = None


@dataclass(frozen=True)
class MessageSignature:
    """A signature over an artifact itself; `digest` is only what the bundle says of it, or nothing."""

    algorithm: str
    digest: bytes
    signature: bytes


@dataclass(frozen=True)
class Bundle:
    """A Sigstore bundle. `version` is "0.1", "0.2" or "0.3"; `certificates` are DER, leaf first; timestamps are DER.

    Either `key_hint` or `certificates` stands, and either `envelope` or `message`.
    """

    version: str
    key_hint: str | None
    certificates: tuple[bytes, ...]
    log_entries: tuple[LogEntry, ...]
    timestamps: tuple[bytes, ...]
    envelope: Envelope | None
    message: MessageSignature | None


def write_bundle(
    content: Envelope | MessageSignature,
    *,
    key_id: str | None = None,
    certificates: t.Sequence[bytes] = (),
    entries: t.Sequence[LogEntry] = (),
    timestamps: t.Sequence[bytes] = (),
) -> bytes:
    """A bundle v0.3, with cosign's fields in cosign's order. Signed by `certificates` (DER, leaf first), or where there
    are none by the key that `key_id` hints at, which is no proof. What is empty is left out, as protojson does it."""
    material: JsonObject = _signer_as_json(key_id, certificates)
    if entries:
        material["tlogEntries"] = [_entry_as_json(entry) for entry in entries]
    if timestamps:
        stamped = [{"signedTimestamp": encode_base64(one)} for one in timestamps]
        material["timestampVerificationData"] = {"rfc3161Timestamps": stamped}
    is_envelope = isinstance(content, Envelope)
    signed = content.as_json() if isinstance(content, Envelope) else _message_as_json(content)
    return go_json(
        {
            "mediaType": BUNDLE_TYPE,
            "verificationMaterial": material,
            "dsseEnvelope" if is_envelope else "messageSignature": signed,
        }
    )


def parse_bundle(data: bytes) -> Bundle:
    """Read a Sigstore bundle of version 0.1, 0.2 or 0.3 (protobuf-specs, sigstore_bundle.proto, as protojson).

    Raises MEDIA_TYPE for other versions, MALFORMED (also for a field that these versions do not have), NON_CANONICAL,
    LIMIT_EXCEEDED (counted before the entries are read), DUPLICATE_KEY, PAYLOAD_TYPE.
    """
    if len(data) > MAX_BUNDLE_BYTES:
        raise Rejection("LIMIT_EXCEEDED", f"The bundle is larger than {MAX_BUNDLE_BYTES} bytes.")
    bundle = Fields(parse_object(data, "bundle", FEW_VALUES), "bundle")
    media_type = bundle.text("mediaType")
    if media_type not in _VERSIONS:
        raise Rejection("MEDIA_TYPE", f"The bundle is of the type {media_type[:120]!r}; versions 0.1 to 0.3 are read.")
    bundle.only("mediaType", "verificationMaterial", "dsseEnvelope", "messageSignature")
    material = bundle.object("verificationMaterial")
    material.only("publicKey", "certificate", "x509CertificateChain", "tlogEntries", "timestampVerificationData")
    signer = _one_of(material, "publicKey", "certificate", "x509CertificateChain")
    content = _one_of(bundle, "dsseEnvelope", "messageSignature")
    return Bundle(
        version=_VERSIONS[media_type],
        key_hint=_key_hint(material.object(signer)) if signer == "publicKey" else None,
        certificates=_certificates(material.object(signer), signer),
        log_entries=tuple(parse_log_entry(one) for one in _list(material, "tlogEntries", MAX_LOG_ENTRIES)),
        timestamps=_timestamps(material.optional_object("timestampVerificationData")),
        envelope=parse_envelope(bundle.found[content], "bundle.dsseEnvelope") if content == "dsseEnvelope" else None,
        message=_message(bundle.object(content)) if content == "messageSignature" else None,
    )


def referrer_manifest(
    bundle: bytes, subject: Descriptor, predicate_type: str, created: datetime.datetime
) -> tuple[Manifest, dict[str, bytes]]:
    """The OCI 1.1 referrer that carries a bundle, in cosign's words and order, and its blobs by digest.

    `created` is aware; it is written in UTC, in whole seconds.
    """
    empty = b"{}"
    config = Descriptor(OCI_EMPTY, digest_of(empty), len(empty), artifact_type=BUNDLE_TYPE)
    layer = Descriptor(BUNDLE_TYPE, digest_of(bundle), len(bundle))
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.as_json(),
        "layers": [layer.as_json()],
        "annotations": {
            "dev.sigstore.bundle.content": "dsse-envelope",
            PREDICATE_ANNOTATION: predicate_type,
            "org.opencontainers.image.created": created.astimezone(datetime.timezone.utc).strftime(
                "%Y-%m-%dT%H:%M:%SZ"
            ),
        },
        "subject": Descriptor(subject.media_type, subject.digest, subject.size).as_json(),
        "artifactType": BUNDLE_TYPE,
    }
    return parse_manifest(go_json(document), OCI_MANIFEST), {config.digest: empty, layer.digest: bundle}


def _signer_as_json(key_id: str | None, certificates: t.Sequence[bytes]) -> JsonObject:
    raw = [{"rawBytes": encode_base64(one)} for one in certificates]
    if not raw:
        return {"publicKey": {"hint": key_id or ""}}
    return {"certificate": raw[0]} if len(raw) == 1 else {"x509CertificateChain": {"certificates": raw}}


def _entry_as_json(entry: LogEntry) -> JsonObject:
    proof, promise = entry.inclusion_proof, entry.set
    return _filled(
        logIndex=_decimal(entry.log_index),
        logId={"keyId": encode_base64(entry.log_id)},
        kindVersion={"kind": entry.kind, "version": entry.version},
        integratedTime=_decimal(entry.integrated_time),
        inclusionPromise={"signedEntryTimestamp": encode_base64(promise)} if promise else None,
        inclusionProof=_proof_as_json(proof) if proof else None,
        canonicalizedBody=encode_base64(entry.body),
    )


def _proof_as_json(proof: InclusionProof) -> JsonObject:
    return _filled(
        logIndex=_decimal(proof.log_index),
        rootHash=encode_base64(proof.root_hash),
        treeSize=_decimal(proof.tree_size),
        hashes=[encode_base64(one) for one in proof.hashes],
        checkpoint={"envelope": proof.checkpoint} if proof.checkpoint else None,
    )


def _message_as_json(message: MessageSignature) -> JsonObject:
    digest = _filled(algorithm=message.algorithm, digest=encode_base64(message.digest))
    return {"messageDigest": digest, "signature": encode_base64(message.signature)}


def _decimal(number: int) -> str:
    return str(number) if number else ""


def _filled(**fields: t.Any) -> JsonObject:
    return dict(filter(lambda field: field[1], fields.items()))


def _one_of(fields: Fields, *keys: str) -> str:
    found = [key for key in keys if fields.found.get(key) is not None]
    if len(found) != 1:
        raise Rejection("MALFORMED", f"{fields.path} must have exactly one of {', '.join(keys)}.")
    return found[0]


def _list(fields: Fields, key: str, limit: int) -> list[Fields]:
    found = fields.array(key, [])
    if len(found) > limit:
        raise Rejection("LIMIT_EXCEEDED", f"{fields.path}.{key} has {len(found)} entries; up to {limit} are read.")
    return [Fields(one, f"{fields.path}.{key}[{index}]") for index, one in enumerate(found)]


def _bytes(fields: Fields, key: str) -> bytes:
    return decode_base64(fields.text(key), f"{fields.path}.{key}")


def _integer(fields: Fields, key: str) -> int:
    # protojson writes 64-bit integers as strings, and leaves out zero.
    text = fields.text(key, "0")
    if not _INTEGER.match(text) or int(text) > MAX_INTEGER:
        raise Rejection("NON_CANONICAL", f"{fields.path}.{key} is not an integer as protojson writes it.")
    return int(text)


def _key_hint(key: Fields) -> str:
    key.only("hint")
    return key.text("hint", "")


def _certificates(signer: Fields, kind: str) -> tuple[bytes, ...]:
    if kind == "publicKey":
        return ()
    found = [signer]
    if kind == "x509CertificateChain":
        signer.only("certificates")
        found = _list(signer, "certificates", MAX_CERTIFICATES)
    for certificate in found:
        certificate.only("rawBytes")
    if not found:
        raise Rejection("MALFORMED", f"{signer.path} has no certificate.")
    return tuple(_bytes(certificate, "rawBytes") for certificate in found)


def parse_log_entry(entry: Fields) -> LogEntry:
    """Read a TransparencyLogEntry (protobuf-specs, sigstore_rekor.proto, as protojson). Raises MALFORMED, NON_CANONICAL
    or LIMIT_EXCEEDED."""
    entry.only(
        "logIndex",
        "logId",
        "kindVersion",
        "integratedTime",
        "inclusionPromise",
        "inclusionProof",
        "canonicalizedBody",
    )
    log_id, kind = entry.object("logId"), entry.object("kindVersion")
    promise, proof = entry.optional_object("inclusionPromise"), entry.optional_object("inclusionProof")
    log_id.only("keyId")
    kind.only("kind", "version")
    if promise:
        promise.only("signedEntryTimestamp")
    return LogEntry(
        log_index=_integer(entry, "logIndex"),
        log_id=_bytes(log_id, "keyId"),
        integrated_time=_integer(entry, "integratedTime"),
        body=_bytes(entry, "canonicalizedBody"),
        set=_bytes(promise, "signedEntryTimestamp") if promise else b"",
        kind=kind.text("kind"),
        version=kind.text("version"),
        inclusion_proof=_inclusion_proof(proof) if proof else None,
    )


def _inclusion_proof(proof: Fields) -> InclusionProof:
    proof.only("logIndex", "rootHash", "treeSize", "hashes", "checkpoint")
    checkpoint = proof.optional_object("checkpoint")
    if checkpoint:
        checkpoint.only("envelope")
    hashes = proof.array("hashes", [])
    if len(hashes) > MAX_PROOF_HASHES:
        raise Rejection("LIMIT_EXCEEDED", f"{proof.path} has {len(hashes)} hashes; up to {MAX_PROOF_HASHES} are read.")
    if not all(isinstance(one, str) for one in hashes):
        raise Rejection("MALFORMED", f"{proof.path}.hashes is not a list of strings.")
    return InclusionProof(
        log_index=_integer(proof, "logIndex"),
        root_hash=_bytes(proof, "rootHash"),
        tree_size=_integer(proof, "treeSize"),
        hashes=tuple(decode_base64(one, f"{proof.path}.hashes") for one in hashes),
        checkpoint=checkpoint.text("envelope") if checkpoint else "",
    )


def _timestamps(data: Fields | None) -> tuple[bytes, ...]:
    if data is None:
        return ()
    data.only("rfc3161Timestamps")
    found = _list(data, "rfc3161Timestamps", MAX_TIMESTAMPS)
    for timestamp in found:
        timestamp.only("signedTimestamp")
    return tuple(_bytes(timestamp, "signedTimestamp") for timestamp in found)


def _message(message: Fields) -> MessageSignature:
    message.only("messageDigest", "signature")
    digest = message.object("messageDigest")
    digest.only("algorithm", "digest")
    # Of an Ed25519 signature cosign 3 writes neither: the file itself was signed.
    hashed = _bytes(digest, "digest") if "digest" in digest.found else b""
    return MessageSignature(digest.text("algorithm", ""), hashed, _bytes(message, "signature"))
