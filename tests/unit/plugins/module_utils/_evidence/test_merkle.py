# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.merkle import leaf_hash, root_hash
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.support.sigstore.tree import Tree

pytestmark = pytest.mark.attack("AT-27")


def tree(size: int) -> Tree:
    made = Tree()
    for number in range(size):
        made.add(b"%d" % number)
    return made


@st.composite
def trees(draw: st.DrawFn) -> tuple[Tree, int]:
    size = draw(st.integers(1, 200))
    return tree(size), draw(st.integers(0, size - 1))


@pytest.mark.parametrize("size", range(1, 34))
def test_every_entry_of_every_small_tree(size: int) -> None:
    made = tree(size)
    for index, leaf in enumerate(made.leaves):
        assert root_hash(leaf_hash(leaf), index, size, made.path(index)) == made.root()


@given(trees())
def test_as_the_rfc_has_it(found: tuple[Tree, int]) -> None:
    made, index = found
    leaf = leaf_hash(made.leaves[index])
    assert root_hash(leaf, index, len(made.leaves), made.path(index)) == made.root()


@given(trees(), st.data())
def test_at_27_another_index_or_size_does_not_lead_there(found: tuple[Tree, int], data: st.DataObject) -> None:
    made, index = found
    size = len(made.leaves)
    other = data.draw(st.integers(0, size + 3).filter(lambda one: one != index), label="index")
    with contextlib.suppress(Rejection):
        assert root_hash(leaf_hash(made.leaves[index]), other, size, made.path(index)) != made.root()


@given(trees(), st.data())
def test_at_27_one_bit_of_a_hash(found: tuple[Tree, int], data: st.DataObject) -> None:
    made, index = found
    path = made.path(index)
    if not path:
        return
    at, bit = data.draw(st.integers(0, len(path) - 1)), data.draw(st.integers(0, 255))
    path[at] = (int.from_bytes(path[at], "big") ^ (1 << bit)).to_bytes(32, "big")
    assert root_hash(leaf_hash(made.leaves[index]), index, len(made.leaves), path) != made.root()


@pytest.mark.parametrize(
    ("index", "size", "hashes"),
    [
        (3, 3, 2),
        (4, 3, 2),
        (-1, 3, 2),
        (-1, 3, 3),
        (0, 0, 0),
        (0, 2**64, 64),
        (0, 2**64 - 1, 63),
        (0, 2**64 - 1, 65),
        (0, 1, 1),
        (0, 2, 0),
        (2, 7, 2),
        (2, 7, 4),
    ],
)
def test_at_27_no_path_of_any_entry(index: int, size: int, hashes: int) -> None:
    with pytest.raises(Rejection) as refused:
        root_hash(leaf_hash(b"0"), index, size, [b"\0" * 32] * hashes)
    assert refused.value.code == "INCLUSION_INVALID"


def test_the_largest_tree_does_not_overflow() -> None:
    node = leaf_hash(b"0")
    for dummy in range(64):
        node = hashlib.sha256(b"\1" + node + bytes(32)).digest()
    assert root_hash(leaf_hash(b"0"), 0, 2**64 - 1, [bytes(32)] * 64) == node


@pytest.mark.parametrize("length", [0, 31, 33])
def test_at_27_a_hash_of_another_length(length: int) -> None:
    with pytest.raises(Rejection) as refused:
        root_hash(leaf_hash(b"0"), 0, 2, [bytes(length)])
    assert refused.value.code == "INCLUSION_INVALID"


def test_a_leaf_is_no_node() -> None:
    """The second preimage that RFC 6962 keeps away with its prefixes."""
    made = tree(4)
    left = root_hash(leaf_hash(b"0"), 0, 2, [leaf_hash(b"1")])
    right = root_hash(leaf_hash(b"2"), 0, 2, [leaf_hash(b"3")])
    assert root_hash(left, 0, 2, [right]) == made.root()
    assert root_hash(leaf_hash(leaf_hash(b"0") + leaf_hash(b"1")), 0, 2, [right]) != made.root()
