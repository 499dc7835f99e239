# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import (
    Certificate,
    parse_certificate,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.chain import (
    TIME_STAMPING,
    Chain,
    build_chain,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import ALWAYS, Authority, Window
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.support.sigstore.ca import Ca, CertificateAuthority
from tests.support.sigstore.x509 import (
    ANY_USAGE,
    CERT_SIGN,
    CODE_SIGNING,
    DIGITAL_SIGNATURE,
    Extension,
    authority_key_id,
    directory,
    distinguished_name,
    extended_key_usage,
    uri,
)
from tests.support.sigstore.x509 import name_constraints as constraints

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
KEY = ec.generate_private_key(ec.SECP256R1())
CA = CertificateAuthority(AT)


def small() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def read(data: bytes) -> Certificate:
    return parse_certificate(data, "certificate")


def trust(ca: CertificateAuthority, window: Window = ALWAYS) -> Authority:
    return Authority((read(ca.root.der),), tuple(read(one.der) for one in ca.intermediates), window, "https://ca.test")


def anchors(*roots: Ca) -> Authority:
    return Authority(tuple(read(one.der) for one in roots))


def build(
    leaf: bytes,
    *authorities: Authority,
    attached: t.Sequence[bytes] = (),
    times: t.Sequence[datetime] = (AT,),
    usage: str = CODE_SIGNING,
) -> Chain:
    return build_chain(read(leaf), [read(one) for one in attached], authorities, times, usage)


def refused(leaf: bytes, *authorities: Authority, **wanted: t.Any) -> Rejection:
    with pytest.raises(Rejection) as caught:
        build(leaf, *authorities, **wanted)
    return caught.value


def invalid(leaf: bytes, *authorities: Authority, **wanted: t.Any) -> str:
    rejection = refused(leaf, *authorities, **wanted)
    assert rejection.code == "CHAIN_INVALID"
    return rejection.message


def test_leaf_intermediate_root() -> None:
    chain = build(CA.issue(KEY, AT), trust(CertificateAuthority(AT)), trust(CA))
    assert [one.der for one in chain.path[1:]] == [CA.intermediates[0].der, CA.root.der]
    assert chain.authority.anchors[0].der == CA.root.der


def test_attached_intermediates_are_on_the_path() -> None:
    leaf = CA.issue(KEY, AT)
    assert "no path leads" in invalid(leaf, anchors(CA.root))
    assert len(build(leaf, anchors(CA.root), attached=[CA.intermediates[0].der]).path) == 3


def test_an_anchor_need_not_be_self_signed() -> None:
    chain = build(CA.issue(KEY, AT), anchors(CA.intermediates[0]))
    assert [one.der for one in chain.path[1:]] == [CA.intermediates[0].der]


def new_rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(
    ("make", "hash_name", "pss"),
    [
        (small, "", False),
        (small, "sha512", False),
        (lambda: ec.generate_private_key(ec.SECP521R1()), "", False),
        (ed25519.Ed25519PrivateKey.generate, "", False),
        *((new_rsa, hash_name, pss) for pss in (False, True) for hash_name in ("sha256", "sha384", "sha512")),
    ],
)
def test_kinds_of_signatures(make: t.Callable[[], t.Any], hash_name: str, pss: bool) -> None:
    hashed = {"hash_name": hash_name}
    own = CertificateAuthority(AT, key=make, root=hashed, intermediate=hashed, pss=pss)
    leaf = own.issue(KEY, AT)
    assert len(build(leaf, trust(own)).path) == 3
    assert invalid(leaf[:-1] + bytes([leaf[-1] ^ 1]), trust(own))


@pytest.mark.attack("AT-30e")
@pytest.mark.parametrize("make", [small, new_rsa])
def test_sha1_does_not_count(make: t.Callable[[], t.Any]) -> None:
    own = CertificateAuthority(AT, key=make, intermediate={"hash_name": "sha1"})
    assert "of a kind that is not accepted" in invalid(own.issue(KEY, AT), trust(own))


def test_an_algorithm_that_is_not_the_key_s() -> None:
    own, other = (
        CertificateAuthority(AT, key=small),
        CertificateAuthority(AT, key=lambda: rsa.generate_private_key(65537, 2048)),
    )
    assert "made its signature" in invalid(own.issue(KEY, AT), trust(other))


@pytest.mark.attack("AT-30e")
def test_at_30e_another_root_of_the_same_name() -> None:
    assert "no trusted CA of that name made its signature" in invalid(
        CA.issue(KEY, AT), trust(CertificateAuthority(AT))
    )
    assert "no path leads" in invalid(CA.issue(KEY, AT), trust(CertificateAuthority(AT, organization="other")))
    assert "no path leads" in invalid(CA.issue(KEY, AT))


@pytest.mark.attack("AT-30e")
def test_at_30e_intermediate_signed_by_another_root() -> None:
    other = CertificateAuthority(AT)
    assert invalid(CA.issue(KEY, AT), Authority((read(other.root.der),), (read(CA.intermediates[0].der),)))
    assert invalid(CA.issue(KEY, AT), anchors(other.root), attached=[CA.intermediates[0].der])


@pytest.mark.attack("AT-30f")
def test_at_30f_an_attached_root_anchors_nothing() -> None:
    other = CertificateAuthority(AT)
    assert invalid(other.issue(KEY, AT), trust(CA), attached=other.chain)
    assert len(build(CA.issue(KEY, AT), trust(CA), attached=[*other.chain, *CA.chain]).path) == 3
    assert len(build(CA.issue(KEY, AT), anchors(CA.root), attached=CA.chain[::-1]).path) == 3


@pytest.mark.attack("AT-30e")
def test_at_30e_a_self_signed_leaf() -> None:
    root = CA.subordinate(None, "own", key=KEY)
    own = CA.issue(KEY, AT, by=root, subject=root.subject)
    assert "no path leads" in invalid(own, trust(CA), attached=[own])
    assert invalid(own, Authority((read(own),)))
    assert "with its own key" in invalid(own, anchors(root))


@pytest.mark.attack("AT-30e")
@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"is_ca": True}, "one of a CA"),
        ({"is_ca": True, "usage": (CERT_SIGN, DIGITAL_SIGNATURE)}, "one of a CA"),
        ({"usage": None}, "digitalSignature"),
        ({"usage": ()}, "digitalSignature"),
        ({"usage": (1, 2)}, "digitalSignature"),
        ({"extended_usage": None}, "code signing"),
        ({"extended_usage": (TIME_STAMPING,)}, "code signing"),
        ({"extended_usage": (ANY_USAGE,)}, "code signing"),
        ({"extensions": [Extension("1.2.3.4", b"", True)]}, "critical extension 1.2.3.4"),
        ({"extensions": [Extension("2.5.29.36", b"0\0", True)]}, "critical extension 2.5.29.36"),
    ],
)
def test_at_30e_what_a_leaf_must_be(wanted: dict[str, t.Any], message: str) -> None:
    assert message in invalid(CA.issue(KEY, AT, **wanted), trust(CA))


