# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import (
    Certificate,
    parse_certificate,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import Evidence
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import Policy
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import PublicKey
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

WHAT = "certificate of the signature"


@dataclass(frozen=True)
class Signer:
    """By whose key a signature verifies, and with which hash. `certificate` stands where it is one of a certificate,
    about which nothing is known yet; `attached` came along with it."""

    key: PublicKey
    hash_name: str
    certificate: Certificate | None = None
    attached: tuple[Certificate, ...] = ()


def find_signer(one: Evidence, policy: Policy) -> Signer:
    """The given key, or the certificate of the signature (or the one that was given for it), by which it verifies.

    Raises SIG_INVALID or KEY_MISMATCH, and what is wrong with a certificate that cannot be read.
    """
    for key in policy.keys:
        hash_name = key.verify(one.signature, one.signed, one.prehashed)
        if hash_name:
            _check_same_key(one, key)
            return Signer(key, hash_name)
    if policy.identities and (one.certificates or policy.certificate):
        return _by_certificate(one, policy)
    raise _refused(one, policy)


def _check_same_key(one: Evidence, key: PublicKey) -> None:
    # A certificate says nothing where a key is trusted; but one of another key shows that the parts do not belong
    # together.
    if one.certificates and parse_certificate(one.certificates[0], WHAT).key.spki != key.spki:
        raise Rejection("KEY_MISMATCH", "The signature carries a certificate of another key; it was put together.")


def _by_certificate(one: Evidence, policy: Policy) -> Signer:
    given = policy.certificate
    if given and one.certificates and one.certificates[0] != given.der:
        raise Rejection(
            "KEY_MISMATCH",
            "The signature carries another certificate than the one given as certificate; leave that option out, or "
            "check who signed.",
        )
    leaf = given or parse_certificate(one.certificates[0], WHAT)
    hash_name = leaf.key.verify(one.signature, one.signed, one.prehashed)
    if not hash_name:
        raise Rejection(
            "SIG_INVALID",
            "The signature does not verify with the certificate that belongs to it: what was signed is not what is "
            "here, or another key signed; do not use this image." + _ed25519ph(one, leaf.key),
        )
    return Signer(leaf.key, hash_name, leaf, tuple(parse_certificate(der, WHAT) for der in one.certificates[1:]))


def _refused(one: Evidence, policy: Policy) -> Rejection:
    if not policy.keys:
        return Rejection(
            "KEY_MISMATCH",
            "The signature is by a key and carries no certificate, so it says nothing of an identity; give the key "
            "that must have signed instead.",
        )
    if one.certificates:
        return Rejection(
            "KEY_MISMATCH",
            "The signature carries a certificate and does not verify with a given key; give certificate_identity and "
            "certificate_oidc_issuer, or check who signed.",
        )
    # The hint decides nothing but the word for the refusal.
    if one.key_hint and one.key_hint not in [key.key_id for key in policy.keys]:
        return Rejection(
            "KEY_MISMATCH",
            f"The signature says it is by the key {one.key_hint[:64]!r} and does not verify with "
            f"{' or '.join(key.key_id for key in policy.keys)}; check which key signed.",
        )
    return Rejection(
        "SIG_INVALID",
        "The signature does not verify with a given key: another key signed, or what was signed is not what is here; "
        "check which key signed." + _ed25519ph(one, *policy.keys),
    )


def _ed25519ph(one: Evidence, *keys: PublicKey) -> str:
    # Ed25519ph cannot be told from a wrong signature: `cryptography` does not have it.
    if len(one.signature) == 64 and any(key.kind == "ed25519" for key in keys):
        return " cosign 3 signs with Ed25519ph, which is not supported; sign with another key or tool."
    return ""
