# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.der import (
    OID,
    SEQUENCE,
    SET,
    UTF8_STRING,
    Reader,
    constructed,
    context,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

EMAIL, DNS, DIRECTORY, URI, IP, OTHER = context(1), context(2), constructed(4), context(6), context(7), constructed(0)
"""Kinds of general names, as identifier octets (RFC 5280 §4.2.1.6)."""

MAX_NAMES = 32
_FULCIO_USERNAME = "1.3.6.1.4.1.57264.1.7"
_TEXTS = {EMAIL: "email", DNS: "dns", URI: "uri"}
_STRINGS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}
_SHORT = {"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O", "2.5.4.11": "OU"}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_SHOWN = 200

Rdn = frozenset[tuple[str, t.Union[str, bytes]]]


class San(t.NamedTuple):
    """A subject alternative name as a person reads it. `kind` is "email", "uri", "dns", "ip", "other" (Fulcio's user
    name), or "unusable" for the kinds that name no identity here; its value is then empty."""

    kind: str
    value: str


class GeneralName(t.NamedTuple):
    """A general name as it stands: its identifier octet and contents."""

    tag: int
    contents: bytes


def read_general_names(value: bytes, what: str) -> tuple[GeneralName, ...]:
    """GeneralNames: one to MAX_NAMES of them. Raises as Reader does."""
    reader = Reader(value, what)
    names = reader.sequence()
    found: list[GeneralName] = []
    reader.end()
    while names.more():
        if len(found) == MAX_NAMES:
            raise Rejection("LIMIT_EXCEEDED", f"The {what} holds more than {MAX_NAMES} names.")
        found.append(GeneralName(*names.any()[:2]))
    if not found:
        raise Rejection("MALFORMED", f"The {what} holds no name.")
    return tuple(found)


def read_san(name: GeneralName, what: str) -> San:
    """The name without loss, or MALFORMED: what cannot be shown exactly could pass for another."""
    if name.tag in _TEXTS:
        return _of_its_kind(_TEXTS[name.tag], _clean(name.contents, "ascii", what))
    if name.tag == IP:
        try:
            return San("ip", str(ipaddress.ip_address(name.contents)))
        except ValueError:
            raise Rejection("MALFORMED", f"The {what} has an IP address of {len(name.contents)} bytes.") from None
    if name.tag == OTHER:
        reader = Reader(name.contents, what)
        if reader.oid() == _FULCIO_USERNAME:
            text = reader.sequence(constructed(0))
            reader.end()
            username = text.take(UTF8_STRING).contents
            text.end()
            return _of_its_kind("other", _clean(username, "utf-8", what))
    return San("unusable", "")


_HOST = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"
_FORMS = {
    "email": re.compile(rf"[^@]+@{_HOST}"),
    "uri": re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.+"),
    "dns": re.compile(rf"(?![0-9.]+\Z)(?:\*\.)?{_HOST}\.?"),
    "other": re.compile(rf"[^!@/:]+!{_HOST}"),
}


def _of_its_kind(kind: str, text: str) -> San:
    # Names are compared without their kinds: an address that calls itself a host would slip past what a CA may certify.
    return San(kind, text) if _FORMS[kind].fullmatch(text) else San("unusable", "")


def _clean(contents: bytes, encoding: str, what: str) -> str:
    try:
        text = contents.decode(encoding)
    except UnicodeDecodeError:
        raise Rejection("MALFORMED", f"The {what} has a name that is not {encoding.upper()}.") from None
    if not text or _CONTROL.search(text):
        raise Rejection("MALFORMED", f"The {what} has a name that is empty or holds control characters.")
    return text


def read_distinguished_name(der: bytes, what: str) -> tuple[Rdn, ...]:
    """A Name as its relative names, each a set of (attribute's OID, value): texts without regard to case, runs of
    spaces and kind of string (RFC 5280 §7.1), other values as bytes. Raises as Reader does."""
    reader = Reader(der, what)
    sequence, found = reader.sequence(), []
    reader.end()
    while sequence.more():
        found.append(frozenset((oid, _folded(tag, value)) for oid, tag, value in _attributes(sequence, what)))
    return tuple(found)


def describe_name(der: bytes) -> str:
    """A Name for messages, "O=sigstore.dev, CN=sigstore"; short and printable whatever it holds."""
    try:
        reader, parts = Reader(der, "name").sequence(), []
        while reader.more():
            for oid, tag, value in _attributes(reader, "name"):
                text = value.decode(_STRINGS.get(tag, "ascii"), "replace")
                parts.append(f"{_SHORT.get(oid, oid)}={text}")
    except Rejection:
        return "a name that cannot be read"
    shown = "".join(one if one.isprintable() else "?" for one in ", ".join(parts)[:_SHOWN])
    return shown or "an empty name"


def _attributes(sequence: Reader, what: str) -> t.Iterator[tuple[str, int, bytes]]:
    members = sequence.set(SET)
    while members.more():
        attribute = members.sequence(SEQUENCE)
        oid, value = attribute.oid(OID), attribute.any()
        attribute.end()
        yield oid, value.tag, value.contents


def _folded(tag: int, value: bytes) -> str | bytes:
    if tag not in _STRINGS:
        return value
    return " ".join(value.decode(_STRINGS[tag], "backslashreplace").casefold().split())
