# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import hmac
import importlib
import struct
import typing as t

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.poly1305 import Poly1305
except ImportError:
    pass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

KEY_BYTES = 32
NONCE_BYTES = 24
TAG_BYTES = 16
_SIGMA = struct.unpack("<4I", b"expand 32-byte k")
_QUARTERS = (
    ((0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11)),
    ((0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14)),
)
"""Salsa20's columns and rows: each of its ten double rounds works on both."""


def seal(message: bytes, nonce: bytes, key: bytes) -> bytes:
    """NaCl's secretbox (XSalsa20-Poly1305): the tag, then the encrypted message. Never use a nonce twice.

    In Python because `cryptography` has no XSalsa20; made for key files, which are small. Raises POLICY_UNSUPPORTED
    where only FIPS algorithms are allowed and PyNaCl is missing; so does `unseal`.
    """
    stream = _stream(nonce, key, KEY_BYTES + len(message))
    encrypted = _xor(message, stream[KEY_BYTES:])
    try:
        return Poly1305.generate_tag(stream[:KEY_BYTES], encrypted) + encrypted
    except UnsupportedAlgorithm:
        return t.cast(bytes, nacl_bindings().crypto_secretbox(message, nonce, key))


def unseal(box: bytes, nonce: bytes, key: bytes) -> bytes | None:
    """The message that `seal` put into the box, or None where key, nonce or box are not the ones of then."""
    tag, encrypted = box[:TAG_BYTES], box[TAG_BYTES:]
    stream = _stream(nonce, key, KEY_BYTES + len(encrypted))
    message = _xor(encrypted, stream[KEY_BYTES:])
    try:
        expected = Poly1305.generate_tag(stream[:KEY_BYTES], encrypted)
    except UnsupportedAlgorithm:
        # The box is right when sealing its message makes it again: a cipher's stream does not depend on the message.
        expected = nacl_bindings().crypto_secretbox(message, nonce, key)[:TAG_BYTES]
    return message if hmac.compare_digest(tag, expected) else None


def nacl_bindings() -> t.Any:
    """PyNaCl, which has what OpenSSL does not offer in FIPS mode."""
    try:
        return importlib.import_module("nacl.bindings")
    except ImportError:
        raise Rejection(
            "POLICY_UNSUPPORTED",
            "OpenSSL offers only FIPS algorithms here, and cosign's key files need others; install PyNaCl.",
        ) from None


def _stream(nonce: bytes, key: bytes, length: int) -> bytes:
    subkey = _hsalsa20(key, nonce[:16])
    blocks = (length + 63) // 64
    return b"".join(_salsa20(subkey, nonce[16:] + struct.pack("<Q", block)) for block in range(blocks))


def _xor(data: bytes, stream: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(data, stream))


def _state(key: bytes, block: bytes) -> list[int]:
    k, b = struct.unpack("<8I", key), struct.unpack("<4I", block)
    return [_SIGMA[0], *k[:4], _SIGMA[1], *b, _SIGMA[2], *k[4:], _SIGMA[3]]


def _rounds(x: list[int]) -> list[int]:
    for dummy in range(10):
        for a, b, c, d in _QUARTERS[0] + _QUARTERS[1]:
            for to, one, other, bits in ((b, a, d, 7), (c, b, a, 9), (d, c, b, 13), (a, d, c, 18)):
                word = (x[one] + x[other]) & 0xFFFFFFFF
                x[to] ^= (word << bits | word >> (32 - bits)) & 0xFFFFFFFF
    return x


def _salsa20(key: bytes, block: bytes) -> bytes:
    start = _state(key, block)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(start, _rounds(list(start)))))


def _hsalsa20(key: bytes, block: bytes) -> bytes:
    x = _rounds(_state(key, block))
    return struct.pack("<8I", *(x[index] for index in (0, 5, 10, 15, 6, 7, 8, 9)))
