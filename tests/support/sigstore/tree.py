# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Merkle tree of a log (RFC 6962)."""

from __future__ import annotations

import hashlib


class Tree:
    """RFC 6962 §2.1 as it is written there, over ranges of leaves; each hash is made once, for leaves never change."""

    def __init__(self) -> None:
        self.leaves: list[bytes] = []
        self._roots: dict[tuple[int, int], bytes] = {}

    def add(self, leaf: bytes) -> int:
        self.leaves.append(leaf)
        return len(self.leaves) - 1

    def root(self) -> bytes:
        return self._root(0, len(self.leaves))

    def path(self, index: int) -> list[bytes]:
        return self._path(index, 0, len(self.leaves))

    def part(self, start: int, end: int) -> bytes:
        """The hash over a whole subtree, as tiles have it."""
        return self._root(start, end)

    def _root(self, start: int, end: int) -> bytes:
        if (start, end) not in self._roots:
            self._roots[start, end] = self._hash(start, end)
        return self._roots[start, end]

    def _hash(self, start: int, end: int) -> bytes:
        if end - start == 1:
            return hashlib.sha256(b"\0" + self.leaves[start]).digest()
        split = self._split(start, end)
        return hashlib.sha256(b"\1" + self._root(start, split) + self._root(split, end)).digest()

    def _path(self, index: int, start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        split = self._split(start, end)
        if index < split:
            return [*self._path(index, start, split), self._root(split, end)]
        return [*self._path(index, split, end), self._root(start, split)]

    @staticmethod
    def _split(start: int, end: int) -> int:
        """Where the largest power of two of leaves ends that is smaller than all of them."""
        size = 1
        while size * 2 < end - start:
            size *= 2
        return start + size
