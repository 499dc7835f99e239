# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rfc3161 import Imprint, parse_timestamp
from tests.support.sigstore import der, tsa
from tests.support.sigstore.tsa import TimestampAuthority, attribute, ess_v1, ess_v2

SIGNATURE = b"a signature"
AT = datetime(2026, 6, 1, 12, 30, 15, tzinfo=UTC)
AUTHORITY = TimestampAuthority("p256")
INFO = AUTHORITY.statement(SIGNATURE, AT)
SERIAL = der.integer(AUTHORITY.leaf.certificate.serial_number)
CONTENT_TYPE = attribute(tsa.CONTENT_TYPE, der.oid(tsa.TST_INFO))
DIGEST = attribute(tsa.MESSAGE_DIGEST, der.octets(hashlib.sha256(INFO).digest()))
ESS = ess_v2(AUTHORITY.leaf)
# where DER's order puts them among the signed attributes
SIGNING_TIME, SIGNED_WITH = 1, 3
UNKNOWN = attribute("1.2.3.4", der.integer(1))


def stamp(**overrides: Any) -> bytes:
    return AUTHORITY.timestamp(SIGNATURE, AT, **overrides)


def test_a_token_is_read_to_its_fields() -> None:
    nonce, serial = 2**159 + 7, 2**158
    data = stamp(nonce=nonce, serial=serial, accuracy=der.sequence(der.integer(1), der.implicit(0, der.integer(500))))
    token = parse_timestamp(data)
    certificate = AUTHORITY.leaf.certificate
    assert (token.info.time, token.info.nonce, token.info.serial) == (AT, nonce, serial)
    assert token.info.imprint == Imprint("sha256", hashlib.sha256(SIGNATURE).digest())
    assert token.info.accuracy == timedelta(seconds=1.5)
    assert token.info.policy == tsa.POLICY
    assert token.certificates == (AUTHORITY.leaf.der,)
    assert token.signer.issuer == certificate.issuer.public_bytes()
    assert token.signer.serial == certificate.serial_number
    assert token.signer.certificates == (Imprint("sha256", hashlib.sha256(AUTHORITY.leaf.der).digest()),)
    assert token.signer.content == Imprint("sha256", hashlib.sha256(token.content).digest())
    assert token.signer.attributes[:1] == b"\x31"


def test_a_token_may_leave_out_what_is_optional() -> None:
    token = parse_timestamp(stamp(certificates=(), accuracy=b"", sid="key"))
    assert token.certificates == ()
    key_id = AUTHORITY.leaf.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert token.signer.key_id == key_id.digest
    assert (token.signer.issuer, token.signer.serial) == (b"", 0)
    assert token.info.accuracy == timedelta()
    assert token.info.nonce is None


def test_what_real_authorities_write_beside_is_read() -> None:
    assert parse_timestamp(stamp(certificates=[b""])).certificates == ()
    other_kind = der.implicit(3, der.sequence(der.oid("1.2.3")))
    assert parse_timestamp(stamp(certificates=[other_kind, AUTHORITY.leaf.der])).certificates == (AUTHORITY.leaf.der,)
    assert parse_timestamp(stamp(status=1, status_text="with changes")).info.time == AT
    assert parse_timestamp(stamp(ordering=der.boolean(True))).info.time == AT
    assert parse_timestamp(stamp(ess=[ess_v1(AUTHORITY.leaf), ESS])).signer.certificates[0].algorithm == "sha1"
    assert parse_timestamp(stamp(ess=[ess_v2(AUTHORITY.leaf, "sha512")])).signer.certificates[0].algorithm == "sha512"
    assert parse_timestamp(stamp(attributes=[CONTENT_TYPE, DIGEST, ESS, UNKNOWN])).info.time == AT
    assert parse_timestamp(stamp(unsigned=der.explicit(1, UNKNOWN))).info.time == AT
    harmless = der.implicit(1, der.sequence(der.sequence(der.oid("1.2.3"), der.octets(b""))))
    assert parse_timestamp(stamp(extensions=harmless)).info.time == AT


@pytest.mark.attack("AT-31i")
@pytest.mark.parametrize("fraction", [1, 500_000, 123_456])
def test_at_31i_a_time_may_have_a_fraction(fraction: int) -> None:
    at = AT.replace(microsecond=fraction)
    assert parse_timestamp(AUTHORITY.timestamp(SIGNATURE, at)).info.time == at


def accuracy(*parts: bytes) -> dict[str, bytes]:
    return {"accuracy": der.sequence(*parts)}


