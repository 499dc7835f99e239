# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

_SIZE = 32


def leaf_hash(body: bytes) -> bytes:
    """The hash of an entry in the tree (RFC 6962 §2.1)."""
    return hashlib.sha256(b"\x00" + body).digest()


def root_hash(leaf: bytes, index: int, size: int, hashes: t.Sequence[bytes]) -> bytes:
    """The root of the tree of `size` entries in which the entry at `index` has the hash `leaf`, if `hashes` are its
    audit path, lowest first (RFC 6962 §2.1.1). The caller compares it with the root that the log signed.

    Raises INCLUSION_INVALID where these cannot be the path of that entry: the index is not below the size, which is
    below 2**64, or there are not exactly as many hashes of 32 bytes as the path has.
    """
    if not 0 <= index < size < 2**64:
        raise Rejection(
            "INCLUSION_INVALID",
            f"The inclusion proof is for the entry {index} of a log of {size} entries, which has none; sign anew.",
        )
    # Up to where the path of this entry leaves that of the last one there is a neighbour at each level; from there on
    # only on the left, one for each subtree that is complete.
    below = (index ^ (size - 1)).bit_length()
    wanted = below + bin(index >> below).count("1")
    if len(hashes) != wanted or any(len(one) != _SIZE for one in hashes):
        raise Rejection(
            "INCLUSION_INVALID", f"The inclusion proof must have {wanted} hashes of {_SIZE} bytes; sign anew."
        )
    node = leaf
    for level, neighbour in enumerate(hashes):
        is_left = level < below and not index >> level & 1
        node = _node(node, neighbour) if is_left else _node(neighbour, node)
    return node


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
