# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys
import typing as t

import nacl.bindings
import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._keys import secretbox
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.secretbox import seal, unseal

KEY, NONCE = bytes(range(32)), bytes(range(24))


@given(st.binary(max_size=300), st.binary(min_size=24, max_size=24), st.binary(min_size=32, max_size=32))
def test_it_is_nacls(message: bytes, nonce: bytes, key: bytes) -> None:
    box = seal(message, nonce, key)
    assert box == nacl.bindings.crypto_secretbox(message, nonce, key)
    assert unseal(box, nonce, key) == message


def test_several_blocks_are_nacls() -> None:
    message = bytes(range(256)) * 10
    assert seal(message, NONCE, KEY) == nacl.bindings.crypto_secretbox(message, NONCE, KEY)


@pytest.mark.parametrize("at", [0, 15, 16, 40])
def test_a_changed_box_does_not_open(at: int) -> None:
    box = bytearray(seal(b"x" * 30, NONCE, KEY))
    box[at] ^= 1
    assert unseal(bytes(box), NONCE, KEY) is None


def test_another_key_or_nonce_does_not_open() -> None:
    box = seal(b"x" * 30, NONCE, KEY)
    assert unseal(box, NONCE, KEY[::-1]) is None
    assert unseal(box, NONCE[::-1], KEY) is None


@pytest.mark.parametrize("length", [0, 1, 15, 16, 45])
def test_a_truncated_box_does_not_open(length: int) -> None:
    assert unseal(seal(b"x" * 30, NONCE, KEY)[:length], NONCE, KEY) is None


@pytest.fixture
def fips(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused:
        @staticmethod
        def generate_tag(key: bytes, data: bytes) -> t.NoReturn:
            raise UnsupportedAlgorithm("poly1305 is not supported by this version of OpenSSL.")

    monkeypatch.setattr(secretbox, "Poly1305", Refused)


@pytest.mark.usefixtures("fips")
def test_where_openssl_has_no_poly1305_nacl_is_used() -> None:
    box = nacl.bindings.crypto_secretbox(b"message", NONCE, KEY)
    assert seal(b"message", NONCE, KEY) == box
    assert unseal(box, NONCE, KEY) == b"message"
    assert unseal(box, NONCE, KEY[::-1]) is None
    assert unseal(box[:10], NONCE, KEY) is None


@pytest.mark.usefixtures("fips")
def test_where_neither_is_there_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nacl.bindings", None)
    with pytest.raises(Rejection, match="PyNaCl") as refused:
        seal(b"message", NONCE, KEY)
    assert refused.value.code == "POLICY_UNSUPPORTED"
