# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import re
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import decode_base64, encode_base64

MAX_PEM_BYTES = 64 * 1024
_BLOCK = re.compile(rb"(?m)^-----BEGIN ([A-Z0-9 ]{1,64})-----\n([A-Za-z0-9+/=\n]*)\n-----END \1-----(?:\n|\Z)")


class Block(t.NamedTuple):
    """One block of a PEM text: its label and the bytes that it holds."""

    label: str
    der: bytes


def parse_pem(data: bytes, what: str, commented: bool = False) -> list[Block]:
    """The blocks of a PEM text (RFC 7468), with nothing but white space around them; there is at least one. In a file
    of a user's, other text may stand between them (`commented`), as openssl writes it.

    Raises LIMIT_EXCEEDED, MALFORMED (no PEM), or NON_CANONICAL (text around or inside the blocks, odd base64).
    """
    if len(data) > MAX_PEM_BYTES:
        raise Rejection("LIMIT_EXCEEDED", f"The {what} is larger than {MAX_PEM_BYTES} bytes; give the PEM file itself.")
    text = data.replace(b"\r\n", b"\n").strip()
    if b"-----BEGIN " not in text:
        raise Rejection("MALFORMED", f"The {what} is not PEM; it must start with a line -----BEGIN …-----.")
    blocks, position = [], 0
    while position < len(text):
        match = _BLOCK.search(text, position)
        between = text[position : match.start() if match else None]
        if b"-----BEGIN " in between or (between.strip() and not commented):
            raise Rejection(
                "NON_CANONICAL", f"The {what} holds something beside PEM blocks; leave the blocks and nothing else."
            )
        if match is None:
            break
        body = match.group(2).replace(b"\n", b"").decode("ascii")
        blocks.append(Block(match.group(1).decode("ascii"), decode_base64(body, f"body of the {what}")))
        position = match.end()
    return blocks


def build_pem(label: str, der: bytes) -> bytes:
    """A PEM block as Go and OpenSSL write it: lines of 64 characters, a newline at the end."""
    body = encode_base64(der)
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode("ascii")
