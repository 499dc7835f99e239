# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import hashlib
import json
import os
import re
import typing as t

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
except ImportError:
    pass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import Block, build_pem, parse_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import wrap_public_key
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import (
    Fields,
    decode_base64,
    encode_base64,
    parse_object,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.secretbox import (
    KEY_BYTES,
    NONCE_BYTES,
    nacl_bindings,
    seal,
    unseal,
)

if t.TYPE_CHECKING:
    PrivateKey = t.Union[ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey, ed25519.Ed25519PrivateKey]

KINDS = ("ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048", "rsa-3072", "rsa-4096", "ed25519")
"""The kinds of keys that are made and kept; the first is cosign's own choice."""

SCRYPT_N = 65536
_SCRYPT_NS = (32768, 65536, 131072)
_SALT_BYTES = 32
_SCRYPT_MEMORY = 256 * 1024 * 1024
_LABEL = "ENCRYPTED SIGSTORE PRIVATE KEY"
_LABELS = (_LABEL, "ENCRYPTED COSIGN PRIVATE KEY")
_PLAIN_LABELS = ("PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY")
_PKCS8 = re.compile(rb"\x30(?:[\x00-\x7f]|\x81.|\x82..)\x02\x01[\x00\x01]\x30", re.DOTALL)
_WHAT = "private key"


def generate_key(kind: str) -> PrivateKey:
    """A new private key of one of KINDS."""
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind.startswith("rsa-"):
        return rsa.generate_private_key(65537, int(kind[4:]))
    curves = {"ecdsa-p256": ec.SECP256R1(), "ecdsa-p384": ec.SECP384R1(), "ecdsa-p521": ec.SECP521R1()}
    return ec.generate_private_key(curves[kind])


def encrypt_key(private: PrivateKey, password: bytes, n: int = SCRYPT_N) -> bytes:
    """A cosign key file (PEM): PKCS#8 in a secretbox whose key scrypt makes of the password, with cost `n`."""
    der = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(NONCE_BYTES)
    document = {
        "kdf": {"name": "scrypt", "params": {"N": n, "r": 8, "p": 1}, "salt": encode_base64(salt)},
        "cipher": {"name": "nacl/secretbox", "nonce": encode_base64(nonce)},
        "ciphertext": encode_base64(seal(der, nonce, _scrypt(password, salt, n))),
    }
    return build_pem(_LABEL, json.dumps(document, separators=(",", ":")).encode("ascii"))


def decrypt_key(pem: bytes, password: bytes) -> PrivateKey:
    """The private key of a cosign key file (either of its labels).

    Raises KEY_MISMATCH where the password does not open it, POLICY_UNSUPPORTED (kind of key, KDF, cipher),
    LIMIT_EXCEEDED (scrypt costs beyond cosign's), MALFORMED or NON_CANONICAL.
    """
    block = _only_block(pem)
    if block.label not in _LABELS:
        raise Rejection("MALFORMED", _not_a_key_file(block.label))
    der = _open(parse_object(block.der, _WHAT), password)
    # cosign reads nothing but PKCS#8 in there; `cryptography` would take other forms too.
    if not _PKCS8.match(der):
        raise Rejection("MALFORMED", "The private key file does not hold PKCS#8; import the key again.")
    return _load(der)


def import_key(pem: bytes, password: bytes | None = None) -> PrivateKey:
    """A private key as other tools write it: PKCS#8, PKCS#8 encrypted with `password`, PKCS#1 or SEC1, or cosign's.

    Raises what `decrypt_key` raises; a kind that is not in KINDS is POLICY_UNSUPPORTED.
    """
    if b"Proc-Type:" in pem:
        raise Rejection(
            "POLICY_UNSUPPORTED",
            "The private key is encrypted in OpenSSL's old way; rewrite it with 'openssl pkcs8 -topk8' and try again.",
        )
    block = _only_block(pem)
    if block.label in _LABELS:
        return decrypt_key(pem, password or b"")
    if block.label == "ENCRYPTED PRIVATE KEY":
        if not password:
            raise Rejection("KEY_MISMATCH", "The private key is encrypted; give its password to import it.")
        return _load(block.der, password)
    if block.label not in _PLAIN_LABELS:
        raise Rejection("MALFORMED", _not_a_key_file(block.label))
    if password:
        raise Rejection("POLICY_UNSUPPORTED", "The private key is not encrypted; leave its password out.")
    return _load(block.der)


def _only_block(pem: bytes) -> Block:
    # `openssl ecparam -genkey` writes the curve before the key.
    blocks = [block for block in parse_pem(pem, _WHAT) if block.label != "EC PARAMETERS"]
    if len(blocks) != 1:
        raise Rejection("MALFORMED", f"The private key file holds {len(blocks)} keys; give a file with exactly one.")
    return blocks[0]


def _not_a_key_file(label: str) -> str:
    if label == "PUBLIC KEY":
        return "A private key is needed here, but a public one was given; give the *.key file that belongs to it."
    if label in (*_PLAIN_LABELS, "ENCRYPTED PRIVATE KEY"):
        return f"The key is a {label}, not a key file of cosign's; import it with cosign_key_pair first."
    return f"A private key is needed here, but a {label} was given; give a key file of cosign's."


def _open(document: t.Any, password: bytes) -> bytes:
    fields = Fields(document, "private key file")
    kdf, cipher = fields.object("kdf"), fields.object("cipher")
    parameters = kdf.object("params")
    if (kdf.text("name"), cipher.text("name")) != ("scrypt", "nacl/secretbox"):
        raise Rejection("POLICY_UNSUPPORTED", "The private key file is not encrypted by scrypt and nacl/secretbox.")
    n = parameters.integer("N")
    if n not in _SCRYPT_NS or (parameters.integer("r"), parameters.integer("p")) != (8, 1):
        raise Rejection(
            "LIMIT_EXCEEDED",
            f"The private key file asks for scrypt costs other than cosign's (N one of {_SCRYPT_NS}, r=8, p=1); "
            "make the file again.",
        )
    salt = decode_base64(kdf.text("salt"), "salt of the private key file")
    nonce = decode_base64(cipher.text("nonce"), "nonce of the private key file")
    box = decode_base64(fields.text("ciphertext"), "ciphertext of the private key file")
    if len(nonce) != NONCE_BYTES:
        raise Rejection("MALFORMED", "The private key file has a nonce of the wrong length.")
    opened = unseal(box, nonce, _scrypt(password, salt, n))
    if opened is None:
        raise Rejection(
            "KEY_MISMATCH", "The password does not open the private key file (or the file was changed); check both."
        )
    return opened


def _scrypt(password: bytes, salt: bytes, n: int) -> bytes:
    try:
        return hashlib.scrypt(password, salt=salt, n=n, r=8, p=1, maxmem=_SCRYPT_MEMORY, dklen=KEY_BYTES)
    except (AttributeError, ValueError):
        nacl = nacl_bindings()
        made = nacl.crypto_pwhash_scryptsalsa208sha256_ll(password, salt, n, 8, 1, KEY_BYTES, _SCRYPT_MEMORY)
        return t.cast(bytes, made)


def _load(der: bytes, password: bytes | None = None) -> PrivateKey:
    try:
        private = serialization.load_der_private_key(der, password)
    except UnsupportedAlgorithm:
        raise Rejection("POLICY_UNSUPPORTED", f"The private key is of a kind that is not supported; {_USE}") from None
    except (TypeError, ValueError):
        if password is not None:
            raise Rejection("KEY_MISMATCH", "The password does not open the private key; check it.") from None
        raise Rejection("MALFORMED", "The private key file does not hold a valid private key; make it anew.") from None
    # Refuses what is neither EC, RSA nor Ed25519.
    if wrap_public_key(private.public_key(), _WHAT).kind not in KINDS:
        raise Rejection("POLICY_UNSUPPORTED", f"The private key is of a size that is not supported; {_USE}")
    return t.cast("PrivateKey", private)


_USE = f"use one of {', '.join(KINDS)}."
