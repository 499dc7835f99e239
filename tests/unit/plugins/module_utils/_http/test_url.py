# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._http.url import (
    Origin,
    Url,
    is_loopback,
    is_public,
    join,
    origin_of,
    parse_url,
)

REG = Origin("https", "reg.example", 443)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://reg.example/v2/", Url(REG, "/v2/")),
        ("https://REG.Example:443", Url(REG, "/")),
        ("HTTPS://reg.example?a=b", Url(REG, "/?a=b")),
        ("https://reg.example/a#fragment", Url(REG, "/a")),
        ("http://[::1]:5000/a", Url(Origin("http", "::1", 5000), "/a")),
        ("https://reg.example/a%2Fb?c=%3D", Url(REG, "/a%2Fb?c=%3D")),
    ],
)
def test_urls(text: str, expected: Url) -> None:
    assert parse_url(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "https://reg.example\\@evil.com/",
        "https://reg.example%2eevil.com/",
        "https://user@reg.example/",
        "https://user:pw@reg.example/",
        "https://reg.example\r\nHost: evil/",
        "https://reg.example/a b",
        "https://reg.example/a\x00",
        "https://reg.example/ä",
        "https://①②⑦.⓪.⓪.①/",
        "https:///a",
        "https://",
        "//reg.example/",
        "/a",
        "file:///etc/passwd",
        "ftp://reg.example/",
        "gopher://reg.example/",
        "javascript:alert(1)",
        "https://reg.example:0/",
        "https://reg.example:65536/",
        "https://reg.example:x/",
        "https://[::1/",
        "https://[::zz]/",
        "https://[fe80::1%25eth0]/",
        "https://.example/",
        "https://reg.example./",
        "https://reg.example/" + "a" * 10_000,
    ],
)
def test_AT_07_what_two_parsers_could_read_differently(text: str) -> None:
    with pytest.raises(Rejection) as caught:
        parse_url(text)
    assert caught.value.code == "MALFORMED"


def test_a_query_is_not_shown() -> None:
    assert str(parse_url("https://reg.example/a?X-Amz-Signature=secret")) == "https://reg.example/a"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://other.example/x", "https://other.example/x"),
        ("//other.example/x", "https://other.example/x"),
        ("/x?y", "https://reg.example/x?y"),
        ("x", "https://reg.example/v2/a/x"),
        ("?n=2", "https://reg.example/v2/a/b?n=2"),
    ],
)
def test_join(location: str, expected: str) -> None:
    assert join(parse_url("https://reg.example/v2/a/b?q=/1"), location) == parse_url(expected)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1.evil.com", "localhost.evil.com", "x.local", "evil::1", "10.0.0.1", "reg", "127.1", "2130706433", "0"],
)
def test_AT_10_a_the_shape_of_a_name_is_no_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "address",
    """
    127.0.0.1 0.0.0.0 10.1.2.3 100.64.0.1 100.100.100.200 169.254.169.254 172.16.0.1 172.31.255.255 192.168.1.1
    192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 :: ::1
    ::ffff:169.254.169.254 ::ffff:10.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 2002:7f00:1:: 2001:0:1::1 2001:db8::1
    fec0::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 ff02::1 100::1 ::127.0.0.1
    """.split(),
)
def test_AT_07_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", "1.1.1.1 140.82.121.34 172.32.0.1 2606:4700::1111 ::ffff:1.1.1.1 64:ff9b::101:101 2a00:1450::1".split()
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


def test_origins() -> None:
    assert origin_of("https", "Example.COM:443") == origin_of("https", "example.com")
    assert origin_of("https", "[::1]:5000").authority == "[::1]:5000"
    assert str(origin_of("http", "a:443")) == "http://a:443"


@given(st.text(max_size=60) | st.from_regex(r"https?://[a-z0-9.:@\\\[\]%/?#-]{0,30}"))
def test_any_text_reads_or_is_refused(text: str) -> None:
    try:
        found = parse_url(text)
    except Rejection as error:
        code = error.code
    else:
        code = "MALFORMED"
        assert parse_url(f"{found.origin}{found.target}") == found
    assert code == "MALFORMED"
