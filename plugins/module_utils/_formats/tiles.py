# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import hashlib
import re
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import decode_base64

WIDTH = 256
"""Hashes in a full tile, entries in a full bundle."""

_SIZE = 32
_LEVELS = 8
_MAX_SIGNATURES = 64
_HEAD = re.compile(r"[^\n]+\n(0|[1-9][0-9]{0,17})\n([A-Za-z0-9+/]{43}=)\n")
_SIGNATURE = re.compile(r"(?m)^\u2014 \S+ ([A-Za-z0-9+/]{8})")


class Head(t.NamedTuple):
    """What a checkpoint says of its tree, and with what the ids of those begin who are said to have signed it."""

    size: int
    root: bytes
    hints: tuple[bytes, ...]


def parse_head(note: bytes) -> tuple[str, Head]:
    """A checkpoint (C2SP tlog-checkpoint) as text, and what is needed to read its tree; no signature is verified, and
    nothing is used before a verifier has read it with all care. Raises CHECKPOINT_INVALID."""
    try:
        text = note.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    match = _HEAD.match(text)
    if match is None:
        raise Rejection("CHECKPOINT_INVALID", "The log's checkpoint is none; check the URL of the log.")
    signed = _SIGNATURE.findall(text)[:_MAX_SIGNATURES]
    hints = tuple(decode_base64(one, "signature of the log's checkpoint")[:4] for one in signed)
    return text, Head(int(match.group(1)), decode_base64(match.group(2), "root hash of the log's checkpoint"), hints)


def tile_path(level: str, number: int, width: int) -> str:
    """Where a tile is, below the log's prefix (C2SP tlog-tiles, "Parameters"); `level` "entries": a bundle of entries.
    `width` below WIDTH: what was there of it at some time."""
    digits = str(number)
    digits = digits.zfill(len(digits) + -len(digits) % 3)
    *above, last = (digits[start : start + 3] for start in range(0, len(digits), 3))
    part = f".p/{width}" if width < WIDTH else ""
    return "/".join(["tile", level, *(f"x{one}" for one in above), last + part])


def entry_at(bundle: bytes, position: int) -> bytes:
    """An entry of a bundle of entries, each of which stands behind its length in two bytes. Raises MALFORMED."""
    at, end = 0, 0
    for dummy in range(position + 1):
        at = end + 2
        end = at + int.from_bytes(bundle[end:at], "big")
    if end > len(bundle):
        raise Rejection("MALFORMED", f"The log's bundle of entries ends before its entry {position}; ask its operator.")
    return bundle[at:end]


def inclusion_hashes(index: int, size: int, tile: t.Callable[[int, int], bytes]) -> tuple[bytes, ...]:
    """The audit path of the entry at `index` in the tree of `size` entries, lowest first (RFC 6962 §2.1.1), from tiles:
    `tile` returns the hashes of a level's tile, by its number. Raises INCLUSION_INVALID where a tile is too short."""

    def root(start: int, end: int) -> bytes:
        """Of the entries from `start` to before `end`."""
        split = _split(end - start)
        if split * 2 == end - start or end - start == 1:
            return _node(start, end - start, tile)
        return _parent(root(start, start + split), root(start + split, end))

    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(root(middle, end))
            end = middle
        else:
            path.append(root(start, middle))
            start = middle
    return tuple(reversed(path))


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1 if count > 1 else 0


def _node(start: int, count: int, tile: t.Callable[[int, int], bytes]) -> bytes:
    """The root of `count` entries, a power of two, from `start`, a multiple of it."""
    level = (count.bit_length() - 1) // _LEVELS
    number, first = divmod(start >> _LEVELS * level, WIDTH)
    many = count >> _LEVELS * level
    found = tile(level, number)[first * _SIZE : (first + many) * _SIZE]
    if len(found) != many * _SIZE:
        raise Rejection(
            "INCLUSION_INVALID", f"The log's tile {number} of level {level} is too short; ask its operator."
        )
    hashes = [found[at : at + _SIZE] for at in range(0, len(found), _SIZE)]
    while len(hashes) > 1:
        hashes = [_parent(*pair) for pair in zip(hashes[::2], hashes[1::2])]
    return hashes[0]


def _parent(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
