# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import parse_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import (
    FEW_VALUES,
    Fields,
    decode_base64,
    parse_object,
)

_BODY = "log entry"
_SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}
_ENUM = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}


class Hash(t.NamedTuple):
    """What was logged in place of the data: "sha256", "sha384" or "sha512", and the digest."""

    algorithm: str
    value: bytes


class Verifier(t.NamedTuple):
    """Who is logged to have signed: the DER of a certificate or of a public key (SPKI). Rekor v2 also says how, by the
    name that protobuf-specs has for it (PublicKeyDetails); else `details` is empty."""

    is_certificate: bool
    der: bytes
    details: str = ""


@dataclass(frozen=True)
class LogBody:
    """What a log says that it holds: nothing of it is true before it was compared with what it was logged for.

    `data_hash` is over what the signature is over (hashedrekord), `payload_hash` over the payload of a DSSE envelope,
    `envelope_hash` over its JSON as it was uploaded. An intoto 0.0.1 names no signature (None), only its envelope's
    hash. Whatever the kind does not have is None.
    """

    kind: str
    version: str
    verifier: Verifier
    signature: bytes | None = None
    data_hash: Hash | None = None
    payload_hash: Hash | None = None
    envelope_hash: Hash | None = None
    payload_type: str | None = None
    payload: bytes | None = None

    @property
    def is_v2(self) -> bool:
        """Whether only Rekor v2 has this kind; its entries have no promise and no time."""
        return (self.kind, self.version) in (("hashedrekord", "0.0.2"), ("dsse", "0.0.2"))


def parse_log_body(body: bytes) -> LogBody:
    """Read the canonicalized body of a log entry: hashedrekord 0.0.1, dsse 0.0.1, intoto 0.0.1 and 0.0.2 (the schemas
    in Rekor v1, pkg/types), hashedrekord 0.0.2 and dsse 0.0.2 (rekor-tiles, entry.proto).

    Raises MALFORMED, for another kind or version by its name, NON_CANONICAL, DUPLICATE_KEY, LIMIT_EXCEEDED.
    """
    fields = Fields(parse_object(body, _BODY, FEW_VALUES), _BODY)
    fields.only("apiVersion", "kind", "spec")
    kind, version = fields.text("kind"), fields.text("apiVersion")
    read = _READERS.get((kind, version))
    if read is None:
        raise Rejection(
            "MALFORMED",
            f"The log entry is a {kind[:64]!r} in version {version[:32]!r}, which is not read here; "
            f"these are: {', '.join(' '.join(one) for one in _READERS)}.",
        )
    spec = fields.object("spec")
    return read(spec)


def _hashedrekord(spec: Fields) -> LogBody:
    spec.only("data", "signature")
    data, signature = spec.object("data"), spec.object("signature")
    data.only("hash")
    signature.only("content", "publicKey")
    key = signature.object("publicKey")
    key.only("content")
    return LogBody(
        "hashedrekord",
        "0.0.1",
        _pem_verifier(key, "content"),
        signature=_bytes(signature, "content"),
        data_hash=_hash(data.object("hash")),
    )


def _dsse(spec: Fields) -> LogBody:
    spec.only("envelopeHash", "payloadHash", "signatures")
    signature = _only_one(spec, "signatures")
    signature.only("signature", "verifier")
    return LogBody(
        "dsse",
        "0.0.1",
        _pem_verifier(signature, "verifier"),
        signature=_bytes(signature, "signature"),
        payload_hash=_hash(spec.object("payloadHash")),
        envelope_hash=_hash(spec.object("envelopeHash")),
    )


def _intoto_1(spec: Fields) -> LogBody:
    spec.only("content", "publicKey")
    content = spec.object("content")
    content.only("hash", "payloadHash")
    # Entries of 2021 have no hash of the payload.
    payload_hash = content.optional_object("payloadHash")
    return LogBody(
        "intoto",
        "0.0.1",
        _pem_verifier(spec, "publicKey"),
        payload_hash=_hash(payload_hash) if payload_hash else None,
        envelope_hash=_hash(content.object("hash")),
    )