@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        pytest.param({"status": 2}, "TSA_INVALID", id="rejected", marks=pytest.mark.attack("AT-31e")),
        pytest.param({"status": 3}, "TSA_INVALID", id="waiting", marks=pytest.mark.attack("AT-31e")),
        pytest.param({"status": 99}, "TSA_INVALID", id="status-unknown", marks=pytest.mark.attack("AT-31e")),
        pytest.param({"status": -1}, "TSA_INVALID", id="status-negative", marks=pytest.mark.attack("AT-31e")),
        pytest.param({"version": 2}, "MALFORMED", id="version-2"),
        pytest.param({"content_type": tsa.DATA}, "MALFORMED", id="signed-as-data"),
        pytest.param({"signers": 0}, "MALFORMED", id="no-signer"),
        pytest.param({"signers": 2}, "MALFORMED", id="two-signers"),
        pytest.param({"attributes": []}, "MALFORMED", id="no-signed-attributes"),
        pytest.param({"attributes": [DIGEST, ESS]}, "MALFORMED", id="no-content-type"),
        pytest.param({"attributes": [CONTENT_TYPE, ESS]}, "MALFORMED", id="no-message-digest"),
        pytest.param({"attributes": [CONTENT_TYPE, DIGEST]}, "MALFORMED", id="no-signing-certificate"),
        pytest.param({"attributes": [CONTENT_TYPE, CONTENT_TYPE, DIGEST, ESS]}, "MALFORMED", id="two-content-types"),
        pytest.param({"attributes": [CONTENT_TYPE, DIGEST, DIGEST, ESS]}, "MALFORMED", id="two-digests"),
        pytest.param({"attributes": [CONTENT_TYPE, DIGEST, ESS, ESS]}, "MALFORMED", id="two-signing-certificates"),
        pytest.param(
            {"attributes": [CONTENT_TYPE, attribute(tsa.MESSAGE_DIGEST), ESS]}, "MALFORMED", id="digest-without-value"
        ),
        pytest.param(
            {"attributes": [CONTENT_TYPE, attribute(tsa.MESSAGE_DIGEST, der.octets(b"1"), der.octets(b"2")), ESS]},
            "NON_CANONICAL",
            id="digest-of-two-values",
        ),
        pytest.param(
            {"ess": [attribute(tsa.ESS_V2, der.sequence(der.sequence()))]},
            "MALFORMED",
            id="signing-certificate-of-none",
        ),
        pytest.param(
            accuracy(der.integer(-1)), "MALFORMED", id="accuracy-negative", marks=pytest.mark.attack("AT-31i")
        ),
        pytest.param(
            accuracy(der.integer(2**64)), "MALFORMED", id="accuracy-of-ages", marks=pytest.mark.attack("AT-31i")
        ),
        pytest.param(
            accuracy(der.implicit(0, der.integer(1000))), "MALFORMED", id="millis", marks=pytest.mark.attack("AT-31i")
        ),
        pytest.param(
            accuracy(der.implicit(1, der.integer(-5))), "MALFORMED", id="micros", marks=pytest.mark.attack("AT-31i")
        ),
        pytest.param(
            {"ordering": der.tlv(1, b"\x01")}, "NON_CANONICAL", id="ordering-01", marks=pytest.mark.attack("AT-31i")
        ),
        pytest.param(
            {"gen_time": der.tlv(0x18, b"20260601123015+0200")},
            "NON_CANONICAL",
            id="time-with-a-zone",
            marks=pytest.mark.attack("AT-31i"),
        ),
        pytest.param(
            {"gen_time": der.tlv(0x18, b"20260601123015.50Z")},
            "NON_CANONICAL",
            id="time-with-a-needless-zero",
            marks=pytest.mark.attack("AT-31i"),
        ),
        pytest.param(
            {"gen_time": der.tlv(0x18, b"20260631123015Z")},
            "MALFORMED",
            id="time-of-no-day",
            marks=pytest.mark.attack("AT-31i"),
        ),
        pytest.param({"gen_time": der.utc_time(AT)}, "MALFORMED", id="time-of-the-short-kind"),
        pytest.param(
            {
                "extensions": der.implicit(
                    1, der.sequence(der.sequence(der.oid("1.2.3"), der.boolean(True), der.octets(b"")))
                )
            },
            "TSA_INVALID",
            id="critical-extension",
        ),
        pytest.param({"extensions": der.integer(5)}, "NON_CANONICAL", id="more-in-the-statement"),
        pytest.param({"certificates": [AUTHORITY.leaf.der] * 11}, "LIMIT_EXCEEDED", id="eleven-certificates"),
        pytest.param({"serial": 2**600}, "LIMIT_EXCEEDED", id="serial-huge"),
        pytest.param({"imprint": b"x" * 65536}, "LIMIT_EXCEEDED", id="huge"),
        pytest.param({"info": b""}, "MALFORMED", id="statement-empty"),
        pytest.param({"info": INFO + b"\x00"}, "NON_CANONICAL", id="statement-with-more-behind"),
        pytest.param({"unsigned": der.integer(1)}, "NON_CANONICAL", id="more-in-the-signer"),
    ],
)
@pytest.mark.attack("AT-24")
def test_a_token_that_is_none_is_refused(overrides: dict[str, Any], code: str) -> None:
    with pytest.raises(Rejection) as refused:
        parse_timestamp(stamp(**overrides))
    assert refused.value.code == code


