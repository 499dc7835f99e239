# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import hashlib
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.tiles import (
    WIDTH,
    entry_at,
    inclusion_hashes,
    parse_head,
    tile_path,
)
from tests.support.sigstore.rekor import RekorV2
from tests.support.sigstore.tree import Tree

LEVELS: list[list[bytes]] = []
LEAVES = 70_000


def levels() -> list[list[bytes]]:
    """The hashes of each eighth level over LEAVES entries."""
    if not LEVELS:
        found = [hashlib.sha256(b"\0%d" % number).digest() for number in range(LEAVES)]
        while found:
            LEVELS.append(found)
            for dummy in range(8):
                pairs = zip(found[::2], found[1::2], strict=False)
                found = [hashlib.sha256(b"\1" + left + right).digest() for left, right in pairs]
    return LEVELS


def tile(level: int, number: int) -> bytes:
    return b"".join(levels()[level][number * WIDTH :][:WIDTH])


def tree_of(size: int) -> Tree:
    tree = Tree()
    for number in range(size):
        tree.add(b"%d" % number)
    return tree


@given(st.integers(1, 600).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size))))
def test_paths_are_those_of_the_tree(one: tuple[int, int]) -> None:
    index, size = one
    assert list(inclusion_hashes(index, size, tile)) == tree_of(size).path(index)


@pytest.mark.parametrize("index", [0, 1, 255, 256, 65535, 65536, 65537, 69_998, 69_999])
@pytest.mark.parametrize("size", [65536, 65537, LEAVES])
def test_paths_over_three_levels_of_tiles(index: int, size: int) -> None:
    if index < size:
        assert list(inclusion_hashes(index, size, tile)) == _tree(size).path(index)


TREES: dict[int, Tree] = {}


def _tree(size: int) -> Tree:
    if size not in TREES:
        TREES[size] = tree_of(size)
    return TREES[size]


def test_only_tiles_that_are_there_are_asked_for() -> None:
    asked: list[tuple[int, int]] = []

    def told(level: int, number: int) -> bytes:
        asked.append((level, number))
        return tile(level, number)

    inclusion_hashes(66_000, LEAVES, told)
    assert set(asked) == {(0, 257), (0, 273), (1, 1), (2, 0)}
    assert all(number * WIDTH < LEAVES >> 8 * level for level, number in asked)


@pytest.mark.parametrize("short", [b"", b"a" * 31, b"a" * 33])
def test_a_tile_that_is_too_short(short: bytes) -> None:
    with pytest.raises(Rejection) as refused:
        inclusion_hashes(2, 5, lambda level, number: short)
    assert refused.value.code == "INCLUSION_INVALID"


@pytest.mark.parametrize(
    ("level", "number", "width", "path"),
    [
        ("0", 0, 256, "tile/0/000"),
        ("1", 7, 1, "tile/1/007.p/1"),
        ("0", 999, 255, "tile/0/999.p/255"),
        ("0", 1000, 256, "tile/0/x001/000"),
        ("2", 1234067, 256, "tile/2/x001/x234/067"),
        ("entries", 1234067, 8, "tile/entries/x001/x234/067.p/8"),
        ("entries", 12, 256, "tile/entries/012"),
    ],
)
def test_where_tiles_are(level: str, number: int, width: int, path: str) -> None:
    assert tile_path(level, number, width) == path


def bundle(*entries: bytes) -> bytes:
    return b"".join(len(one).to_bytes(2, "big") + one for one in entries)


@st.composite
def _entries(draw: st.DrawFn) -> tuple[list[bytes], int]:
    entries = draw(st.lists(st.binary(max_size=600), min_size=1, max_size=20))
    return entries, draw(st.integers(0, len(entries) - 1))


@given(_entries())
def test_entries_of_a_bundle(one: tuple[list[bytes], int]) -> None:
    entries, position = one
    assert entry_at(bundle(*entries), position) == entries[position]


@given(st.binary(max_size=40), st.integers(0, 255))
def test_no_bundle_is_anything_but_refused(data: bytes, position: int) -> None:
    with contextlib.suppress(Rejection):
        assert entry_at(data, position) in data


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\2a", bundle(b"a"), bundle(b"a") + b"\0"])
def test_a_bundle_that_ends_too_early(data: bytes) -> None:
    with pytest.raises(Rejection) as refused:
        entry_at(data, 1)
    assert refused.value.code == "MALFORMED"


def test_what_a_checkpoint_says() -> None:
    rekor = RekorV2()
    other = "\u2014 witness.example " + "AAAABBBB"
    text, head = parse_head(rekor.note(6, b"r" * 32, before=[other], extension=["more"]).encode())
    assert head == (6, b"r" * 32, (b"\0\0\0\x04", rekor.log_id[:4]))
    assert text.startswith("log2026-1.rekor.virtual.test\n6\n")


@pytest.mark.parametrize(
    "note",
    [
        "",
        "origin",
        "origin\n1\n",
        "origin\n-1\n{root}\n",
        "origin\n01\n{root}\n",
        "\n1\n{root}\n",
        "origin\n1\n{root}A\n",
        "origin\n9999999999999999999\n{root}\n",
    ],
)
def test_what_is_no_checkpoint(note: str) -> None:
    with pytest.raises(Rejection) as refused:
        parse_head(note.format(root="A" * 43 + "=").encode())
    assert refused.value.code == "CHECKPOINT_INVALID"


def test_a_checkpoint_with_a_root_that_is_not_written_so() -> None:
    note: t.Final = "origin\n1\n" + "B" * 43 + "=\n"
    with pytest.raises(Rejection) as refused:
        parse_head(note.encode())
    assert refused.value.code == "NON_CANONICAL"
