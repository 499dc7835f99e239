# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.der import (
    MAX_BYTES,
    MAX_DEPTH,
    Reader,
    read_element,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.support.sigstore import der

Read = Callable[[Reader], Any]


def read(data: bytes, how: Read) -> Any:
    reader = Reader(data, "test")
    found = how(reader)
    reader.end()
    return found


@pytest.mark.attack("AT-23", "AT-24")
@pytest.mark.parametrize(
    ("data", "how", "code"),
    [
        pytest.param("0201", Reader.any, "MALFORMED", id="cut-contents"),
        pytest.param("02", Reader.any, "MALFORMED", id="cut-length"),
        pytest.param("0482", Reader.any, "MALFORMED", id="cut-long-length"),
        pytest.param("", Reader.any, "MALFORMED", id="empty"),
        pytest.param("04ffffffffff", Reader.any, "MALFORMED", id="length-of-127-octets"),
        pytest.param("0484ffffffff00", Reader.any, "MALFORMED", id="length-beyond-the-data"),
        pytest.param("3080020101 0000", Reader.any, "NON_CANONICAL", id="indefinite-length"),
        pytest.param("04810100", Reader.any, "NON_CANONICAL", id="non-minimal-length"),
        pytest.param("0482008000" + "00" * 127, Reader.any, "NON_CANONICAL", id="zero-padded-length"),
        pytest.param("1f8101 00", Reader.any, "MALFORMED", id="high-tag"),
        pytest.param("bf1f00", Reader.any, "MALFORMED", id="high-context-tag"),
        pytest.param("020101 00", Reader.integer, "NON_CANONICAL", id="trailing-data"),
        pytest.param("020101 0500", Reader.integer, "NON_CANONICAL", id="trailing-element"),
        pytest.param("0201ff", Reader.octets, "MALFORMED", id="other-tag"),
        pytest.param("2403040100", Reader.octets, "NON_CANONICAL", id="constructed-octets"),
        pytest.param("1000", Reader.sequence, "MALFORMED", id="primitive-sequence"),
        pytest.param("010101", Reader.boolean, "NON_CANONICAL", id="boolean-01"),
        pytest.param("0100", Reader.boolean, "NON_CANONICAL", id="boolean-empty"),
        pytest.param("0102ffff", Reader.boolean, "NON_CANONICAL", id="boolean-of-two"),
        pytest.param("0200", Reader.integer, "MALFORMED", id="integer-empty"),
        pytest.param("02020001", Reader.integer, "NON_CANONICAL", id="integer-padded"),
        pytest.param("0202ff80", Reader.integer, "NON_CANONICAL", id="integer-padded-negative"),
        pytest.param("0241" + "7f" * 65, Reader.integer, "LIMIT_EXCEEDED", id="integer-huge"),
        pytest.param("0300", Reader.bits, "MALFORMED", id="bits-without-count"),
        pytest.param("03020800", Reader.bits, "MALFORMED", id="bits-8-unused"),
        pytest.param("030107", Reader.bits, "MALFORMED", id="bits-unused-of-none"),
        pytest.param("03020781", Reader.bits, "NON_CANONICAL", id="bits-unused-not-zero"),
        pytest.param("050100", Reader.null, "MALFORMED", id="null-with-value"),
        pytest.param("0600", Reader.oid, "MALFORMED", id="oid-empty"),
        pytest.param("06022a81", Reader.oid, "MALFORMED", id="oid-cut"),
        pytest.param("06032a8001", Reader.oid, "NON_CANONICAL", id="oid-padded"),
        pytest.param("06028001", Reader.oid, "NON_CANONICAL", id="oid-first-arc-padded"),
        pytest.param("0641" + "ff" * 64 + "01", Reader.oid, "LIMIT_EXCEEDED", id="oid-arc-huge"),
    ],
)
def test_what_is_not_der_is_refused(data: str, how: Read, code: str) -> None:
    with pytest.raises(Rejection) as refused:
        read(bytes.fromhex(data), how)
    assert refused.value.code == code
    assert refused.value.message.startswith("The test ")


@pytest.mark.attack("AT-23", "AT-31i")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("20260228120000", "NON_CANONICAL"),
        ("202602281200Z", "NON_CANONICAL"),
        ("20260228120000+0100", "NON_CANONICAL"),
        ("20260228120000.10Z", "NON_CANONICAL"),
        ("20260228120000.0Z", "NON_CANONICAL"),
        ("20260228120000.Z", "NON_CANONICAL"),
        ("20260228120000,1Z", "NON_CANONICAL"),
        ("20260228120000.1234567891Z", "NON_CANONICAL"),
        ("20260228120000Z\n", "NON_CANONICAL"),
        (" 0260228120000Z", "NON_CANONICAL"),
        ("20260229120000Z", "MALFORMED"),
        ("20261301120000Z", "MALFORMED"),
        ("20260228240000Z", "MALFORMED"),
        ("20260228125960Z", "MALFORMED"),
        ("00000101000000Z", "MALFORMED"),
    ],
)
def test_a_time_is_written_in_one_way(text: str, code: str) -> None:
    with pytest.raises(Rejection) as refused:
        read(der.tlv(0x18, text.encode()), Reader.generalized_time)
    assert refused.value.code == code