@pytest.mark.attack("AT-23", "AT-24")
@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"", "MALFORMED", id="empty"),
        pytest.param(stamp() + b"\x00", "NON_CANONICAL", id="trailing-data"),
        pytest.param(b"\x30\x80" + stamp()[4:] + b"\x00\x00", "NON_CANONICAL", id="indefinite-length"),
        pytest.param(der.sequence(der.sequence(der.integer(0))), "MALFORMED", id="granted-without-token"),
        pytest.param(
            der.sequence(der.sequence(der.integer(0)), der.sequence(der.oid(tsa.DATA), der.explicit(0, b""))),
            "MALFORMED",
            id="no-signed-data",
        ),
        pytest.param(stamp()[9:], "MALFORMED", id="the-token-without-its-response"),
    ],
)
def test_a_response_that_is_none_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(Rejection) as refused:
        parse_timestamp(data)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("before", "version"),
    [
        pytest.param(der.set_of(tsa.algorithm_of(tsa.HASH_OIDS["sha256"])), 1, id="signed-data"),
        pytest.param(der.sequence(AUTHORITY.leaf.certificate.issuer.public_bytes(), SERIAL), 3, id="signer"),
    ],
)
def test_versions_fit_what_they_are_versions_of(before: bytes, version: int) -> None:
    data = stamp()
    at = data.index(before) - 1
    with pytest.raises(Rejection) as refused:
        parse_timestamp(data[:at] + bytes([version]) + data[at + 1 :])
    assert refused.value.code == "MALFORMED"


def grow(data: bytes, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], bytes]]:
    """The elements `data` with more at the end of each constructed one, one at a time, and which one it was."""
    at = number = 0
    while at < len(data):
        size, body = data[at + 1], at + 2
        if size > 0x80:
            body += size & 0x7F
            size = int.from_bytes(data[at + 2 : body], "big")
        end, own = body + size, (*path, number)
        if data[at] & 0x20:
            inner = data[body:end]
            for where, one in ((own, inner + der.null() + der.null()), *grow(inner, own)):
                yield where, data[:at] + der.tlv(data[at], one) + data[end:]
        at, number = end, number + 1


def accepted(versions: Iterator[tuple[tuple[int, ...], bytes]]) -> set[tuple[int, ...]]:
    found = set()
    for where, data in versions:
        with suppress(Rejection):
            parse_timestamp(data)
            found.add(where)
    return found


@pytest.mark.attack("AT-23")
def test_no_element_may_hold_more_than_it_has_in_the_standard() -> None:
    """But where what follows is not read: texts, names, lists that repeat others, attributes that decide nothing."""
    extension = der.sequence(der.oid("1.2.3"), der.octets(b""))
    info = AUTHORITY.statement(SIGNATURE, AT, extensions=der.implicit(1, der.sequence(extension)))
    name_of_authority = {where for where, _one in grow(info) if where[:2] == (0, 6)}
    assert accepted((where, stamp(info=one)) for where, one in grow(info)) == name_of_authority
    signed_data, signer = (0, 1, 1, 0), (0, 1, 1, 0, 3, 0)
    unread = [(0, 0), (*signed_data, 1), (*signer, 1, 0), (*signer, 3, SIGNING_TIME), (*signer, 3, SIGNED_WITH, 1, 0)]
    for where in accepted(grow(stamp(certificates=()))):
        assert any(where[: len(one)] == one for one in unread), where


def test_a_hash_with_parameters_is_another_hash() -> None:
    algorithm = der.sequence(der.oid(tsa.HASH_OIDS["sha256"]), der.sequence())
    imprint = der.sequence(algorithm, der.octets(bytes(32)))
    info = der.sequence(der.integer(1), der.oid("1.2"), imprint, der.integer(1), der.generalized_time(AT))
    assert parse_timestamp(stamp(info=info)).info.imprint.algorithm not in tsa.HASH_OIDS


@pytest.mark.attack("AT-24")
def test_every_truncation_is_refused() -> None:
    data = stamp()
    for size in range(len(data)):
        with pytest.raises(Rejection):
            parse_timestamp(data[:size])


@pytest.mark.attack("AT-24")
@given(st.lists(st.tuples(st.integers(0, 1500), st.binary(max_size=4)), max_size=4), st.binary(max_size=200))
def test_damaged_tokens_end_in_a_rejection_or_are_read(edits: list[tuple[int, bytes]], tail: bytes) -> None:
    data = stamp(certificates=())
    for at, new in edits:
        data = data[:at] + new + data[at + len(new) :]
    for one in (data, data + tail, tail):
        with suppress(Rejection):
            parse_timestamp(one)


def test_tokens_of_real_authorities_are_read(vectors: Path) -> None:
    seen: set[bytes] = set()
    for file in sorted(vectors.glob("sigstore-conformance/*/bundle.sigstore.json")):
        with suppress(ValueError, KeyError, TypeError):
            material = json.loads(file.read_bytes())["verificationMaterial"]
            for one in material["timestampVerificationData"]["rfc3161Timestamps"]:
                seen.add(base64.b64decode(one["signedTimestamp"]))
    assert len(seen) >= 8
    for data in seen:
        token = parse_timestamp(data)
        assert hashlib.new(token.signer.content.algorithm, token.content).digest() == token.signer.content.digest
