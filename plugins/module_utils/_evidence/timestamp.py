# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import datetime
import functools
import hashlib
import typing as t

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
except ImportError:
    pass

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import (
    EXTENDED_KEY_USAGE,
    Certificate,
    parse_certificate,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.chain import TIME_STAMPING, build_chain
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import Authority, show_time
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import hash_algorithm
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rfc3161 import (
    Imprint,
    Signer,
    Token,
    parse_timestamp,
)

MAX_TIMESTAMPS = 32
MAX_ACCURACY = datetime.timedelta(minutes=5)
"""What a clock may be off by; a time that is less certain orders nothing."""

_SECURE = ("sha256", "sha384", "sha512")
_ECDSA = {"1.2.840.10045.4.3.2": "sha256", "1.2.840.10045.4.3.3": "sha384", "1.2.840.10045.4.3.4": "sha512"}
_RSA_ENCRYPTION, _ED25519 = "1.2.840.113549.1.1.1", "1.3.101.112"
_RSA = {"1.2.840.113549.1.1.11": "sha256", "1.2.840.113549.1.1.12": "sha384", "1.2.840.113549.1.1.13": "sha512"}


class Timestamp(t.NamedTuple):
    """A time (aware, UTC) at which, as a trusted authority says, the signature existed."""

    time: datetime.datetime
    authority: Authority


def verify_timestamps(
    tokens: t.Sequence[bytes], signature: bytes, authorities: t.Sequence[Authority]
) -> tuple[Timestamp, ...]:
    """The timestamps that verify, each authority's time once. One that does not verify beside one that does counts
    for nothing: anybody may add one to a bundle. Where none does, the refusal of the first one is raised.
    """
    if len(tokens) > MAX_TIMESTAMPS:
        raise Rejection("LIMIT_EXCEEDED", f"There are {len(tokens)} timestamps; up to {MAX_TIMESTAMPS} are read.")
    verified: dict[Timestamp, None] = {}
    refusals: list[Rejection] = []
    for token in dict.fromkeys(tokens):
        try:
            verified[verify_timestamp(token, signature, authorities)] = None
        except Rejection as refusal:
            refusals.append(refusal)
    if refusals and not verified:
        raise refusals[0]
    return tuple(verified)


def verify_timestamp(token: bytes, signature: bytes, authorities: t.Sequence[Authority]) -> Timestamp:
    """Check a TimeStampResp (RFC 3161, DER) over the raw octets of `signature` against trusted authorities.

    Only the certificate that signed counts, never another one in the token; its path must end at an anchor of the
    authority whose window holds the time (closed). Raises TSA_INVALID, and what parse_timestamp raises.
    """
    if not authorities:
        raise _invalid("cannot be checked, because the trusted root has no timestamp authority")
    found = parse_timestamp(token)
    _check_imprint(found.info.imprint, signature, "is over other bytes than this signature")
    _check_imprint(found.signer.content, found.content, "states something else than what was signed")
    if found.info.accuracy > MAX_ACCURACY:
        raise _invalid(f"is only accurate to {found.info.accuracy}; up to {MAX_ACCURACY} is accepted")
    leaf = _signing_certificate(found, authorities)
    if not _is_named(found.signer, leaf):
        raise _invalid("names another certificate than the one that it was signed with")
    if not _verifies(leaf.raw_key, found.signer):
        raise _invalid("is not signed by the certificate that it names")
    if leaf.extended_key_usage != (TIME_STAMPING,) or EXTENDED_KEY_USAGE not in leaf.critical:
        raise _invalid("is signed by a certificate that is not for timestamps alone (critical timeStamping usage)")
    return Timestamp(found.info.time, _authority(found, leaf, authorities))


def _invalid(fault: str) -> Rejection:
    return Rejection("TSA_INVALID", f"The timestamp {fault}; sign again with one of a trusted authority.")


def _check_imprint(imprint: Imprint, data: bytes, fault: str) -> None:
    if imprint.algorithm not in _SECURE:
        raise _invalid(f"uses the hash {imprint.algorithm}; only {', '.join(_SECURE)} are accepted")
    if not _is_imprint(imprint, data):
        raise _invalid(fault)


def _is_imprint(imprint: Imprint, data: bytes) -> bool:
    return hashlib.new(imprint.algorithm, data, usedforsecurity=False).digest() == imprint.digest


def _signing_certificate(token: Token, authorities: t.Sequence[Authority]) -> Certificate:
    """The one certificate that the signer says, in what it signed, that it used: an authority's or an embedded one."""
    ids = token.signer.certificates
    # The old attribute has no other than SHA-1. It will do: this selects, and the key's signature over it binds.
    if any(one.algorithm not in ("sha1", *_SECURE) for one in ids):
        raise _invalid("names its certificate by a hash that is not known")
    trusted = {one.der: one for authority in authorities for one in (*authority.intermediates, *authority.anchors)}
    for der in (*trusted, *token.certificates):
        if all(_is_imprint(one, der) for one in ids):
            found = trusted.get(der) or _embedded(der)
            if found is None:
                raise _invalid("is signed by a certificate that cannot be read")
            return found
    raise _invalid("is signed with a certificate that is neither in it nor in the trusted root")


def _authority(token: Token, leaf: Certificate, authorities: t.Sequence[Authority]) -> Authority:
    """Whose timestamp it is. An authority that names its signing certificate stamps with no other one."""
    time = token.info.time
    candidates = [one for one in authorities if _may_sign(leaf, one)]
    others = [one for one in map(_embedded, token.certificates) if one and one.der != leaf.der]
    try:
        return build_chain(leaf, others, candidates, [time], usage=TIME_STAMPING).authority
    except Rejection as refusal:
        if refusal.code not in ("CHAIN_INVALID", "CERT_TIME"):
            raise
        raise Rejection(
            "TSA_INVALID", f"The timestamp of {show_time(time)} is not by a trusted authority. {refusal.message}"
        ) from None


def _may_sign(leaf: Certificate, authority: Authority) -> bool:
    named = [one.der for one in authority.intermediates if not one.is_ca]
    return not named or leaf.der in named


def _is_named(signer: Signer, certificate: Certificate) -> bool:
    if signer.key_id is not None:
        return signer.key_id == certificate.subject_key_id
    return (signer.issuer, signer.serial) == (certificate.issuer, certificate.serial)


@functools.lru_cache(maxsize=64)
def _embedded(der: bytes) -> Certificate | None:
    """A certificate that came with a token, if it can be read; the same one comes with every token of an authority."""
    try:
        return parse_certificate(der, "timestamp's certificate")
    except Rejection:
        return None


def _verifies(key: t.Any, signer: Signer) -> bool:
    algorithm = signer.algorithm
    parameters: list[t.Any] = []
    if isinstance(key, ec.EllipticCurvePublicKey) and algorithm in _ECDSA:
        parameters = [ec.ECDSA(hash_algorithm(_ECDSA[algorithm]))]
    elif isinstance(key, rsa.RSAPublicKey) and algorithm in (_RSA_ENCRYPTION, *_RSA):
        parameters = [padding.PKCS1v15(), hash_algorithm(_RSA.get(algorithm, signer.content.algorithm))]
    elif not (isinstance(key, ed25519.Ed25519PublicKey) and algorithm == _ED25519):
        return False
    try:
        key.verify(signer.signature, signer.attributes, *parameters)
    except InvalidSignature:
        return False
    return True
