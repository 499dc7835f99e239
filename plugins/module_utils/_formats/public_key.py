# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import hashlib
import typing as t
from dataclasses import dataclass, field

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
except ImportError:
    pass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import build_pem, parse_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import encode_base64

PURE = "pure"
"""In place of a hash's name: Ed25519 signs the data itself (RFC 8032, not the pre-hashed variant)."""

CURVE_HASHES = {"ecdsa-p256": "sha256", "ecdsa-p384": "sha384", "ecdsa-p521": "sha512"}
"""The hash that belongs to each curve; SHA-256 is read beside it, because cosign signs images with it."""

_CURVES = {"secp256r1": "ecdsa-p256", "secp384r1": "ecdsa-p384", "secp521r1": "ecdsa-p521"}
_PRIME = 2**255 - 19
_D = -121665 * pow(121666, -1, _PRIME) % _PRIME


@dataclass(frozen=True, eq=False)
class PublicKey:
    """A public key of a kind that cosign signs with; parse it once a task.

    `kind` is "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519" or "rsa-" and its bits; `spki` is the DER form
    (RFC 5280, SubjectPublicKeyInfo), by which keys are told apart.
    """

    kind: str
    spki: bytes
    _key: t.Any = field(repr=False)

    @property
    def pem(self) -> bytes:
        return build_pem("PUBLIC KEY", self.spki)

    @property
    def key_id(self) -> str:
        """The hint that cosign writes into a bundle: base64 of SHA-256 over the SPKI."""
        return encode_base64(hashlib.sha256(self.spki).digest())

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the SPKI in hex."""
        return hashlib.sha256(self.spki).hexdigest()

    def verify(self, signature: bytes, data: bytes, prehashed: str = "") -> str | None:
        """The name of the hash with which `signature` over `data` verifies (PURE for Ed25519), else None.

        P-384 and P-521 with SHA-256 or their own; P-256 and RSA (PKCS#1 v1.5, never PSS) with SHA-256. An ECDSA
        signature that is not exactly DER does not verify (OpenSSL sees to it): others compare signatures as bytes.
        Where only a digest of the data is at hand, `prehashed` names its hash.
        """
        if self.kind == "ed25519":
            return PURE if not prehashed and self._verifies(signature, data) else None
        is_rsa = self.kind.startswith("rsa-")
        for name in dict.fromkeys(("sha256", "sha256" if is_rsa else CURVE_HASHES[self.kind])):
            if prehashed not in ("", name):
                continue
            algorithm = utils.Prehashed(hash_algorithm(name)) if prehashed else hash_algorithm(name)
            if self._verifies(
                signature, data, *((padding.PKCS1v15(), algorithm) if is_rsa else (ec.ECDSA(algorithm),))
            ):
                return name
        return None

    def _verifies(self, signature: bytes, data: bytes, *parameters: t.Any) -> bool:
        try:
            self._key.verify(signature, data, *parameters)
        except (InvalidSignature, ValueError):  # ValueError: a digest of the wrong length
            return False
        return True


def hash_algorithm(name: str) -> hashes.HashAlgorithm:
    """The hash of `cryptography` for "sha256", "sha384" or "sha512"."""
    made: dict[str, t.Callable[[], hashes.HashAlgorithm]]
    made = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}
    return made[name]()


def parse_public_key(pem: bytes, what: str) -> PublicKey:
    """Read a public key as cosign writes it: one PEM block `PUBLIC KEY`. `what` names it in messages.

    Raises MALFORMED, NON_CANONICAL (not the one DER form of that key), LIMIT_EXCEEDED or POLICY_UNSUPPORTED (a kind
    that is not read here). Never shows what was given: it may be a private key.
    """
    blocks = parse_pem(pem, what)
    labels = " ".join(block.label for block in blocks)
    if "PRIVATE KEY" in labels:
        raise Rejection("MALFORMED", f"The {what} is a private key; give the public key that belongs to it (*.pub).")
    if "CERTIFICATE" in labels:
        raise Rejection(
            "MALFORMED", f"The {what} is a certificate; take its key out with 'openssl x509 -pubkey -noout'."
        )
    if len(blocks) > 1:
        raise Rejection("MALFORMED", f"The {what} holds {len(blocks)} keys; give each key on its own.")
    if labels != "PUBLIC KEY":
        raise Rejection(
            "MALFORMED", f"The {what} is a {labels}; rewrite it with 'openssl pkey -pubin' or -RSAPublicKey_in."
        )
    try:
        key = serialization.load_der_public_key(blocks[0].der)
    except UnsupportedAlgorithm:
        raise _unsupported(what) from None
    except ValueError:
        raise Rejection("MALFORMED", f"The {what} does not hold a valid public key; export it anew.") from None
    public = wrap_public_key(key, what)
    if public.spki != blocks[0].der:
        raise Rejection(
            "NON_CANONICAL", f"The {what} is not written in the usual form of its kind; rewrite it with 'openssl pkey'."
        )
    return public


def wrap_public_key(key: t.Any, what: str) -> PublicKey:
    """A PublicKey from one of `cryptography`; POLICY_UNSUPPORTED for kinds, curves and sizes that are not read here."""
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(_kind(key, what), spki, key)


def _kind(key: t.Any, what: str) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPublicKey) and 2048 <= key.key_size <= 4096 and key.public_numbers().e == 65537:
        return f"rsa-{key.key_size}"
    if isinstance(key, ed25519.Ed25519PublicKey) and not _is_small_order(key):
        return "ed25519"
    raise _unsupported(what)


def _unsupported(what: str) -> Rejection:
    return Rejection(
        "POLICY_UNSUPPORTED",
        f"The {what} is of a kind that is not supported; use ECDSA on P-256, P-384 or P-521, RSA of 2048 to 4096 bits "
        "with the exponent 65537, or Ed25519.",
    )


def _is_small_order(key: ed25519.Ed25519PublicKey) -> bool:
    # Under such a key a signature of nobody verifies. The points whose order divides 8 have y in {0, 1, -1}, or
    # double to a point with y = 0, which means d·y⁴ + 2y² = 1.
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    return y * (y * y - 1) * (_D * y**4 + 2 * y * y - 1) % _PRIME == 0
