# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import datetime
import functools
import typing as t
from dataclasses import dataclass, field

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
except ImportError:
    pass

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.fulcio import CLAIM_OIDS, read_claims
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.general_name import (
    GeneralName,
    San,
    describe_name,
    read_distinguished_name,
    read_general_names,
    read_san,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.name_constraints import (
    NameConstraints,
    read_name_constraints,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.der import (
    BIT_STRING,
    BOOLEAN,
    INTEGER,
    OCTET_STRING,
    OID,
    SEQUENCE,
    UTC_TIME,
    Reader,
    constructed,
    context,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import PublicKey, wrap_public_key
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

MAX_BYTES = 64 * 1024
MAX_NAME_BYTES = 8 * 1024
MAX_EXTENSIONS = 64

KEY_USAGE, BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE = "2.5.29.15", "2.5.29.19", "2.5.29.37"
SUBJECT_KEY_ID, AUTHORITY_KEY_ID = "2.5.29.14", "2.5.29.35"
SUBJECT_ALTERNATIVE_NAME, NAME_CONSTRAINTS = "2.5.29.17", "2.5.29.30"
SCT_LIST, PRECERT_POISON = "1.3.6.1.4.1.11129.2.4.2", "1.3.6.1.4.1.11129.2.4.3"
# Policies can refuse a path only where policyConstraints demands one, and that extension is not among these.
_CERTIFICATE_POLICIES = "2.5.29.32"
_KNOWN = CLAIM_OIDS | {
    KEY_USAGE,
    BASIC_CONSTRAINTS,
    EXTENDED_KEY_USAGE,
    SUBJECT_KEY_ID,
    AUTHORITY_KEY_ID,
    SUBJECT_ALTERNATIVE_NAME,
    NAME_CONSTRAINTS,
    SCT_LIST,
    _CERTIFICATE_POLICIES,
}

DIGITAL_SIGNATURE, KEY_CERT_SIGN = 0x80, 0x04
"""Bits of `Certificate.key_usage`, as they stand in its first octet (RFC 5280 §4.2.1.3)."""

_CACHED = 64
_authorities: dict[bytes, Certificate] = {}


@dataclass(frozen=True, eq=False)
class Certificate:
    """An X.509 v3 certificate (RFC 5280), read once and strictly; nothing of it is true before a chain was built.

    `subject` and `issuer` are Names in DER; `not_before` and `not_after` a closed interval; `claims` are Fulcio's
    extensions by name. `key_usage` is the first octet of that extension, `extended_key_usage` OIDs in dots, both None
    without the extension; `critical` the OIDs of all critical extensions. `scts` is the value of the SCT list
    extension and `precertificate` the signed part without it (RFC 6962 §3.2), both None without one. `raw_key` is
    the key as `cryptography` has it, for signatures over certificates.
    """

    der: bytes = field(repr=False)
    tbs: bytes = field(repr=False)
    signature_algorithm: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    serial: int
    issuer: bytes
    subject: bytes
    not_before: datetime.datetime
    not_after: datetime.datetime
    key: PublicKey
    raw_key: t.Any = field(repr=False)
    critical: frozenset[str] = frozenset()
    is_ca: bool = False
    path_length: int | None = None
    key_usage: int | None = None
    extended_key_usage: tuple[str, ...] | None = None
    subject_key_id: bytes | None = None
    authority_key_id: bytes | None = None
    names: tuple[San, ...] = ()
    general_names: tuple[GeneralName, ...] = field(default=(), repr=False)
    name_constraints: NameConstraints | None = None
    claims: t.Mapping[str, str] = field(default_factory=dict)
    scts: bytes | None = field(default=None, repr=False)
    precertificate: bytes | None = field(default=None, repr=False)

    @property
    def oidc_issuer(self) -> str | None:
        """Who vouched for the signer's identity; where both forms are there, they agree."""
        return self.claims.get("issuer")

    @property
    def is_self_issued(self) -> bool:
        return self.subject == self.issuer

    @property
    def unknown_critical(self) -> frozenset[str]:
        """Extensions that must be understood and are not: no chain may hold such a certificate."""
        return self.critical - _KNOWN

    def __str__(self) -> str:
        """For messages: whose certificate it is."""
        named = [name.value for name in self.names if name.value]
        return repr(named[0][:200]) if named else repr(describe_name(self.subject))


class _Extension(t.NamedTuple):
    critical: bool
    value: bytes
    whole: bytes


def parse_certificate(der: bytes, what: str) -> Certificate:
    """Read one DER certificate, all of `der`, in the one form that DER has. `what` names it in messages.

    Raises MALFORMED, NON_CANONICAL, LIMIT_EXCEEDED, POLICY_UNSUPPORTED (kind of key), ISSUER_MISMATCH (Fulcio's old
    and new issuer differ) or SCT_INVALID (a precertificate). CA certificates are kept, as they come again and again.
    """
    known = _authorities.get(der)
    if known is not None:
        return known
    certificate = _parse(der, what)
    if certificate.is_ca:
        if len(_authorities) >= _CACHED:
            _authorities.clear()
        _authorities[der] = certificate
    return certificate


def _parse(der: bytes, what: str) -> Certificate:
    outer = Reader(der, what, MAX_BYTES)
    parts = outer.sequence()
    outer.end()
    tbs = parts.take(SEQUENCE)
    algorithm = parts.take(SEQUENCE).whole
    signature = parts.take(BIT_STRING).contents
    parts.end()
    if signature[:1] != b"\0":
        raise Rejection("NON_CANONICAL", f"The {what} has a signature that is not made of whole bytes.")
    reader = Reader(tbs.contents, what)
    version = reader.enter(constructed(0)) if reader.next_is(constructed(0)) else None
    if version is None or version.integer() != 2 or version.more():
        raise Rejection("MALFORMED", f"The {what} is not of version 3 of X.509, which alone tells a CA from others.")
    serial = reader.integer(INTEGER)
    if serial < 0:
        raise Rejection("MALFORMED", f"The {what} has a negative serial number.")
    if reader.take(SEQUENCE).whole != algorithm:
        raise Rejection("MALFORMED", f"The {what} names two signature algorithms.")
    issuer = _name(reader.take(SEQUENCE).whole)
    validity = reader.sequence()
    not_before, not_after = _time(validity), _time(validity)
    validity.end()
    subject = _name(reader.take(SEQUENCE).whole)
    raw_key, key = _key(reader.take(SEQUENCE).whole, what)
    tail = reader.optional(constructed(3))
    reader.end()
    extensions = _extensions(tail.contents, what) if tail else {}
    head = tbs.contents[: -len(tail.whole)] if tail else tbs.contents
    return Certificate(
        der=der,
        tbs=tbs.whole,
        signature_algorithm=algorithm,
        signature=signature[1:],
        serial=serial,
        issuer=issuer,
        subject=subject,
        not_before=not_before,
        not_after=not_after,
        key=key,
        raw_key=raw_key,
        precertificate=_precertificate(head, extensions),
        **_read_extensions(extensions, what),
    )


@functools.lru_cache(maxsize=_CACHED)
def _name(der: bytes) -> bytes:
    """The Name, if it is one; those of issuers come again and again."""
    if len(der) > MAX_NAME_BYTES:
        raise Rejection("LIMIT_EXCEEDED", f"A name in a certificate is longer than {MAX_NAME_BYTES} bytes.")
    read_distinguished_name(der, "name in a certificate")
    return der


def _time(reader: Reader) -> datetime.datetime:
    return reader.utc_time() if reader.next_is(UTC_TIME) else reader.generalized_time()


def _key(spki: bytes, what: str) -> tuple[t.Any, PublicKey]:
    try:
        raw = serialization.load_der_public_key(spki)
    except UnsupportedAlgorithm:
        raise Rejection("POLICY_UNSUPPORTED", f"The {what} has a key of a kind that is not supported.") from None
    except ValueError:
        raise Rejection("MALFORMED", f"The {what} has a key that cannot be read.") from None
    key = wrap_public_key(raw, f"key of the {what}")
    if key.spki != spki:
        raise Rejection("NON_CANONICAL", f"The {what} has a key that is not written in the usual form of its kind.")
    return raw, key


def _elements(data: bytes, what: str) -> list[tuple[int, bytes, bytes]]:
    """The elements that `data` is made of: identifier octet, contents, whole. A certificate has so many that those of
    plain length are taken here; all others the Reader judges."""
    found, at, end = [], 0, len(data)
    while at < end:
        tag, size = data[at], data[at + 1] if at + 1 < end else 0x80
        body = at + 2
        stop = body + size
        if size < 0x80 and tag & 0x1F != 0x1F and stop <= end:
            found.append((tag, data[body:stop], data[at:stop]))
        else:
            element = Reader(data[at:], what).any()
            found.append(element)
            stop = at + len(element.whole)
        at = stop
    return found


@functools.lru_cache(maxsize=256)
def _dotted(element: bytes) -> str:
    return Reader(element, "object identifier").oid()


def _extensions(data: bytes, what: str) -> dict[str, _Extension]:
    found: dict[str, _Extension] = {}
    outer = Reader(data, what)
    listed = outer.take(SEQUENCE).contents
    outer.end()
    for tag, contents, whole in _elements(listed, what):
        parts = _elements(contents, what)
        tags = [one[0] for one in parts]
        if tag != SEQUENCE or tags not in ([OID, OCTET_STRING], [OID, BOOLEAN, OCTET_STRING]):
            raise Rejection("MALFORMED", f"The {what} has an extension that is not made as one.")
        if len(parts) == 3 and parts[1][1] != b"\xff":
            raise Rejection("NON_CANONICAL", f"The {what} has an extension that does not say as DER does if it counts.")
        oid = _dotted(parts[0][2])
        if len(found) == MAX_EXTENSIONS:
            raise Rejection("LIMIT_EXCEEDED", f"The {what} has more than {MAX_EXTENSIONS} extensions.")
        if oid in found:
            raise Rejection("MALFORMED", f"The {what} has the extension {oid} twice.")
        found[oid] = _Extension(len(parts) == 3, parts[-1][1], whole)
    return found


def _precertificate(head: bytes, extensions: t.Mapping[str, _Extension]) -> bytes | None:
    if SCT_LIST not in extensions:
        return None
    rest = b"".join(one.whole for oid, one in extensions.items() if oid != SCT_LIST)
    return _element(SEQUENCE, head + _element(constructed(3), _element(SEQUENCE, rest)))


def _element(tag: int, contents: bytes) -> bytes:
    size = len(contents)
    if size < 0x80:
        return bytes((tag, size)) + contents
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + contents


def _read_extensions(extensions: t.Mapping[str, _Extension], what: str) -> dict[str, t.Any]:
    if PRECERT_POISON in extensions:
        raise Rejection("SCT_INVALID", f"The {what} is a precertificate, which only a certificate log may be shown.")
    values = {oid: one.value for oid, one in extensions.items()}
    found: dict[str, t.Any] = {
        "critical": frozenset(oid for oid, one in extensions.items() if one.critical),
        "scts": values.get(SCT_LIST),
        "claims": read_claims(values, what),
    }
    for oid, read in _READERS.items():
        if oid in values:
            found.update(read(values[oid], what))
    return found


def _basic_constraints(value: bytes, what: str) -> dict[str, t.Any]:
    outer = Reader(value, what)
    reader = outer.sequence()
    outer.end()
    is_ca = reader.next_is(BOOLEAN) and reader.boolean()
    if value[2:4] == b"\1\1" and not is_ca:
        raise Rejection("NON_CANONICAL", f"The {what} spells out that it is none of a CA, which DER does not allow.")
    length = reader.integer() if reader.next_is(INTEGER) else None
    reader.end()
    if length is not None and (length < 0 or not is_ca):
        raise Rejection("MALFORMED", f"The {what} has a path length that makes no sense.")
    return {"is_ca": is_ca, "path_length": length}


def _key_usage(value: bytes, what: str) -> dict[str, t.Any]:
    reader = Reader(value, what)
    octets = reader.bits()
    reader.end()
    return {"key_usage": octets[0] if octets else 0}


def _extended_key_usage(value: bytes, what: str) -> dict[str, t.Any]:
    outer = Reader(value, what)
    reader, usages = outer.sequence(), []
    outer.end()
    while reader.more():
        usages.append(reader.oid())
    return {"extended_key_usage": tuple(usages)}


def _alternative_names(value: bytes, what: str) -> dict[str, t.Any]:
    names = read_general_names(value, f"alternative name of the {what}")
    return {"general_names": names, "names": tuple(read_san(name, f"alternative name of the {what}") for name in names)}


def _subject_key_id(value: bytes, what: str) -> dict[str, t.Any]:
    reader = Reader(value, what)
    identifier = reader.octets()
    reader.end()
    return {"subject_key_id": identifier}


def _authority_key_id(value: bytes, what: str) -> dict[str, t.Any]:
    outer = Reader(value, what)
    identifier = outer.sequence().optional(context(0))
    outer.end()
    return {"authority_key_id": identifier.contents if identifier else None}


def _name_constraints(value: bytes, what: str) -> dict[str, t.Any]:
    return {"name_constraints": read_name_constraints(value, f"name constraints of the {what}")}


_READERS: dict[str, t.Callable[[bytes, str], dict[str, t.Any]]] = {
    BASIC_CONSTRAINTS: _basic_constraints,
    KEY_USAGE: _key_usage,
    EXTENDED_KEY_USAGE: _extended_key_usage,
    SUBJECT_ALTERNATIVE_NAME: _alternative_names,
    SUBJECT_KEY_ID: _subject_key_id,
    AUTHORITY_KEY_ID: _authority_key_id,
    NAME_CONSTRAINTS: _name_constraints,
}
