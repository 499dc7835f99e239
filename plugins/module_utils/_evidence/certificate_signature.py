# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, padding
except ImportError:
    pass

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import Certificate
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import hash_algorithm

_PSS = (
    "304106092a864886f70d01010a3034a00f300d06096086480165030402{0}0500a11c301a06092a864886f70d010108"
    "300d06096086480165030402{0}0500a2030201{1}"
)
_ALGORITHMS = {
    bytes.fromhex(der): (scheme, name)
    for der, scheme, name in (
        ("300a06082a8648ce3d040302", "ecdsa", "sha256"),
        ("300a06082a8648ce3d040303", "ecdsa", "sha384"),
        ("300a06082a8648ce3d040304", "ecdsa", "sha512"),
        ("300d06092a864886f70d01010b0500", "rsa", "sha256"),
        ("300d06092a864886f70d01010c0500", "rsa", "sha384"),
        ("300d06092a864886f70d01010d0500", "rsa", "sha512"),
        (_PSS.format("01", "20"), "rsa-pss", "sha256"),
        (_PSS.format("02", "30"), "rsa-pss", "sha384"),
        (_PSS.format("03", "40"), "rsa-pss", "sha512"),
        ("300506032b6570", "ed25519", ""),
    )
}
"""Signatures that count, by the whole AlgorithmIdentifier in DER (RFC 5758, 4055, 8410): no SHA-1, no odd PSS."""

_TIME_STAMPING = ("1.3.6.1.5.5.7.3.8",)
_CACHED = 256
_verdicts: dict[tuple[bytes, bytes], bool] = {}


def has_known_algorithm(certificate: Certificate) -> bool:
    return certificate.signature_algorithm in _ALGORITHMS


def is_issued_by(child: Certificate, issuer: Certificate) -> bool:
    """Whether the issuer's key made the child's signature; names are not looked at. False for an algorithm that does
    not count or that is not for the issuer's kind of key. Verdicts about certificates that come again and again, of CAs
    and timestamp authorities, are kept."""
    if not (child.is_ca or child.extended_key_usage == _TIME_STAMPING):
        return _verifies(child, issuer)
    asked = (child.der, issuer.key.spki)
    verdict = _verdicts.get(asked)
    if verdict is None:
        verdict = _verifies(child, issuer)
        if len(_verdicts) >= _CACHED:
            _verdicts.clear()
        _verdicts[asked] = verdict
    return verdict


def _verifies(child: Certificate, issuer: Certificate) -> bool:
    scheme, name = _ALGORITHMS.get(child.signature_algorithm, ("", ""))
    if scheme.partition("-")[0] != issuer.key.kind.partition("-")[0]:
        return False
    try:
        issuer.raw_key.verify(child.signature, child.tbs, *_parameters(scheme, name))
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _parameters(scheme: str, name: str) -> tuple[t.Any, ...]:
    if scheme == "ecdsa":
        return (ec.ECDSA(hash_algorithm(name)),)
    if scheme == "rsa":
        return (padding.PKCS1v15(), hash_algorithm(name))
    if scheme == "rsa-pss":
        hash_ = hash_algorithm(name)
        return (padding.PSS(padding.MGF1(hash_), hash_.digest_size), hash_)
    return ()
