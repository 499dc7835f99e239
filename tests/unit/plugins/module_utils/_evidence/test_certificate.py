# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import random
import typing as t
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import (
    Certificate,
    parse_certificate,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.general_name import San
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.support.sigstore import der
from tests.support.sigstore.ca import CertificateAuthority
from tests.support.sigstore.ct import CtLog
from tests.support.sigstore.x509 import (
    CLAIMS,
    CODE_SIGNING,
    FULCIO,
    Extension,
    alternative_names,
    directory,
    distinguished_name,
    dns,
    email,
    ip,
    issuer_extensions,
    name_constraints,
    other_name,
    uri,
)

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
CA = CertificateAuthority(AT)


def issue(**wanted: t.Any) -> Certificate:
    return parse_certificate(CA.issue(KEY, AT, **wanted), "certificate")


def refused(data: bytes) -> Rejection:
    with pytest.raises(Rejection) as caught:
        parse_certificate(data, "certificate")
    return caught.value


def refused_issue(**wanted: t.Any) -> str:
    return refused(CA.issue(KEY, AT, **wanted)).code


def test_reads_what_fulcio_writes() -> None:
    claims = {name: f"value of {name} é" for name in CLAIMS}
    data = CA.issue(KEY, AT, san="https://git.test/workflow.yml@refs/heads/main", claims=claims, ct=CtLog())
    found, other = parse_certificate(data, "certificate"), x509.load_der_x509_certificate(data)
    assert found.names == (San("uri", "https://git.test/workflow.yml@refs/heads/main"),)
    assert found.claims == claims | {"issuer": "https://issuer.sigstore.test"}
    assert found.oidc_issuer == "https://issuer.sigstore.test"
    assert (found.not_before, found.not_after) == (AT, AT + timedelta(minutes=10))
    assert found.key.spki == KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert (found.is_ca, found.key_usage, found.extended_key_usage) == (False, 0x80, (CODE_SIGNING,))
    assert found.issuer == other.issuer.public_bytes()
    assert found.subject == b"\x30\x00" and not found.is_self_issued
    assert found.serial == other.serial_number
    assert found.tbs == other.tbs_certificate_bytes and found.signature == other.signature
    assert found.precertificate == other.tbs_precertificate_bytes
    assert found.authority_key_id is not None and not found.unknown_critical
    assert str(found) == "'https://git.test/workflow.yml@refs/heads/main'"


def test_reads_a_ca_once() -> None:
    root = parse_certificate(CA.root.der, "root")
    assert root.is_ca and root.is_self_issued and root.path_length is None and root.key_usage == 0x06
    assert parse_certificate(bytes(bytearray(CA.root.der)), "root") is root
    assert str(root) == "'O=sigstore.test, CN=sigstore'"


@pytest.mark.parametrize(
    ("san", "expected"),
    [
        (email("Signer@example.test"), San("email", "Signer@example.test")),
        (uri("https://a.test/?q=%C3%A9"), San("uri", "https://a.test/?q=%C3%A9")),
        (dns("build.example.test"), San("dns", "build.example.test")),
        (ip("192.0.2.7"), San("ip", "192.0.2.7")),
        (ip("2001:db8::7"), San("ip", "2001:db8::7")),
        (other_name(der.utf8("ünï!code")), San("other", "ünï!code")),
        (other_name(der.utf8("name@corp"), "1.3.6.1.4.1.311.20.2.3"), San("unusable", "")),
        (directory(distinguished_name(CN="signer@example.test")), San("unusable", "")),
    ],
)
@pytest.mark.attack("AT-36f")
def test_reads_each_kind_of_name(san: bytes, expected: San) -> None:
    assert issue(san=san).names == (expected,)


@pytest.mark.attack("AT-36d")
def test_keeps_all_names() -> None:
    assert [name.value for name in issue(san=["a@x.test", "b@x.test"]).names] == ["a@x.test", "b@x.test"]


@pytest.mark.attack("AT-36e")
def test_a_common_name_is_no_identity() -> None:
    assert issue(san=(), subject=distinguished_name(CN="signer@sigstore.test")).names == ()


@pytest.mark.attack("AT-36a", "AT-36b", "AT-36j")
@pytest.mark.parametrize(
    "text", ["https://x.test/", "https://X.test", "HTTPS://x.test", "https://x.test/%41", "https://x.test/xn--e"]
)
def test_names_are_kept_as_they_are_spelled(text: str) -> None:
    found = issue(san=uri(text), issuer=text)
    assert found.names[0].value == text and found.oidc_issuer == text


@pytest.mark.attack("AT-36f", "AT-36i", "AT-23")
@pytest.mark.parametrize(
    "san",
    [
        email(b"good@x.test\0evil"),
        uri(b"https://x.test/\0"),
        dns(b"x.test\0.evil.test"),
        email(b"a\n@x.test"),
        uri(b"https://x.test/\x7f"),
        email("é@x.test"),
        email(b""),
        uri("https://x.test/\N{CYRILLIC SMALL LETTER A}"),
        other_name(der.utf8("good\0evil")),
        other_name(der.utf8("good\x85evil")),
        other_name(der.tlv(0x0C, b"\xc3")),
        other_name(der.ia5("name")),
        other_name(der.sequence(der.utf8("name"))),
        der.tlv(0xA0, der.oid(FULCIO + "7"), der.utf8("name")),
        der.tlv(0x87, b"\x7f\x00\x00"),
    ],
)
def test_a_name_that_cannot_be_shown_exactly(san: bytes) -> None:
    assert refused_issue(san=san) == "MALFORMED"


@pytest.mark.attack("AT-36f", "AT-23")
@pytest.mark.parametrize(
    "san",
    [
        other_name(der.utf8("name") + der.utf8("another")),
        der.tlv(0xA0, der.oid(FULCIO + "7"), der.explicit(0, der.utf8("name")), der.null()),
    ],
)
def test_a_name_with_more_behind_it(san: bytes) -> None:
    assert refused_issue(san=san) == "NON_CANONICAL"


@pytest.mark.attack("AT-04")
def test_bounds_the_names() -> None:
    assert len(issue(san=["a@x.test"] * 32).names) == 32
    assert refused_issue(san=["a@x.test"] * 33) == "LIMIT_EXCEEDED"
    assert refused_issue(extensions=[name_constraints([dns("a")] * 257)]) == "LIMIT_EXCEEDED"
    assert refused(CA.issue(KEY, AT, extensions=[Extension("1.2.3", bytes(65536))])).code == "LIMIT_EXCEEDED"


@pytest.mark.attack("AT-36g")
def test_both_issuers_must_agree() -> None:
    assert issue(issuer_v1="").oidc_issuer == "https://issuer.sigstore.test"
    assert issue(issuer=None, issuer_v1="https://old.test").oidc_issuer == "https://old.test"
    assert issue(issuer=None).oidc_issuer is None
    rejection = refused(CA.issue(KEY, AT, issuer="https://a.test", issuer_v1="https://b.test"))
    assert rejection.code == "ISSUER_MISMATCH"
    assert "'https://b.test' and 'https://a.test'" in rejection.message


@pytest.mark.attack("AT-36h")
@pytest.mark.parametrize(
    ("last", "value", "code"),
    [
        ("1", b"\xff", "MALFORMED"),
        ("5", b"\xc3", "MALFORMED"),
        ("8", b"https://issuer.sigstore.test", "MALFORMED"),
        ("8", der.ia5("https://issuer.sigstore.test"), "MALFORMED"),
        ("8", der.utf8("https://issuer.sigstore.test") + b"\0", "NON_CANONICAL"),
        ("8", b"\x0c\x81\x01a", "NON_CANONICAL"),
        ("8", b"", "MALFORMED"),
        ("12", der.tlv(0x0C, b"\xff"), "MALFORMED"),
        ("24", b"\x2c\x03\x0c\x01a", "MALFORMED"),
    ],
)
def test_a_claim_that_cannot_be_read(last: str, value: bytes, code: str) -> None:
    assert refused_issue(issuer=None, extensions=[Extension(FULCIO + last, value)]) == code


def test_a_claim_that_is_not_known_is_left_out() -> None:
    assert issue(extensions=[Extension(FULCIO + "99", b"\xff")]).claims == {"issuer": "https://issuer.sigstore.test"}


@pytest.mark.attack("AT-23", "AT-24")
@pytest.mark.parametrize(
    "wanted",
    [
        {"extensions": issuer_extensions(None, "https://issuer.sigstore.test")},
        {"extensions": [alternative_names("signer@sigstore.test")]},
        {"extensions": [alternative_names()], "san": ()},
        {"version": 1},
        {"serial": -1},
        {"version": 0},
        {"inner_algorithm": der.sequence(der.oid("1.2.840.10045.4.3.2"))},
        {"is_ca": False, "path_length": 0},
        {"is_ca": True, "path_length": -1},
        {"extensions": [Extension("2.5.29.37", der.utf8("codeSigning"))], "extended_usage": None},
        {"extensions": [Extension("2.5.29.15", der.null())], "usage": None},
        {"public_key_": der.sequence(der.null())},
    ],
)
def test_what_no_certificate_may_be(wanted: dict[str, t.Any]) -> None:
    key = wanted.pop("public_key_", KEY)
    assert refused(CA.issue(key, AT, **wanted)).code in ("MALFORMED", "POLICY_UNSUPPORTED")


@pytest.mark.attack("AT-23")
@pytest.mark.parametrize(
    "extension",
    [
        Extension("2.5.29.19", der.sequence(der.boolean(False))),
        Extension("2.5.29.19", der.sequence(der.tlv(1, b"\1"))),
        Extension("2.5.29.19", der.sequence() + der.null()),
        Extension("2.5.29.15", b"\x03\x02\x07\xc0"),
    ],
)
def test_an_extension_that_is_not_der(extension: Extension) -> None:
    assert refused_issue(usage=None, extensions=[extension]) == "NON_CANONICAL"


@pytest.mark.attack("AT-23")
def test_a_critical_flag_that_is_not_der() -> None:
    data = CA.issue(KEY, AT, extensions=[Extension("1.2.3", b"abc", True)])
    whole = Extension("1.2.3", b"abc", True).encoded()
    assert whole in data
    for flag in (b"\x00", b"\x01"):
        assert refused(data.replace(whole, whole.replace(b"\x01\x01\xff", b"\x01\x01" + flag))).code == "NON_CANONICAL"


@pytest.mark.attack("AT-23")
def test_bytes_that_no_reader_needs() -> None:
    data = CA.issue(KEY, AT)
    assert refused(data + b"\0").code == "NON_CANONICAL"
    assert refused(CA.issue(KEY, AT, trailing=der.null())).code == "NON_CANONICAL"
    assert refused(b"\x30\x80" + data[4:] + b"\0\0").code == "NON_CANONICAL"
    assert refused(b"\x30\x83\0" + data[2:]).code == "NON_CANONICAL"
    assert refused(b"").code == "MALFORMED"
    unused_bits = len(data) - len(parse_certificate(data, "certificate").signature) - 1
    unused = data[:unused_bits] + b"\1" + data[unused_bits + 1 :]
    assert refused(unused).code == "NON_CANONICAL"


@pytest.mark.attack("AT-23")
@pytest.mark.parametrize(
    ("key", "code"),
    [
        (ec.generate_private_key(ec.SECP256K1()), "POLICY_UNSUPPORTED"),
        (rsa.generate_private_key(3, 2048), "POLICY_UNSUPPORTED"),
        (rsa.generate_private_key(65537, 1024), "POLICY_UNSUPPORTED"),  # noqa: S505 - refused
        (
            der.sequence(
                der.sequence(der.oid("1.2.840.10045.2.1"), der.oid("1.2.840.10045.3.1.7")),
                der.bits(
                    KEY.public_key().public_bytes(
                        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
                    )
                ),
            ),
            "NON_CANONICAL",
        ),
    ],
    ids=["secp256k1", "rsa-e3", "rsa-1024", "compressed"],
)
def test_keys_that_are_not_read(key: t.Any, code: str) -> None:
    assert refused(CA.issue(key, AT)).code == code


@pytest.mark.attack("AT-32")
def test_at_32_a_precertificate() -> None:
    poison = Extension("1.3.6.1.4.1.11129.2.4.3", der.null(), True)
    assert refused_issue(extensions=[poison]) == "SCT_INVALID"


def test_remembers_critical_extensions() -> None:
    found = issue(extensions=[Extension("1.2.3.4", b"", True), Extension("1.2.3.5", b"")])
    assert found.unknown_critical == {"1.2.3.4"}
    assert "2.5.29.15" in found.critical


def test_times_after_2049() -> None:
    assert issue(not_after=datetime(2050, 1, 1, tzinfo=UTC)).not_after == datetime(2050, 1, 1, tzinfo=UTC)


@pytest.mark.attack("AT-24")
def test_at_24_whatever_the_bytes() -> None:
    log = CtLog()
    data = CA.issue(KEY, AT, claims={"build_trigger": "push"}, ct=log, san=["https://x.test/y", "a@x.test"])
    seed = random.Random(24)
    for cut in range(len(data)):
        assert refused(data[:cut]).code in ("MALFORMED", "NON_CANONICAL")
    for position in range(len(data)):
        for mask in (0x01, 0x80, seed.randrange(1, 256)):
            changed = bytearray(data)
            changed[position] ^= mask
            _read_or_refuse(bytes(changed))
    for _round in range(1500):
        changed = bytearray(data)
        for _change in range(seed.randrange(2, 6)):
            start = seed.randrange(len(changed))
            changed[start : start + seed.randrange(4)] = seed.randbytes(seed.randrange(4))
        _read_or_refuse(bytes(changed))


def _read_or_refuse(data: bytes) -> None:
    try:
        found = parse_certificate(data, "certificate")
    except Rejection:
        return
    # What is read is also what the other reader reads, to the byte (it warns about the serial number 0).
    if found.serial == 0:
        return
    other = x509.load_der_x509_certificate(data)
    assert found.tbs == other.tbs_certificate_bytes
    assert found.not_before == other.not_valid_before_utc
    assert str(found)
