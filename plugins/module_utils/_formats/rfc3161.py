# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import datetime
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.der import (
    NULL,
    OCTET_STRING,
    SEQUENCE,
    SET,
    Element,
    Reader,
    constructed,
    context,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

MAX_CERTIFICATES = 10
WHAT = "timestamp"

HASHES = {
    "1.2.840.113549.2.5": "md5",
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
"""The names of hash algorithms; any other is named by its object identifier."""

_STATUS = {2: "rejection", 3: "waiting", 4: "a warning of revocation", 5: "a notice of revocation"}
_SIGNED_DATA, _TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
_ONCE = (_CONTENT_TYPE, _MESSAGE_DIGEST, _SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_V2)


class Imprint(t.NamedTuple):
    """A hash of something: the algorithm's name (HASHES), and the octets."""

    algorithm: str
    digest: bytes


class TimestampInfo(t.NamedTuple):
    """What a timestamp authority states (TSTInfo): these octets existed at `time`, give or take `accuracy`."""

    policy: str
    imprint: Imprint
    serial: int
    time: datetime.datetime
    accuracy: datetime.timedelta
    nonce: int | None


class Signer(t.NamedTuple):
    """Who signed, and what was signed.

    Named by `issuer` (DER) and `serial`, or by `key_id`; `certificates` are the imprints of its certificate that it
    signed (ESS, one or two). `signature` (of `algorithm`, an object identifier) is over `attributes`, in which the
    imprint `content` of the statement stands.
    """

    issuer: bytes
    serial: int
    key_id: bytes | None
    certificates: tuple[Imprint, ...]
    content: Imprint
    attributes: bytes
    algorithm: str
    signature: bytes


class Token(t.NamedTuple):
    """A timestamp as its authority answered it; nothing of it is true before its signature verified.

    `content` is what `info` was read from; `certificates` are DER, as they came, in no order. `has_changes`: it was
    granted with changes to what was asked (status 1), which is signed by nobody.
    """

    info: TimestampInfo
    content: bytes
    certificates: tuple[bytes, ...]
    signer: Signer
    has_changes: bool


def parse_timestamp(data: bytes) -> Token:
    """Read a TimeStampResp (RFC 3161 §2.4.2) in DER, and the CMS signed data (RFC 5652) of exactly one signer in it.

    Raises TSA_INVALID where the authority refused to stamp, else MALFORMED, NON_CANONICAL or LIMIT_EXCEEDED.
    """
    top = Reader(data, WHAT)
    response = top.sequence()
    top.end()
    status = response.sequence().integer()
    if status not in (0, 1):
        raise Rejection(
            "TSA_INVALID",
            f"The timestamp authority did not grant the timestamp, it answered {_STATUS.get(status, status)}.",
        )
    content_info = response.sequence()
    response.end()
    if content_info.oid() != _SIGNED_DATA:
        raise _malformed("is no signed data")
    wrapper = _only(content_info)
    signed_data = wrapper.sequence()
    wrapper.end()
    if signed_data.integer() != 3:
        raise _malformed("is not of the version that RFC 3161 asks for")
    signed_data.set()
    content = _content(signed_data.sequence())
    certificates = _certificates(signed_data)
    signed_data.optional(constructed(1))
    signers = signed_data.set()
    signed_data.end()
    signer = _signer(signers.sequence())
    if signers.more():
        raise _malformed("has more than one signer")
    return Token(_info(content), content, certificates, signer, has_changes=status == 1)


def _malformed(fault: str) -> Rejection:
    return Rejection("MALFORMED", f"The {WHAT} {fault}; ask its authority for another one.")


def _only(outer: Reader, tag: int = constructed(0)) -> Reader:
    """The last element of `outer`, entered."""
    inner = outer.enter(tag)
    outer.end()
    return inner


def _algorithm(algorithm: Reader) -> str:
    # Parameters that are neither absent nor NULL belong to algorithms that no caller knows (RSA-PSS).
    name = algorithm.oid()
    if algorithm.next_is(NULL):
        algorithm.null()
    elif algorithm.more():
        algorithm.any()
        name = f"{name} with parameters"
    algorithm.end()
    return name


def _hash(algorithm: Reader) -> str:
    name = _algorithm(algorithm)
    return HASHES.get(name, name)


def _content(encapsulated: Reader) -> bytes:
    if encapsulated.oid() != _TST_INFO:
        raise _malformed("holds something else than the statement of a time")
    explicit = _only(encapsulated)
    content = explicit.octets()
    explicit.end()
    return content


def _certificates(signed_data: Reader) -> tuple[bytes, ...]:
    if not signed_data.next_is(constructed(0)):
        return ()
    found: list[Element] = []
    bag = signed_data.set(constructed(0))
    while bag.more():
        found.append(bag.any())
        if len(found) > MAX_CERTIFICATES:
            raise Rejection("LIMIT_EXCEEDED", f"The {WHAT} holds more than {MAX_CERTIFICATES} certificates.")
    return tuple(one.whole for one in found if one.tag == SEQUENCE)


def _info(content: bytes) -> TimestampInfo:
    top = Reader(content, WHAT)
    info = top.sequence()
    top.end()
    if info.integer() != 1:
        raise _malformed("states its time in an unknown version")
    policy = info.oid()
    imprint = info.sequence()
    found = Imprint(_hash(imprint.sequence()), imprint.octets())
    imprint.end()
    serial, time = info.integer(), info.generalized_time()
    accuracy = _accuracy(info.sequence()) if info.next_is(SEQUENCE) else datetime.timedelta()
    if info.next_is(0x01):
        info.boolean()
    nonce = info.integer() if info.next_is(0x02) else None
    info.optional(constructed(0))
    if info.next_is(constructed(1)):
        _refuse_critical(info.enter(constructed(1)))
    info.end()
    return TimestampInfo(policy, found, serial, time, accuracy, nonce)


def _accuracy(accuracy: Reader) -> datetime.timedelta:
    seconds = accuracy.integer() if accuracy.next_is(0x02) else 0
    millis, micros = (accuracy.integer(context(part)) if accuracy.next_is(context(part)) else 0 for part in (0, 1))
    accuracy.end()
    if not 0 <= seconds < 2**31 or not 0 <= millis <= 999 or not 0 <= micros <= 999:
        raise _malformed("states an accuracy that is none")
    return datetime.timedelta(seconds=seconds, milliseconds=millis, microseconds=micros)


def _refuse_critical(extensions: Reader) -> None:
    while extensions.more():
        extension = extensions.sequence()
        name = extension.oid()
        if extension.next_is(0x01) and extension.boolean():
            raise Rejection("TSA_INVALID", f"The {WHAT} has the critical extension {name}, which is not known here.")
        extension.octets()
        extension.end()


def _signer(signer: Reader) -> Signer:
    version = signer.integer()
    issuer, serial, key_id = b"", 0, None
    if signer.next_is(context(0)):
        key_id = signer.octets(context(0))
    else:
        named = signer.sequence()
        issuer, serial = named.take(SEQUENCE).whole, named.integer()
        named.end()
    if version != (1 if key_id is None else 3):
        raise _malformed("names its signer in an unknown version")
    digest_algorithm = _hash(signer.sequence())
    if not signer.next_is(constructed(0)):
        raise _malformed("has no signed attributes")
    attributes = signer.any()
    values = _attributes(Reader(attributes.contents, WHAT))
    algorithm, signature = _algorithm(signer.sequence()), signer.octets()
    signer.optional(constructed(1))
    signer.end()
    if _value(values, _CONTENT_TYPE).oid() != _TST_INFO:
        raise _malformed("was signed as something else than the statement of a time")
    return Signer(
        issuer=issuer,
        serial=serial,
        key_id=key_id,
        certificates=_certificate_ids(values),
        content=Imprint(digest_algorithm, _value(values, _MESSAGE_DIGEST).octets()),
        # What is signed is the SET OF, not the [0] that stands in its place (RFC 5652 §5.4).
        attributes=bytes([SET]) + attributes.whole[1:],
        algorithm=algorithm,
        signature=signature,
    )


def _attributes(attributes: Reader) -> dict[str, Reader]:
    """The values of the attributes that count, each of which stands there once."""
    found: dict[str, Reader] = {}
    while attributes.more():
        attribute = attributes.sequence()
        name = attribute.oid()
        values = _only(attribute, SET)
        if name in found:
            raise _malformed(f"has the signed attribute {name} twice")
        if name in _ONCE:
            found[name] = values
    return found


def _value(values: dict[str, Reader], name: str) -> Reader:
    """A reader that stands before the one value of an attribute."""
    if name not in values:
        raise _malformed(f"lacks the signed attribute {name}")
    one = values[name].any()
    values[name].end()
    return Reader(one.whole, WHAT)


def _certificate_ids(values: dict[str, Reader]) -> tuple[Imprint, ...]:
    """The first certificate of each ESS attribute: the signer's own (RFC 2634 §5.4, RFC 5035 §3)."""
    names = [name for name in (_SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_V2) if name in values]
    if not names:
        raise _malformed("does not say which certificate signed it")
    found = []
    for name in names:
        first = _value(values, name).sequence().sequence().sequence()
        algorithm = "sha1" if name == _SIGNING_CERTIFICATE else "sha256"
        if name == _SIGNING_CERTIFICATE_V2 and not first.next_is(OCTET_STRING):
            algorithm = _hash(first.sequence())
        found.append(Imprint(algorithm, first.octets()))
    return tuple(found)