def test_a_leaf_for_timestamps() -> None:
    own = CertificateAuthority(AT, intermediate={"extensions": [extended_key_usage(TIME_STAMPING)]})
    leaf = own.issue(KEY, AT, extended_usage=(TIME_STAMPING,), usage=None)
    assert build(leaf, trust(own), usage=TIME_STAMPING)
    assert invalid(leaf, trust(own))
    signer = own.issue(KEY, AT, extended_usage=(TIME_STAMPING,))
    assert "not for code signing" in invalid(signer, trust(own))
    assert "not for time stamping" in invalid(own.issue(KEY, AT), trust(own), usage=TIME_STAMPING)


@pytest.mark.attack("AT-30e")
@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"is_ca": None}, "no path leads"),
        ({"is_ca": False}, "no path leads"),
        ({"usage": (DIGITAL_SIGNATURE,)}, "keyCertSign"),
        ({"extensions": [extended_key_usage(TIME_STAMPING)]}, "may not certify for code signing"),
        ({"extensions": [Extension("1.2.3.4", b"", True)]}, "critical extension 1.2.3.4"),
        ({"extensions": [constraints([uri("build.test")])]}, "name constraints"),
    ],
)
def test_at_30e_what_an_intermediate_must_be(wanted: dict[str, t.Any], message: str) -> None:
    own = CertificateAuthority(AT, intermediate={"path_length": None} | wanted)
    assert message in invalid(own.issue(KEY, AT, san="https://sigstore.test/x"), trust(own))


@pytest.mark.attack("AT-30e")
@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"is_ca": False}, "not one of a CA"),
        ({"is_ca": None}, "not one of a CA"),
        ({"usage": (DIGITAL_SIGNATURE,)}, "keyCertSign"),
        ({"path_length": 0}, "allows 0 CAs below it, but there are 1"),
        ({"extensions": [extended_key_usage(TIME_STAMPING)]}, "may not certify for code signing"),
        ({"extensions": [constraints(excluded=[uri("sigstore.test")])]}, "name constraints"),
        ({"extensions": [Extension("1.2.3.4", b"", True)]}, "critical extension 1.2.3.4"),
    ],
)
def test_at_30e_what_a_root_must_be(wanted: dict[str, t.Any], message: str) -> None:
    own = CertificateAuthority(AT, root=wanted)
    assert message in invalid(own.issue(KEY, AT, san="https://sigstore.test/x"), trust(own))


