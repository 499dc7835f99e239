# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import hashlib

# What stands before the octets of a SHA-256 in a MessageImprint (a sequence of the algorithm and an octet string).
_IMPRINT = bytes.fromhex("3031300d060960864801650304020105000420")
_VERSION_1 = b"\x02\x01\x01"


def timestamp_request(signature: bytes, nonce: int) -> bytes:
    """A TimeStampReq (RFC 3161 §2.4.1) in DER, over the raw octets of a signature, as cosign 3 writes it: SHA-256, and
    no wish for certificates, for verifiers have those that they trust. `nonce` is positive, of up to 128 bits."""
    imprint = _IMPRINT + hashlib.sha256(signature).digest()
    octets = nonce.to_bytes(nonce.bit_length() // 8 + 1, "big")
    body = _VERSION_1 + imprint + bytes([2, len(octets)]) + octets
    return bytes([0x30, len(body)]) + body
