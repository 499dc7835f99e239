# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.general_name import (
    GeneralName,
    describe_name,
    read_distinguished_name,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.name_constraints import (
    NameConstraints,
    read_name_constraints,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.support.sigstore import der
from tests.support.sigstore.x509 import directory, distinguished_name, dns, email, ip, name_constraints, other_name, uri


def name(encoded: bytes) -> GeneralName:
    """A short general name, taken apart here and not by the reader."""
    assert encoded[1] < 0x80
    return GeneralName(encoded[0], encoded[2:])


def permits(base: bytes, one: bytes) -> bool:
    return not NameConstraints((name(base),), ()).refuses(name(one))


def excludes(base: bytes, one: bytes) -> bool:
    return NameConstraints((), (name(base),)).refuses(name(one))


def org(*values: str) -> bytes:
    keys = ("C", "O", "CN")
    return directory(distinguished_name(**dict(zip(keys, values, strict=False))))


INSIDE = [
    (dns("example.test"), dns("example.test")),
    (dns("example.test"), dns("a.b.EXAMPLE.test")),
    (dns("example.test"), dns("example.test.")),
    (dns(".example.test"), dns("a.example.test")),
    (dns(""), dns("anything.test")),
    (email("example.test"), email("a@Example.test")),
    (email(".example.test"), email("a@b.example.test")),
    (email("a@example.test"), email("a@EXAMPLE.test")),
    (uri("example.test"), uri("https://user@EXAMPLE.test:8443/path@x?y#z")),
    (uri(".example.test"), uri("https://a.b.example.test")),
    (ip("192.0.2.0/24"), ip("192.0.2.77")),
    (ip("2001:db8::/32"), ip("2001:db8:1::1")),
    (org("DE", "Example"), org("DE", "Example", "signer")),
    (org("DE", "Example"), org("DE", "  EXAMPLE ", "signer")),
    (directory(b"0\0"), org("DE")),
]
OUTSIDE = [
    (dns("example.test"), dns("badexample.test")),
    (dns("example.test"), dns("example.test.evil.test")),
    (dns(".example.test"), dns("example.test")),
    (email("example.test"), email("a@b.example.test")),
    (email(".example.test"), email("a@example.test")),
    (email("a@example.test"), email("A@example.test")),
    (email("a@example.test"), email("b@example.test")),
    (email("example.test"), email("a@example.test@evil.test")),
    (uri("example.test"), uri("https://a.example.test/")),
    (uri("example.test"), uri("https://evil.test/example.test")),
    (uri("example.test"), uri("https://example.test@evil.test/")),
    (uri(".example.test"), uri("https://example.test/")),
    (ip("192.0.2.0/24"), ip("192.0.3.1")),
    (ip("192.0.2.0/24"), ip("2001:db8::1")),
    (org("DE", "Example"), org("DE", "Other")),
    (org("DE", "Example"), org("DE")),
    (org("DE", "Example"), org("FR", "Example")),
]
UNDECIDED = [
    (dns("example.test"), dns("*.example.test")),
    (dns("*.example.test"), dns("a.example.test")),
    (email("example.test"), email("example.test")),
    (email("@example.test"), email("a@example.test")),
    (uri("example.test"), uri("urn:example.test")),
    (uri("example.test"), uri("https://192.0.2.1/")),
    (uri("example.test"), uri("https://[2001:db8::1]/")),
    (uri("example.test"), uri("https:///path")),
    (uri("example.test"), uri("https://ex%61mple.test/")),
    (uri("example.test"), uri("spiffe:example.test")),
    (name_ := other_name(der.utf8("me")), name_),
    (der.tlv(0x88, b"\x2a"), der.tlv(0x88, b"\x2a")),
    (der.tlv(0x87, b"\0" * 5), ip("192.0.2.1")),
]


@pytest.mark.attack("AT-30e")
@pytest.mark.parametrize(("base", "one"), INSIDE)
def test_inside(base: bytes, one: bytes) -> None:
    assert permits(base, one) and excludes(base, one)


@pytest.mark.attack("AT-30e")
@pytest.mark.parametrize(("base", "one"), OUTSIDE)
def test_outside(base: bytes, one: bytes) -> None:
    assert not permits(base, one) and not excludes(base, one)


@pytest.mark.attack("AT-30e")
@pytest.mark.parametrize(("base", "one"), UNDECIDED)
def test_what_cannot_be_said_is_refused(base: bytes, one: bytes) -> None:
    assert not permits(base, one) and excludes(base, one)


def test_kinds_do_not_constrain_each_other() -> None:
    assert permits(dns("example.test"), email("a@other.test"))
    assert not excludes(dns("example.test"), uri("https://example.test"))


def test_one_permitted_is_enough_and_one_excluded_too_much() -> None:
    trees = NameConstraints((name(dns("a.test")), name(dns("b.test"))), (name(dns("no.b.test")),))
    assert not trees.refuses(name(dns("x.b.test")))
    assert trees.refuses(name(dns("x.no.b.test"))) and trees.refuses(name(dns("c.test")))


def test_reads_constraints() -> None:
    made = name_constraints([dns("a.test"), email("b.test")], [uri("c.test")])
    found = read_name_constraints(made.value, "constraints")
    assert found.permitted == (name(dns("a.test")), name(email("b.test"))) and found.excluded == (name(uri("c.test")),)
    assert read_name_constraints(name_constraints().value, "constraints") == NameConstraints((), ())


@pytest.mark.attack("AT-23")
@pytest.mark.parametrize(
    "value",
    [
        der.sequence(der.tlv(0xA0, der.sequence(dns("a.test"), der.tlv(0x80, b"\1")))),
        der.sequence(der.tlv(0xA0, der.sequence(dns("a.test"), der.tlv(0x81, b"\1")))),
        der.sequence(der.tlv(0xA0, der.sequence())),
        der.sequence(der.tlv(0xA0, dns("a.test"))),
        der.sequence(der.tlv(0xA1), der.tlv(0xA0)),
        der.sequence(der.tlv(0xA2)),
        der.sequence() + b"\0",
        b"",
    ],
)
def test_constraints_that_cannot_be_read(value: bytes) -> None:
    with pytest.raises(Rejection) as caught:
        read_name_constraints(value, "constraints")
    assert caught.value.code in ("MALFORMED", "NON_CANONICAL")


def test_names_are_compared_whatever_their_kind_of_string() -> None:
    def made(encoded: bytes) -> bytes:
        return der.sequence(der.set_of(der.sequence(der.oid("2.5.4.10"), encoded)))

    bmp = der.tlv(0x1E, "ex ample".encode("utf-16-be"))
    spellings = [der.utf8("Ex Ample"), der.printable("ex ample"), der.ia5(" EX  ample"), bmp]
    assert len({read_distinguished_name(made(one), "name") for one in spellings}) == 1


@pytest.mark.attack("AT-24")
@pytest.mark.parametrize(
    ("encoded", "shown"),
    [
        (distinguished_name(O="sigstore.dev", CN="sigstore"), "O=sigstore.dev, CN=sigstore"),
        (distinguished_name(CN="a\nb\x1b[31m"), "CN=a?b?[31m"),
        (distinguished_name(), "an empty name"),
        (b"\x30\x05", "a name that cannot be read"),
        (der.sequence(der.set_of(der.sequence(der.oid("1.2.3"), der.octets(b"\xff")))), "1.2.3=\ufffd"),
    ],
)
def test_shows_a_name(encoded: bytes, shown: str) -> None:
    assert describe_name(encoded) == shown
    assert len(describe_name(distinguished_name(CN="x" * 5000))) <= 200