def test_what_a_ca_may_leave_out() -> None:
    own = CertificateAuthority(AT, root={"usage": None}, intermediate={"extensions": [extended_key_usage(ANY_USAGE)]})
    assert len(build(own.issue(KEY, AT), trust(own)).path) == 3


@pytest.mark.attack("AT-30e")
def test_at_30e_a_leaf_issues_nothing() -> None:
    middle_key = small()
    middle = Ca(distinguished_name(CN="middle"), middle_key)
    middle.der = CA.issue(middle_key, AT, subject=middle.subject)
    assert invalid(CA.issue(KEY, AT, by=middle), trust(CA), attached=[middle.der])


@pytest.mark.attack("AT-30e")
def test_at_30e_path_length_counts_no_self_issued() -> None:
    own = CertificateAuthority(AT, root={"path_length": 1}, intermediate={"path_length": None})
    first = own.intermediates[0]
    again = own.subordinate(first, "", subject=first.subject)
    deeper = own.subordinate(first, "deeper")
    assert len(build(own.issue(KEY, AT, by=again), trust(own), attached=[again.der]).path) == 4
    assert "allows 1 CAs" in invalid(own.issue(KEY, AT, by=deeper), trust(own), attached=[deeper.der])


def test_bounds_the_path() -> None:
    own = CertificateAuthority(AT, intermediates=0, key=small)
    line = [own.root]
    for number in range(9):
        line.append(own.subordinate(line[-1], f"ca {number}"))
    attached = [one.der for one in line[1:]]
    assert len(build(own.issue(KEY, AT, by=line[8]), trust(own), attached=attached).path) == 10
    assert invalid(own.issue(KEY, AT, by=line[9]), trust(own), attached=attached)


@pytest.mark.attack("AT-04")
def test_bounds_the_signatures_looked_at() -> None:
    own = CertificateAuthority(AT, intermediates=0, key=small)
    one = Ca(distinguished_name(CN="same"), small())
    # All of one name and key: each may have issued each.
    attached = [own.subordinate(one, "", subject=one.subject, key=one.key).der for dummy in range(12)]
    assert refused(own.issue(KEY, AT, by=one), trust(own), attached=attached).code == "LIMIT_EXCEEDED"


@pytest.mark.attack("AT-32")
def test_two_intermediates_of_one_name() -> None:
    own = CertificateAuthority(AT, intermediates=2, same_subject=True)
    for one in own.intermediates:
        leaf = own.issue(KEY, AT, by=one)
        for order in (own.intermediates, own.intermediates[::-1]):
            authority = Authority((read(own.root.der),), tuple(read(ca.der) for ca in order))
            assert build(leaf, authority).path[1].der == one.der


def test_a_key_id_is_only_a_hint() -> None:
    own = CertificateAuthority(AT, intermediates=2, same_subject=True)
    first, second = own.intermediates
    leaf = first.certify(
        b"\x30\x00",
        KEY,
        AT,
        AT + DAY,
        [
            authority_key_id(second.key),
            extended_key_usage(CODE_SIGNING),
            Extension("2.5.29.15", b"\x03\x02\x07\x80", True),
        ],
    )
    assert build(leaf, trust(own)).path[1].der == first.der


@pytest.mark.attack("AT-30e")
def test_at_30e_names_of_cas_are_constrained_too() -> None:
    only = constraints([directory(distinguished_name(O="sigstore.test"))])
    own = CertificateAuthority(AT, root={"extensions": [only]})
    assert build(own.issue(KEY, AT), trust(own))
    assert build(own.issue(KEY, AT, subject=distinguished_name(O="sigstore.test", CN="signer")), trust(own))
    other = distinguished_name(O="other.test", CN="signer")
    assert "name constraints" in invalid(own.issue(KEY, AT, subject=other), trust(own))
    middle = own.subordinate(own.root, "", subject=other)
    assert "certify 'O=other.test" in invalid(own.issue(KEY, AT, by=middle), trust(own), attached=[middle.der])


@pytest.mark.attack("AT-30e")
def test_at_30e_cross_signed() -> None:
    other = CertificateAuthority(AT, organization="other")
    first = CA.intermediates[0]
    crossed = other.subordinate(other.root, "", subject=first.subject, key=first.key)
    leaf = CA.issue(KEY, AT)
    assert build(leaf, trust(other), attached=[first.der, crossed.der]).path[1].der == crossed.der
    assert invalid(leaf, trust(other), attached=[first.der])


