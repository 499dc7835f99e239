# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.source import read_key_reference
from tests.support.keys import public_key

FILES = {"cosign.pub": b"a file", "dir/a:b.key": b"a colon", "env:x": b"no scheme", "./http:/x": b"a path"}


def read_file(path: str) -> bytes:
    if "\0" in path:
        raise ValueError("embedded null byte")
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory", path)
    return FILES[path]


def read(reference: str, fetch: t.Callable[[str], bytes] = lambda url: b"fetched " + url.encode()) -> bytes:
    return read_key_reference(reference, {"KEY": "from the environment", "EMPTY": ""}, read_file, fetch)


@pytest.mark.parametrize(
    ("reference", "data"),
    [
        *FILES.items(),
        ("env://KEY", b"from the environment"),
        ("https://example.com/k.pub", b"fetched https://example.com/k.pub"),
        ("HTTPS://example.com", b"fetched HTTPS://example.com"),
        (public_key().pem.decode(), public_key().pem),
        ("\n" + public_key().pem.decode(), b"\n" + public_key().pem),
    ],
)
def test_where_keys_are_read_from(reference: str, data: bytes) -> None:
    assert read(reference) == data


@pytest.mark.parametrize(
    ("reference", "code", "says"),
    [
        ("http://example.com/k.pub", "POLICY_UNSUPPORTED", "https"),
        ("HTTP://example.com/k.pub", "POLICY_UNSUPPORTED", "https"),
        ("awskms:///alias/x", "POLICY_UNSUPPORTED", "awskms"),
        ("gcpkms://projects/x", "POLICY_UNSUPPORTED", "gcpkms"),
        ("azurekms://v/k", "POLICY_UNSUPPORTED", "azurekms"),
        ("hashivault://k", "POLICY_UNSUPPORTED", "hashivault"),
        ("k8s://ns/secret", "POLICY_UNSUPPORTED", "k8s"),
        ("gitlab://project", "POLICY_UNSUPPORTED", "gitlab"),
        ("pkcs11:token=x;pin-value=1234", "POLICY_UNSUPPORTED", "pkcs11"),
        ("file:///x", "POLICY_UNSUPPORTED", "file"),
        ("env://MISSING", "MALFORMED", "MISSING"),
        ("env://EMPTY", "MALFORMED", "EMPTY"),
        ("missing.key", "MALFORMED", "No such file or directory"),
        ("", "MALFORMED", "No such file"),
        ("a\0b", "MALFORMED", "not a path"),
        ("-----BEGIN " + "x" * 70_000, "LIMIT_EXCEEDED", "65536"),
    ],
)
def test_where_keys_are_not_read_from(reference: str, code: str, says: str) -> None:
    with pytest.raises(Rejection) as refused:
        read(reference)
    assert refused.value.code == code
    assert says in refused.value.message
    assert "1234" not in refused.value.message


def test_a_fetched_key_is_bounded_and_its_refusal_is_kept() -> None:
    def refuse(url: str) -> bytes:
        raise Rejection("TLS_REFUSED", "No.")

    with pytest.raises(Rejection, match="No") as refused:
        read("https://example.com", refuse)
    assert refused.value.code == "TLS_REFUSED"
    with pytest.raises(Rejection) as refused:
        read("https://example.com", lambda url: b"x" * 70_000)
    assert refused.value.code == "LIMIT_EXCEEDED"
