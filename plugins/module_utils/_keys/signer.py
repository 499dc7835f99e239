# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t

try:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding
except ImportError:
    pass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import (
    CURVE_HASHES,
    PURE,
    PublicKey,
    hash_algorithm,
    wrap_public_key,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

if t.TYPE_CHECKING:
    from ansible_collections.supplychain.cosign.plugins.module_utils._keys.keyfile import PrivateKey


class Signer(t.Protocol):
    """Something that signs: a key in a file, a KMS, a token. `hash_name` is a hash's name, or PURE."""

    @property
    def public_key(self) -> PublicKey:
        """Whose signatures these are."""

    @property
    def hash_name(self) -> str:
        """What is signed is hashed with this first."""

    def sign(self, data: bytes) -> bytes:
        """The signature over `data` (not over its hash): DER for ECDSA, PKCS#1 v1.5 for RSA, raw for Ed25519."""


class FileSigner:
    """Signs with a private key that is in memory, with the hash that `check_signing` chose."""

    def __init__(self, private: PrivateKey, hash_name: str) -> None:
        self._private: t.Any = private
        self.public_key = wrap_public_key(private.public_key(), "private key")
        self.hash_name = hash_name

    def sign(self, data: bytes) -> bytes:
        return t.cast(bytes, self._private.sign(data, *self._parameters()))

    def _parameters(self) -> tuple[t.Any, ...]:
        if self.hash_name == PURE:
            return ()
        if self.public_key.kind.startswith("rsa-"):
            return padding.PKCS1v15(), hashes.SHA256()
        return (ec.ECDSA(hash_algorithm(self.hash_name)),)


def ephemeral_key() -> t.Any:
    """A new private key for one task (ECDSA P-256, as cosign makes it): it exists in memory only."""
    return ec.generate_private_key(ec.SECP256R1())


def check_signing(kind: str, signature_format: str, log: str | None) -> str:
    """The hash with which a key of `kind` signs in "bundle" or "legacy", logged in None, "rekor-v1" or "rekor-v2".

    Raises POLICY_UNSUPPORTED for what no cosign verifies or no log takes:

    =====================  ==========  ===============  ===============  =======================
    key                    no log      bundle, Rekor 1  bundle, Rekor 2  legacy, Rekor 1
    =====================  ==========  ===============  ===============  =======================
    P-256, RSA             SHA-256     SHA-256          SHA-256          SHA-256
    P-384, P-521           SHA-256     SHA-256          SHA-384/512      refused
    Ed25519                pure        pure             refused          refused
    =====================  ==========  ===============  ===============  =======================

    Legacy with Rekor 2 is refused: its annotation has no place for such an entry.
    """
    if signature_format == "legacy" and log == "rekor-v2":
        raise Rejection(
            "POLICY_UNSUPPORTED", "Legacy signatures cannot carry an entry of Rekor v2; use signature_format=bundle."
        )
    plain = kind == "ecdsa-p256" or kind.startswith("rsa-")
    if log and not plain and signature_format == "legacy":
        raise Rejection(
            "POLICY_UNSUPPORTED",
            f"No cosign verifies a logged legacy signature by a key of the kind {kind}; use signature_format=bundle, "
            "or an ECDSA P-256 key.",
        )
    if kind == "ed25519":
        if log == "rekor-v2":
            raise Rejection("POLICY_UNSUPPORTED", "Rekor v2 takes no pure Ed25519 signature; use an ECDSA P-256 key.")
        return PURE
    return CURVE_HASHES[kind] if log == "rekor-v2" and not plain else "sha256"
