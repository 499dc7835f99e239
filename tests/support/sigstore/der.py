# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write DER (ITU-T X.690): what the virtual Sigstore speaks. Shares nothing with the collection's reader."""

from __future__ import annotations

from datetime import UTC, datetime


def length(size: int) -> bytes:
    """The length octets of X.690 §10.1: as few as can be."""
    if size < 0x80:
        return bytes([size])
    octets_ = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets_)]) + octets_


def tlv(tag: int, *contents: bytes) -> bytes:
    """An element of one identifier octet, `tag`, that holds the contents one after another."""
    body = b"".join(contents)
    return bytes([tag]) + length(len(body)) + body


def boolean(value: bool) -> bytes:
    return tlv(0x01, b"\xff" if value else b"\x00")


def integer(value: int) -> bytes:
    magnitude = value if value >= 0 else ~value
    return tlv(0x02, value.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True))


def bits(value: bytes, unused: int = 0) -> bytes:
    return tlv(0x03, bytes([unused]), value)


def octets(value: bytes) -> bytes:
    return tlv(0x04, value)


def null() -> bytes:
    return tlv(0x05)


def _arc(value: int) -> bytes:
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(0x80 | (value & 0x7F))
    return bytes(reversed(groups))


def oid(dotted: str) -> bytes:
    first, second, *others = (int(arc) for arc in dotted.split("."))
    return tlv(0x06, *(_arc(arc) for arc in (40 * first + second, *others)))


def utf8(value: str) -> bytes:
    return tlv(0x0C, value.encode())


def printable(value: str) -> bytes:
    return tlv(0x13, value.encode("ascii"))


def ia5(value: str) -> bytes:
    return tlv(0x16, value.encode("ascii"))


def utc_time(value: datetime) -> bytes:
    return tlv(0x17, value.astimezone(UTC).strftime("%y%m%d%H%M%SZ").encode())


def generalized_time(value: datetime) -> bytes:
    """With a fraction only where there is one, without trailing zeros (X.690 §11.7)."""
    at = value.astimezone(UTC)
    fraction = f".{at.microsecond:06d}".rstrip("0") if at.microsecond else ""
    return tlv(0x18, (f"{at.year:04d}" + at.strftime("%m%d%H%M%S") + fraction + "Z").encode())


def sequence(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def set_of(*parts: bytes) -> bytes:
    """In the ascending order that DER wants (X.690 §11.6)."""
    return tlv(0x31, *sorted(parts))


def explicit(number: int, *contents: bytes) -> bytes:
    """`[number] EXPLICIT`: a constructed context tag around whole elements."""
    return tlv(0xA0 | number, *contents)


def implicit(number: int, element: bytes) -> bytes:
    """`[number] IMPLICIT`: the element's own tag replaced; constructed stays constructed."""
    return bytes([0x80 | (element[0] & 0x20) | number]) + element[1:]


def parts(data: bytes) -> list[tuple[int, bytes]]:
    """The elements that stand one after another, as tag and content; raises ValueError where one is cut off."""
    found = []
    while data:
        size, start = data[1:2], 2
        if not size:
            raise ValueError("no length")
        count = size[0]
        if count & 0x80:
            start += count & 0x7F
            count = int.from_bytes(data[2:start], "big")
        if len(data) < start + count:
            raise ValueError("cut off")
        found.append((data[0], data[start : start + count]))
        data = data[start + count :]
    return found
