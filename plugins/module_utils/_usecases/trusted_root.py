# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""Trusted roots and signing configs as files: put together as cosign's `trusted-root create` and `signing-config
create` do, and written where what is there says something else."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import stat
import typing as t
from dataclasses import dataclass

try:
    from cryptography.x509 import load_der_x509_certificate
    from cryptography.x509.oid import NameOID
except ImportError:
    pass

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import (
    Certificate,
    parse_certificate,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import MAX_ROOT_BYTES
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.moment import write_moment
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import parse_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import PublicKey
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.signing_config import (
    ANY,
    Selector,
    Service,
    SigningConfig,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import encode_base64, parse_json
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.files import replace_file

MEDIA_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
"""What cosign 3 writes; all verifiers read it."""

KINDS = ("fulcio", "rekor", "ctfe", "tsa", "oidc")
_ROOT_LISTS = {
    "rekor": "tlogs",
    "fulcio": "certificateAuthorities",
    "ctfe": "ctlogs",
    "tsa": "timestampAuthorities",
}
_CONFIG_LISTS = {"fulcio": "authorities", "oidc": "issuers", "rekor": "logs", "tsa": "timestamp_authorities"}

# The kinds of PublicKey → PublicKeyDetails of sigstore_common.proto, as sigstore-go writes them.
_DETAILS = {
    "rsa-2048": "PKIX_RSA_PKCS1V15_2048_SHA256",
    "rsa-3072": "PKIX_RSA_PKCS1V15_3072_SHA256",
    "rsa-4096": "PKIX_RSA_PKCS1V15_4096_SHA256",
    "ecdsa-p256": "PKIX_ECDSA_P256_SHA_256",
    "ecdsa-p384": "PKIX_ECDSA_P384_SHA_384",
    "ecdsa-p521": "PKIX_ECDSA_P521_SHA_512",
    "ed25519": "PKIX_ED25519",
}

JsonObject = dict[str, t.Any]


@dataclass(frozen=True)
class GivenService:
    """A service as a task describes it: all that a trusted root or a signing config says of it. `name` is what messages
    call it ("rekor 1"). Of `chain` (as read from PEM) and `key` it has the one that its kind needs, or none."""

    name: str
    url: str
    chain: tuple[Certificate, ...] = ()
    key: PublicKey | None = None
    start: datetime.datetime | None = None
    end: datetime.datetime | None = None
    origin: str | None = None
    operator: str | None = None
    api_version: int | None = None


Given = t.Mapping[str, t.Sequence[GivenService]]
"""Services by their kinds, which are KINDS."""


# Trusted roots -------------------------------------------------------------------------------------------------------


def read_chain(pem: bytes, name: str, leaf: bool) -> tuple[Certificate, ...]:
    """A chain of certificates, each issued by one that comes later, the root last. The first is that of an authority,
    or with `leaf` the one that signs timestamps.

    Raises MALFORMED, and what reading certificates raises.
    """
    blocks = parse_pem(pem, f"chain of {name}", commented=True)
    if {block.label for block in blocks} != {"CERTIFICATE"}:
        raise Rejection("MALFORMED", f"The chain of {name} holds something else than certificates; leave it out.")
    chain = tuple(parse_certificate(block.der, f"certificate {n} of {name}") for n, block in enumerate(blocks, 1))
    for number, one in enumerate(chain[:-1], 1):
        if one.issuer not in [above.subject for above in chain[number:]]:
            raise Rejection(
                "MALFORMED",
                f"Certificate {number} of {name}, of {one}, was issued by none that comes after it; put the one that "
                "issues (or signs timestamps) first and the root last, and each root in a chain of its own.",
            )
    if leaf and chain[0].is_ca:
        raise Rejection(
            "MALFORMED",
            f"The chain of {name} begins with an authority; put the certificate that signs timestamps first.",
        )
    if not leaf and not chain[0].is_ca:
        raise Rejection(
            "MALFORMED", f"The chain of {name} begins with a certificate that issues none; leave that one out."
        )
    return chain


def assemble_trusted_root(given: Given, base: JsonObject | None = None, without: t.Collection[str] = ()) -> bytes:
    """A TrustedRoot (sigstore_trustroot.proto) of the services, in protojson, each list from the oldest on. Those of
    `base`, another one, are in it too but for the kinds in `without`; a log takes the place of the one of the same id.

    Raises POLICY_UNSUPPORTED where a service lacks what is needed.
    """
    base = base or {}
    found: JsonObject = {"mediaType": base.get("mediaType", MEDIA_TYPE)}
    for kind, key in _ROOT_LISTS.items():
        own = [_root_entry(kind, one) for one in given.get(kind, ())]
        ids = [one["logId"] for one in own if "logId" in one]
        shared = [] if kind in without else [one for one in base.get(key) or () if one.get("logId", "") not in ids]
        # A log that is given twice is there once, as the last says.
        last = {json.dumps(one.get("logId", number)): one for number, one in enumerate(own)}
        # An empty list says the same as none; there are readers that want it.
        found[key] = sorted([*shared, *last.values()], key=_start_of)
    return json.dumps(found, indent=2).encode("ascii") + b"\n"


def _root_entry(kind: str, one: GivenService) -> JsonObject:
    if kind in ("rekor", "ctfe"):
        return _log(one)
    return _authority(one, _need(one, "certificate_chain", one.chain or None))


def _log(one: GivenService) -> JsonObject:
    key = _need(one, "public_key", one.key)
    if key.kind not in _DETAILS:
        raise Rejection("POLICY_UNSUPPORTED", f"The key of {one.name} is {key.kind}, which no trusted root can name.")
    return {
        "baseUrl": one.url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": encode_base64(key.spki),
            "keyDetails": _DETAILS[key.kind],
            "validFor": _window(_need(one, "start_time", one.start), one.end),
        },
        "logId": {"keyId": encode_base64(log_id(key, one.origin))},
    }


def log_id(key: PublicKey, origin: str | None) -> bytes:
    """How a log is told from others: SHA-256 over its key; where its checkpoints carry an `origin`, SHA-256 over that
    and the key as the signed-note specification (C2SP) has it, whose first four bytes are in every signature."""
    if origin is None or key.kind.startswith("ecdsa-"):
        return hashlib.sha256(key.spki).digest()
    # An Ed25519 key is the last 32 bytes of its SPKI.
    kind = b"\x01" + key.spki[-32:] if key.kind == "ed25519" else b"\xffPKIX-RSA-PKCS#1v1.5" + key.spki
    return hashlib.sha256(origin.encode() + b"\n" + kind).digest()


def _authority(one: GivenService, chain: t.Sequence[Certificate]) -> JsonObject:
    return {
        "subject": _subject(chain[-1]),
        "uri": one.url,
        "certChain": {"certificates": [{"rawBytes": encode_base64(certificate.der)} for certificate in chain]},
        "validFor": _window(one.start or _born(one), one.end),
    }


def _born(one: GivenService) -> datetime.datetime:
    """When a service began that does not say so: with the certificate that signs timestamps, or with the root."""
    return one.chain[-1 if one.chain[0].is_ca else 0].not_before


def _subject(certificate: Certificate) -> JsonObject:
    try:
        name = load_der_x509_certificate(certificate.der).subject
        fields = {"organization": NameOID.ORGANIZATION_NAME, "commonName": NameOID.COMMON_NAME}
        # An empty text likewise.
        return {
            field: next((str(one.value) for one in name.get_attributes_for_oid(oid)), "")
            for field, oid in fields.items()
        }
    except ValueError:
        raise Rejection(
            "MALFORMED", f"The subject of the certificate of {certificate} cannot be read; have it issued anew."
        ) from None


def _window(start: datetime.datetime, end: datetime.datetime | None) -> JsonObject:
    return {"start": write_moment(start), **({"end": write_moment(end)} if end is not None else {})}


def _start_of(entry: JsonObject) -> str:
    valid = entry.get("validFor") or (entry.get("publicKey") or {}).get("validFor") or {}
    # All are in UTC, and up to the second of one length.
    return str(valid.get("start", ""))[:19]


# Signing configs -----------------------------------------------------------------------------------------------------


def assemble_signing_config(
    given: Given,
    log_selector: Selector | None,
    tsa_selector: Selector | None,
    base: SigningConfig | None = None,
    without: t.Collection[str] = (),
) -> SigningConfig:
    """A signing config of the services; those of `base`, another one, come first but for the kinds in `without`.

    Raises POLICY_UNSUPPORTED where a service lacks what is needed, or nobody said how many of them to ask.
    """
    base = base or SigningConfig()
    lists = {
        name: (() if kind in without else getattr(base, name)) + tuple(map(_service, given.get(kind, ())))
        for kind, name in _CONFIG_LISTS.items()
    }
    return SigningConfig(
        **lists,
        log_selector=log_selector or (ANY if "rekor" in without else base.log_selector),
        tsa_selector=tsa_selector or (ANY if "tsa" in without else base.tsa_selector),
    )


def _service(one: GivenService) -> Service:
    return Service(
        one.url,
        _need(one, "api_version", one.api_version),
        _need(one, "start_time", one.start or (_born(one) if one.chain else None)),
        one.end,
        _need(one, "operator", one.operator),
    )


_T = t.TypeVar("_T")


def _need(one: GivenService, option: str, value: _T | None) -> _T:
    if value is None:
        raise Rejection("POLICY_UNSUPPORTED", f"The {one.name} has no {option}, which is needed; give it.")
    return value


# Files ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """A file as it was before (None: not there) and whether something else is (or would be) there now."""

    before: bytes | None
    changed: bool


def ensure_file(path: str, data: bytes, mode: int, check_mode: bool) -> Written:
    """Make sure that a file holds this document, in whatever spelling, and has this mode; one that does is not touched.
    Written whole or not at all; a link in its place is replaced, not followed.

    Raises UNREACHABLE where it cannot be written, MALFORMED where something else than a file is.
    """
    folder = os.path.dirname(path) or "."
    if not check_mode and not os.path.isdir(folder):
        raise Rejection("UNREACHABLE", f"There is no folder {folder}; make it first.")
    try:
        before, found_mode = _read(path)
        same = before is not None and (before == data or _parsed(before) == _parsed(data))
        if not same and not check_mode:
            _write(path, data, mode)
        elif found_mode != mode and not check_mode:
            os.chmod(path, mode)
    except OSError as error:
        raise Rejection(
            "UNREACHABLE", f"The file {path} could not be written ({error.strerror or error}); check the path."
        ) from None
    return Written(before, not same or found_mode != mode)


def _write(path: str, data: bytes, mode: int) -> None:
    def write(stream: t.BinaryIO) -> None:
        os.fchmod(stream.fileno(), mode)
        stream.write(data)

    replace_file(path, write, durable=True)


def _read(path: str) -> tuple[bytes | None, int]:
    """At most one byte more than a trusted root may have, and the mode."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None, 0
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Rejection("MALFORMED", f"The file {path} is not a regular one; name another path.")
        with open(descriptor, "rb", closefd=False) as stream:
            return stream.read(MAX_ROOT_BYTES + 1), stat.S_IMODE(status.st_mode)
    finally:
        os.close(descriptor)


def _parsed(data: bytes) -> t.Any:
    """The document; what is none is equal to nothing."""
    try:
        return parse_json(data, "file")
    except Rejection:
        return object()