def test_a_bad_path_does_not_hide_a_good_one() -> None:
    own = CertificateAuthority(AT)
    first = own.intermediates[0]
    expired = own.subordinate(own.root, "", subject=first.subject, key=first.key, not_after=AT - DAY)
    for order in ((expired, first), (first, expired)):
        authority = Authority((read(own.root.der),), tuple(read(one.der) for one in order))
        assert build(own.issue(KEY, AT), authority).path[1].der == first.der


@pytest.mark.attack("AT-30a")
def test_at_30a_no_time_no_chain() -> None:
    assert refused(CA.issue(KEY, AT), trust(CA), times=()).code == "NO_TRUSTED_TIME"


@pytest.mark.attack("AT-30b")
def test_at_30b_both_ends_are_valid() -> None:
    leaf = CA.issue(KEY, AT)
    end = AT + timedelta(minutes=10)
    assert build(leaf, trust(CA), times=[AT, end])
    early = refused(leaf, trust(CA), times=[AT - SECOND])
    late = refused(leaf, trust(CA), times=[end + timedelta(microseconds=1)])
    assert (early.code, late.code) == ("CERT_TIME", "CERT_TIME")
    assert early.message == (
        "The certificate of 'signer@sigstore.test' was valid from 2026-03-01T12:00:00Z until 2026-03-01T12:10:00Z, "
        "but the signature was made at 2026-03-01T11:59:59Z; have it signed anew."
    )


@pytest.mark.attack("AT-30c", "CVE-2026-24122")
def test_at_30c_an_expired_intermediate() -> None:
    own = CertificateAuthority(AT, intermediate={"not_after": AT - DAY})
    leaf = own.issue(KEY, AT - 2 * DAY, not_after=AT + 3650 * DAY)
    rejection = refused(leaf, trust(own))
    assert rejection.code == "CERT_TIME"
    assert "'O=sigstore.test, CN=sigstore-intermediate' was valid" in rejection.message
    assert build(leaf, trust(own), times=[AT - DAY])


@pytest.mark.attack("AT-30c")
def test_at_30c_an_expired_root() -> None:
    own = CertificateAuthority(AT, root={"not_after": AT - DAY})
    assert "CN=sigstore' was valid" in refused(own.issue(KEY, AT), trust(own)).message


@pytest.mark.attack("AT-30d")
@pytest.mark.parametrize("outside", [AT - SECOND, AT + DAY])
def test_at_30d_all_times_must_fit(outside: datetime) -> None:
    leaf = CA.issue(KEY, AT)
    for times in ([AT, outside], [outside, AT]):
        assert refused(leaf, trust(CA), times=times).code == "CERT_TIME"


@pytest.mark.attack("AT-33a", "AT-33c", "AT-33d", "AT-33e")
def test_at_33_the_window_of_a_ca() -> None:
    leaf = CA.issue(KEY, AT, not_after=AT + DAY)
    window = Window(AT, AT + SECOND)
    assert build(leaf, trust(CA, window), times=[AT, AT + SECOND])
    rejection = refused(leaf, trust(CA, window), times=[AT + 2 * SECOND])
    assert rejection.code == "CERT_TIME"
    assert rejection.message == (
        "The trusted root trusts the CA 'O=sigstore.test, CN=sigstore' from 2026-03-01T12:00:00Z until "
        "2026-03-01T12:00:01Z, but the signature was made at 2026-03-01T12:00:02Z; have it signed anew, or give the "
        "trusted root that holds for it."
    )
    assert refused(leaf, trust(CA, Window(AT + SECOND)), times=[AT]).code == "CERT_TIME"
    gap = [trust(CA, Window(AT - DAY, AT)), trust(CA, Window(AT + 3 * SECOND))]
    assert refused(leaf, *gap, times=[AT + SECOND]).code == "CERT_TIME"
    assert build(leaf, *gap, times=[AT + 3 * SECOND]).authority is gap[1]
    overlap = [trust(CA, Window(AT - DAY, AT)), trust(CA, Window(AT - DAY))]
    assert build(leaf, *overlap, times=[AT]) and build(leaf, *overlap, times=[AT + SECOND])


def test_verdicts_about_cas_are_kept() -> None:
    from ansible_collections.supplychain.cosign.plugins.module_utils._evidence import certificate_signature

    own = CertificateAuthority(AT)
    leaf = own.issue(KEY, AT)
    build(leaf, trust(own))
    kept = [child for child, dummy in certificate_signature._verdicts]
    assert own.intermediates[0].der in kept
    assert leaf not in kept
