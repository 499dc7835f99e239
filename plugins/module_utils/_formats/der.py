# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import datetime
import re
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

MAX_BYTES = 65536
MAX_DEPTH = 32
MAX_INTEGER_BYTES = 64
MAX_OID_BYTES = 64

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID, UTF8_STRING = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C
UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x17, 0x18, 0x30, 0x31

_GENERALIZED = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{0,8}[1-9]))?Z\Z")
_UTC = re.compile(rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z\Z")


def context(number: int) -> int:
    """The identifier octet of a primitive `[number]` (IMPLICIT of a primitive type)."""
    return 0x80 | number


def constructed(number: int) -> int:
    """The identifier octet of a constructed `[number]` (EXPLICIT, or IMPLICIT of a SEQUENCE or SET)."""
    return 0xA0 | number


class Element(t.NamedTuple):
    """One element: its identifier octet, its contents, and the whole of it as it stood."""

    tag: int
    contents: bytes
    whole: bytes


def read_element(data: bytes, what: str, limit: int = MAX_BYTES) -> Element:
    """The one element that `data` is, all of it. Raises as Reader does."""
    size = len(data) - 2
    if 0 <= size < 0x80 and size == data[1] and data[0] & 0x1F != 0x1F and size + 2 <= limit:
        # As the Reader would: a certificate has so many of these that it is worth the repetition.
        return Element(data[0], data[2:], data)
    reader = Reader(data, what, limit)
    found = reader.any()
    reader.end()
    return found


class Reader:
    """A cursor over the elements of strict DER (ITU-T X.690), lazy: what is not read is not checked.

    `what` names the data in messages. Methods take the identifier octet for IMPLICIT tags. Raises MALFORMED (other
    elements than the expected ones, cut short), NON_CANONICAL (BER, or more than was to be there) and LIMIT_EXCEEDED
    (of bytes, depth, or the size of numbers); nothing else, whatever the bytes.
    """

    __slots__ = ("_at", "_data", "_depth", "_limit", "_what")

    def __init__(self, data: bytes, what: str, limit: int = MAX_BYTES, depth: int = 0) -> None:
        if len(data) > limit:
            raise Rejection("LIMIT_EXCEEDED", f"The {what} is larger than {limit} bytes.")
        if depth > MAX_DEPTH:
            raise Rejection("LIMIT_EXCEEDED", f"The {what} is nested deeper than {MAX_DEPTH} levels.")
        self._data, self._what, self._limit, self._depth = data, what, limit, depth
        self._at = 0

    def more(self) -> bool:
        """Whether an element follows."""
        return self._at < len(self._data)

    def next_is(self, tag: int) -> bool:
        """Whether an element with this identifier octet follows."""
        return self._at < len(self._data) and self._data[self._at] == tag

    def end(self) -> None:
        """Nothing may follow."""
        if self.more():
            raise self._canonical("has more data than belongs to it")

    def any(self) -> Element:
        """The next element, whatever it is."""
        data, start = self._data, self._at
        body = self._pass()
        return Element(data[start], data[body : self._at], data[start : self._at])

    def take(self, tag: int) -> Element:
        """The next element, which must have this identifier octet."""
        if not self.next_is(tag):
            raise self._unexpected(tag)
        return self.any()

    def optional(self, tag: int) -> Element | None:
        """The next element if it has this identifier octet; else None, and nothing is read."""
        return self.any() if self.next_is(tag) else None

    def enter(self, tag: int) -> Reader:
        """A reader over what is in the next element, which must be a constructed one with this identifier octet."""
        return Reader(self.octets(tag), self._what, self._limit, self._depth + 1)

    def sequence(self, tag: int = SEQUENCE) -> Reader:
        return self.enter(tag)

    def set(self, tag: int = SET) -> Reader:
        """The members as they stand; that they are in DER's order is not checked."""
        return self.enter(tag)

    def boolean(self, tag: int = BOOLEAN) -> bool:
        contents = self.octets(tag)
        if contents not in (b"\x00", b"\xff"):
            raise self._canonical("has a truth value that is neither 00 nor ff")
        return contents == b"\xff"

    def integer(self, tag: int = INTEGER) -> int:
        contents = self.octets(tag)
        if not contents:
            raise self._malformed("has an integer without a value")
        if len(contents) > MAX_INTEGER_BYTES:
            raise Rejection("LIMIT_EXCEEDED", f"The {self._what} has an integer of {len(contents)} bytes.")
        if len(contents) > 1 and (contents[0], contents[1] >> 7) in ((0, 0), (0xFF, 1)):
            raise self._canonical("has an integer with needless zeros")
        return int.from_bytes(contents, "big", signed=True)

    def bits(self, tag: int = BIT_STRING) -> bytes:
        """The octets of a bit string; its unused bits are zero."""
        contents = self.octets(tag)
        unused = contents[0] if contents else 8
        if unused > 7 or (unused and len(contents) == 1):
            raise self._malformed("has a bit string with a wrong count of unused bits")
        if contents[-1] & ((1 << unused) - 1) and len(contents) > 1:
            raise self._canonical("has a bit string whose unused bits are not zero")
        return contents[1:]

    def octets(self, tag: int = OCTET_STRING) -> bytes:
        """The contents of the next element, which must have this identifier octet."""
        if not self.next_is(tag):
            raise self._unexpected(tag)
        body = self._pass()
        return self._data[body : self._at]

    def null(self) -> None:
        if self.octets(NULL):
            raise self._malformed("has a NULL with a value")

    def oid(self, tag: int = OID) -> str:
        """An object identifier in dots, "1.2.840.113549"."""
        contents = self.octets(tag)
        if len(contents) > MAX_OID_BYTES:
            raise Rejection("LIMIT_EXCEEDED", f"The {self._what} has an object identifier that is too long.")
        arcs, value, inside = [], 0, False
        for octet in contents:
            if octet == 0x80 and not inside:
                raise self._canonical("has an object identifier with needless zeros")
            value, inside = value << 7 | octet & 0x7F, octet >= 0x80
            if not inside:
                arcs.append(value)
                value = 0
        if inside or not arcs:
            raise self._malformed("has an object identifier that ends too early")
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))

    def generalized_time(self, tag: int = GENERALIZED_TIME) -> datetime.datetime:
        """An aware time in UTC; a fraction is allowed (RFC 3161 §2.4.2), and cut to microseconds."""
        found = _GENERALIZED.match(self.octets(tag))
        if not found:
            raise self._canonical("has a time that is not written as YYYYMMDDhhmmss[.f]Z")
        *parts, fraction = found.groups()
        return self._time([int(part) for part in parts], int((fraction or b"0")[:6].ljust(6, b"0")))

    def utc_time(self, tag: int = UTC_TIME) -> datetime.datetime:
        """An aware time of 1950 to 2049 in UTC (RFC 5280 §4.1.2.5.1)."""
        found = _UTC.match(self.octets(tag))
        if not found:
            raise self._canonical("has a time that is not written as YYMMDDhhmmssZ")
        year, *others = (int(part) for part in found.groups())
        return self._time([year + (1900 if year >= 50 else 2000), *others], 0)

    def _time(self, parts: list[int], microsecond: int) -> datetime.datetime:
        year, month, day, hour, minute, second = parts
        try:
            return datetime.datetime(year, month, day, hour, minute, second, microsecond, datetime.timezone.utc)
        except ValueError:
            raise self._malformed("has a time that is no date") from None

    def _pass(self) -> int:
        """Go behind the next element; where its contents begin."""
        data, start = self._data, self._at
        if len(data) - start < 2:
            raise self._malformed("ends too early")
        size, body = data[start + 1], start + 2
        if data[start] & 0x1F == 0x1F:
            raise self._malformed("has an element with a tag above 30")
        if size >= 0x80:
            size, body = self._long_length(size & 0x7F, body)
        end = body + size
        if end > len(data):
            raise self._malformed("ends too early")
        self._at = end
        return body

    def _long_length(self, count: int, at: int) -> tuple[int, int]:
        octets = self._data[at : at + count]
        if count == 0:
            raise self._canonical("has an element of indefinite length")
        if len(octets) < count:
            raise self._malformed("ends too early")
        size = int.from_bytes(octets, "big")
        if size < 0x80 or octets[0] == 0:
            raise self._canonical("has a length with needless zeros")
        return size, at + count

    def _unexpected(self, tag: int) -> Rejection:
        if not tag & 0x20 and self.next_is(tag | 0x20):
            return self._canonical("has a string in pieces")
        return self._malformed(f"lacks the element {tag:#04x} where it was expected")

    def _malformed(self, fault: str) -> Rejection:
        return Rejection("MALFORMED", f"The {self._what} {fault}.")

    def _canonical(self, fault: str) -> Rejection:
        return Rejection("NON_CANONICAL", f"The {self._what} {fault}, which DER does not allow.")