@pytest.mark.attack("AT-23")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("260228120000", "NON_CANONICAL"),
        ("2602281200Z", "NON_CANONICAL"),
        ("260228120000+0100", "NON_CANONICAL"),
        ("260228120000.5Z", "NON_CANONICAL"),
        ("20260228120000Z", "NON_CANONICAL"),
        ("260229120000Z", "MALFORMED"),
        ("260228125960Z", "MALFORMED"),
    ],
)
def test_a_short_time_is_written_in_one_way(text: str, code: str) -> None:
    with pytest.raises(Rejection) as refused:
        read(der.tlv(0x17, text.encode()), Reader.utc_time)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("data", "time"),
    [
        (b"20260228120000Z", datetime(2026, 2, 28, 12, tzinfo=UTC)),
        (b"20240229235959.5Z", datetime(2024, 2, 29, 23, 59, 59, 500000, tzinfo=UTC)),
        (b"20260228120000.000001Z", datetime(2026, 2, 28, 12, 0, 0, 1, tzinfo=UTC)),
        (b"20260228120000.123456789Z", datetime(2026, 2, 28, 12, 0, 0, 123456, tzinfo=UTC)),
        (b"99991231235959Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_are_aware_and_may_have_a_fraction(data: bytes, time: datetime) -> None:
    assert read(der.tlv(0x18, data), Reader.generalized_time) == time


@pytest.mark.parametrize(("text", "year"), [(b"500101000000Z", 1950), (b"491231235959Z", 2049)])
def test_years_of_two_digits_go_from_1950_to_2049(text: bytes, year: int) -> None:
    assert read(der.tlv(0x17, text), Reader.utc_time).year == year


@pytest.mark.attack("AT-04")
def test_size_and_depth_are_bounded() -> None:
    with pytest.raises(Rejection) as large:
        Reader(bytes(MAX_BYTES + 1), "test")
    assert large.value.code == "LIMIT_EXCEEDED"
    nested = b""
    for _depth in range(MAX_DEPTH + 5):
        nested = der.sequence(nested)
    with pytest.raises(Rejection) as deep:
        descend(Reader(nested, "test"))
    assert deep.value.code == "LIMIT_EXCEEDED"


def descend(reader: Reader) -> None:
    while reader.more():
        reader = reader.sequence()


def test_an_element_is_given_as_it_stood_and_nothing_may_follow() -> None:
    whole = der.octets(b"a" * 300)
    assert read_element(whole, "test") == (0x04, b"a" * 300, whole)
    with pytest.raises(Rejection) as refused:
        read_element(whole + b"\x00", "test")
    assert refused.value.code == "NON_CANONICAL"


def test_optional_and_implicit_elements() -> None:
    outer = Reader(der.sequence(der.implicit(0, der.integer(5)), der.explicit(1, der.octets(b"x"))), "test")
    inner = outer.sequence()
    assert inner.optional(0x04) is None
    assert inner.integer(0x80) == 5
    assert inner.next_is(0xA1) and not inner.next_is(0xA0)
    assert inner.enter(0xA1).octets() == b"x"
    assert not inner.more()
    outer.end()


@given(st.integers(min_value=-(2**511), max_value=2**511 - 1))
def test_integers_return_as_they_were_written(value: int) -> None:
    assert read(der.integer(value), Reader.integer) == value


@given(st.integers(0, 2), st.lists(st.integers(0, 2**64), min_size=1, max_size=5), st.integers(0, 39))
def test_object_identifiers_return_as_they_were_written(first: int, others: list[int], second: int) -> None:
    dotted = ".".join(map(str, (first, second, *others)))
    assert read(der.oid(dotted), Reader.oid) == dotted


@given(st.binary(max_size=300), st.booleans(), st.datetimes(datetime(1000, 1, 1)))
def test_values_return_as_they_were_written(octets: bytes, truth: bool, time: datetime) -> None:
    at = time.replace(tzinfo=UTC)
    outer = Reader(
        der.sequence(
            der.octets(octets),
            der.bits(octets),
            der.boolean(truth),
            der.null(),
            der.generalized_time(at),
        ),
        "test",
    )
    reader = outer.sequence()
    assert (reader.octets(), reader.bits(), reader.boolean()) == (octets, octets, truth)
    reader.null()
    assert reader.generalized_time() == at
    reader.end()


@pytest.mark.attack("AT-24")
@given(st.binary(max_size=64))
def test_any_bytes_end_in_a_value_or_a_rejection(data: bytes) -> None:
    ways: list[Read] = [Reader.any, Reader.sequence, Reader.set, Reader.boolean, Reader.integer, Reader.bits]
    for start in (b"", *(bytes([tag]) for tag in range(0x01, 0x32))):
        for way in ways:
            with suppress(Rejection):
                read(start + data, way)