def _intoto_2(spec: Fields) -> LogBody:
    spec.only("content")
    content = spec.object("content")
    content.only("envelope", "hash", "payloadHash")
    envelope = content.object("envelope")
    envelope.only("payload", "payloadType", "signatures")
    signature = _only_one(envelope, "signatures")
    signature.only("keyid", "publicKey", "sig")
    signature.text("keyid", "")
    return LogBody(
        "intoto",
        "0.0.2",
        _pem_verifier(signature, "publicKey"),
        signature=_envelope_signature(signature),
        payload_hash=_hash(content.object("payloadHash")),
        envelope_hash=_hash(content.object("hash")),
        payload_type=envelope.text("payloadType"),
        # Rekor left it out of what it stores, other logs did not.
        payload=_decode_again(_bytes(envelope, "payload"), envelope.path) if "payload" in envelope.found else None,
    )


def _hashedrekord_2(spec: Fields) -> LogBody:
    spec.only("hashedRekordV002")
    entry = spec.object("hashedRekordV002")
    entry.only("data", "signature")
    verifier, signature = _signature_2(entry.object("signature"))
    return LogBody("hashedrekord", "0.0.2", verifier, signature, data_hash=_hash_2(entry.object("data")))


def _dsse_2(spec: Fields) -> LogBody:
    spec.only("dsseV002")
    entry = spec.object("dsseV002")
    entry.only("payloadHash", "signatures")
    verifier, signature = _signature_2(_only_one(entry, "signatures"))
    return LogBody("dsse", "0.0.2", verifier, signature, payload_hash=_hash_2(entry.object("payloadHash")))


_READERS: dict[tuple[str, str], t.Callable[[Fields], LogBody]] = {
    ("hashedrekord", "0.0.1"): _hashedrekord,
    ("hashedrekord", "0.0.2"): _hashedrekord_2,
    ("dsse", "0.0.1"): _dsse,
    ("dsse", "0.0.2"): _dsse_2,
    ("intoto", "0.0.1"): _intoto_1,
    ("intoto", "0.0.2"): _intoto_2,
}


def _only_one(fields: Fields, key: str) -> Fields:
    # Of several, one check may look at one and the next at another.
    found = fields.array(key)
    if len(found) != 1:
        raise Rejection("MALFORMED", f"{fields.path}.{key} has {len(found)} entries; exactly one is read.")
    return Fields(found[0], f"{fields.path}.{key}[0]")


def _bytes(fields: Fields, key: str) -> bytes:
    return decode_base64(fields.text(key), f"{fields.path}.{key}")


def _decode_again(text: bytes, path: str) -> bytes:
    # This kind encodes what is base64 in the envelope once more.
    return decode_base64(text.decode("latin-1"), f"base64 in {path}")


def _envelope_signature(fields: Fields) -> bytes:
    text = _bytes(fields, "sig")
    try:
        return _decode_again(text, fields.path)
    except Rejection:
        # No signature that an envelope can hold, so it is another than any: that is the reason to give.
        return b""


def _pem_verifier(fields: Fields, key: str) -> Verifier:
    what = f"{fields.path}.{key}"
    blocks = parse_pem(_bytes(fields, key), what)
    if len(blocks) != 1 or blocks[0].label not in ("CERTIFICATE", "PUBLIC KEY"):
        raise Rejection("MALFORMED", f"{what} is not exactly one certificate or public key.")
    return Verifier(blocks[0].label == "CERTIFICATE", blocks[0].der)


def _hash(fields: Fields) -> Hash:
    fields.only("algorithm", "value")
    text = fields.text("value")
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if value.hex() != text:
        raise Rejection("NON_CANONICAL", f"{fields.path}.value is not hex in lower case.")
    return _sized(Hash(fields.text("algorithm"), value), fields.path)


def _hash_2(fields: Fields) -> Hash:
    fields.only("algorithm", "digest")
    return _sized(Hash(_ENUM.get(fields.text("algorithm"), ""), _bytes(fields, "digest")), fields.path)


def _sized(found: Hash, path: str) -> Hash:
    if _SIZES.get(found.algorithm) != len(found.value):
        raise Rejection("MALFORMED", f"{path} is not a SHA-256, SHA-384 or SHA-512 digest.")
    return found


def _signature_2(fields: Fields) -> tuple[Verifier, bytes]:
    fields.only("content", "verifier")
    verifier = fields.object("verifier")
    verifier.only("keyDetails", "publicKey", "x509Certificate")
    kinds = [kind for kind in ("publicKey", "x509Certificate") if kind in verifier.found]
    if len(kinds) != 1:
        raise Rejection("MALFORMED", f"{verifier.path} is not exactly one certificate or public key.")
    signer = verifier.object(kinds[0])
    signer.only("rawBytes")
    found = Verifier(kinds[0] == "x509Certificate", _bytes(signer, "rawBytes"), verifier.text("keyDetails"))
    return found, _bytes(fields, "content")
