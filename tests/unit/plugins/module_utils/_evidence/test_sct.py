# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
import typing as t
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import parse_certificate
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.chain import Chain, build_chain
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.sct import (
    Sct,
    check_scts,
    parse_detached_sct,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import ALWAYS, Authority, Log, Window
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import parse_public_key
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.support.sigstore import der
from tests.support.sigstore.ca import CertificateAuthority
from tests.support.sigstore.ct import CtLog, sct_list, spki
from tests.support.sigstore.x509 import Extension

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
KEY = ec.generate_private_key(ec.SECP256R1())
CA = CertificateAuthority(AT, intermediates=2, same_subject=True)
CT = CtLog()


def trusted(log: CtLog, window: Window = ALWAYS) -> Log:
    return Log(log.url, log.log_id, parse_public_key(log.pem, "key"), window)


def chain(**wanted: t.Any) -> Chain:
    authority = Authority(
        (parse_certificate(CA.root.der, "root"),),
        tuple(parse_certificate(one.der, "intermediate") for one in CA.intermediates),
    )
    return build_chain(parse_certificate(CA.issue(KEY, AT, **wanted), "certificate"), (), [authority], [AT])


def refused(chain: Chain, *logs: Log, detached: Sct | None = None) -> str:
    with pytest.raises(Rejection) as caught:
        check_scts(chain, logs, detached)
    assert caught.value.code == "SCT_INVALID"
    return caught.value.message


@pytest.mark.parametrize(
    "log",
    [CT, CtLog(key=rsa.generate_private_key(65537, 2048)), CtLog(key=ec.generate_private_key(ec.SECP384R1()))],
    ids=["p256", "rsa", "p384"],
)
def test_an_sct_in_the_certificate(log: CtLog) -> None:
    logs = [trusted(CtLog()), trusted(log)]
    assert check_scts(chain(ct=log), logs) == (logs[1],)


@pytest.mark.attack("AT-32")
def test_at_32_none() -> None:
    for made in (chain(), chain(make_scts=lambda tbs, key: [])):
        assert "set insecure_ignore_sct" in refused(made, trusted(CT))


@pytest.mark.attack("AT-32")
def test_at_32_extensions_are_signed() -> None:
    assert check_scts(chain(ct=CT, sct={"extensions": b"\0\0\5abcde"}), [trusted(CT)])

    def added(tbs: bytes, key: bytes) -> list[bytes]:
        sct = CT.sct(AT, tbs=tbs, issuer_spki=key)
        return [sct[:41] + b"\0\1x" + sct[43:]]

    made = chain(make_scts=added)
    assert "did not sign" in refused(made, trusted(CT))


@pytest.mark.attack("AT-32")
@pytest.mark.parametrize(
    "wrong",
    [
        {"signature": b""},
        {"signature": b"\x30\x06\x02\x01\x01\x02\x01\x01"},
        {"tbs": b"\x30\x00"},
        {"issuer_key_hash": bytes(32)},
        {"issuer_key_hash": hashlib.sha256(spki(CA.root.key)).digest()},
        {"issuer_key_hash": hashlib.sha256(spki(CA.intermediates[1].key)).digest()},
        {"hash_name": "sha384"},
        {"hash_name": "sha1"},
        {"tls_hash": 2},
        {"tls_hash": 0},
        {"tls_signature": 1},
        {"tls_signature": 0},
        {"certificate": b"certificate"},
    ],
)
def test_at_32_a_trusted_log_did_not_sign_it(wrong: dict[str, t.Any]) -> None:
    assert "that the certificate log https://ctlog" in refused(chain(ct=CT, sct=wrong), trusted(CT))


@pytest.mark.attack("AT-32")
def test_at_32_the_hash_is_the_one_that_it_names() -> None:
    log = CtLog(key=ec.generate_private_key(ec.SECP384R1()))
    assert "did not sign" in refused(chain(ct=log, sct={"hash_name": "sha384", "tls_hash": 4}), trusted(log))


@pytest.mark.attack("AT-32")
def test_at_32_of_another_certificate() -> None:
    def promise(tbs: bytes, key: bytes) -> list[bytes]:
        stolen.append(CT.sct(AT, tbs=tbs, issuer_spki=key))
        return stolen

    stolen: list[bytes] = []
    assert check_scts(chain(make_scts=promise), [trusted(CT)])
    assert "did not sign" in refused(chain(make_scts=lambda tbs, key: stolen), trusted(CT))


@pytest.mark.attack("AT-32")
def test_at_32_the_time_is_signed() -> None:
    def later(tbs: bytes, key: bytes) -> list[bytes]:
        sct = CT.sct(AT, tbs=tbs, issuer_spki=key)
        return [sct[:40] + bytes([sct[40] ^ 1]) + sct[41:]]

    assert refused(chain(make_scts=later), trusted(CT))


@pytest.mark.attack("AT-32")
def test_at_32_an_unknown_log() -> None:
    assert "shown to no certificate log that is trusted" in refused(chain(ct=CT), trusted(CtLog()))
    assert "shown to no certificate log" in refused(chain(ct=CT))
    other = CtLog("https://other.test")
    both = chain(ct=[other, CT])
    assert [one.url for one in check_scts(both, [trusted(CT)])] == [CT.url]
    assert {one.url for one in check_scts(both, [trusted(CT), trusted(other)])} == {CT.url, other.url}


@pytest.mark.attack("AT-32")
def test_at_32_a_wrong_one_is_not_outweighed() -> None:
    other = CtLog()
    made = chain(
        make_scts=lambda tbs, key: [other.sct(AT, tbs=tbs, issuer_spki=key), CT.sct(AT, tbs=b"", issuer_spki=key)]
    )
    assert refused(made, trusted(CT), trusted(other))


@pytest.mark.attack("AT-32", "CVE-2026-49834")
def test_at_32_two_of_one_log_are_one() -> None:
    def twice(tbs: bytes, key: bytes) -> list[bytes]:
        return [CT.sct(AT + number * SECOND, tbs=tbs, issuer_spki=key) for number in range(2)]

    windows = [trusted(CT, Window(AT, AT)), trusted(CT, Window(AT + SECOND))]
    assert len(check_scts(chain(make_scts=twice), windows)) == 1


@pytest.mark.attack("AT-32", "AT-33a", "AT-33c", "AT-33d", "AT-33e")
def test_at_32_the_window_of_the_log_s_key() -> None:
    made = chain(ct=CT)
    assert check_scts(made, [trusted(CT, Window(AT, AT))])
    message = refused(made, trusted(CT, Window(AT + SECOND)))
    assert "at 2026-03-01T12:00:00Z, when the trusted root did not trust that log's key" in message
    ended, started = Window(AT - 2 * SECOND, AT - SECOND), Window(AT + SECOND)
    assert refused(made, trusted(CT, ended), trusted(CT, started))
    assert check_scts(made, [trusted(CT, ended), trusted(CT, Window(AT - 2 * SECOND))])


@pytest.mark.attack("AT-33f")
def test_at_33f_one_id_with_two_keys() -> None:
    wrong = Log(CT.url, CT.log_id, trusted(CtLog()).key)
    made = chain(ct=CT)
    assert check_scts(made, [wrong, trusted(CT)])
    assert refused(made, wrong)


@pytest.mark.attack("AT-32")
def test_at_32_issuers_of_one_name() -> None:
    """The key that issued counts, not one found by its name (sigstore-rust 43a6a67)."""
    for issuer, other in (CA.intermediates, CA.intermediates[::-1]):
        assert check_scts(chain(ct=CT, by=issuer), [trusted(CT)])
        assert refused(chain(ct=CT, by=issuer, sct={"issuer_spki": spki(other.key)}), trusted(CT))


@pytest.mark.attack("AT-24", "AT-32")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda sct: sct[:-1],
        lambda sct: sct + b"\0",
        lambda sct: sct[:20],
        lambda sct: b"",
        lambda sct: sct[:33] + b"\xff" * 8 + sct[41:],
    ],
)
def test_an_sct_that_is_not_written_as_tls_does(spoil: t.Callable[[bytes], bytes]) -> None:
    made = chain(make_scts=lambda tbs, key: [spoil(CT.sct(AT, tbs=tbs, issuer_spki=key))])
    assert "not written as TLS does" in refused(made, trusted(CT))


@pytest.mark.attack("AT-24", "AT-32")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: b"",
        lambda data: b"\0",
        lambda data: b"\0\1\0",
    ],
)
def test_a_list_that_is_not_written_as_tls_does(spoil: t.Callable[[bytes], bytes]) -> None:
    listed = der.octets(spoil(sct_list([CT.sct(AT)])))
    made = chain(extensions=[Extension("1.3.6.1.4.1.11129.2.4.2", listed)])
    assert "not written as TLS does" in refused(made, trusted(CT))


@pytest.mark.attack("AT-23")
def test_a_list_of_another_type() -> None:
    listed = der.tlv(0x0C, sct_list([CT.sct(AT)]))
    made = chain(extensions=[Extension("1.3.6.1.4.1.11129.2.4.2", listed)])
    assert "not written as TLS does" in refused(made, trusted(CT))


def test_another_version_counts_for_nothing() -> None:
    other = chain(ct=CT, sct={"version": 1})
    assert "no signed certificate timestamp" in refused(other, trusted(CT))


@pytest.mark.attack("AT-04")
def test_bounds_the_scts() -> None:
    logs = [CtLog() for dummy in range(33)]
    assert len(check_scts(chain(ct=logs[:32]), [trusted(one) for one in logs])) == 32
    with pytest.raises(Rejection, match="more than 32") as caught:
        check_scts(chain(ct=logs), [trusted(one) for one in logs])
    assert caught.value.code == "LIMIT_EXCEEDED"


@pytest.mark.attack("AT-32")
def test_a_detached_sct() -> None:
    made = chain()
    sct = parse_detached_sct(CT.detached(made.path[0].der, AT, extensions=b"abc"))
    assert (sct.log_id, sct.time, sct.extensions) == (CT.log_id, AT, b"abc")
    assert [one.log_id for one in check_scts(made, [trusted(CT)], sct)] == [CT.log_id]
    assert "did not sign" in refused(chain(), trusted(CT), detached=sct)
    assert "no certificate log that is trusted" in refused(made, trusted(CtLog()), detached=sct)
    # One that is wrong is refused whatever stands in the certificate.
    assert "did not sign" in refused(chain(ct=CT), trusted(CT), detached=sct)


@pytest.mark.attack("AT-23", "AT-24", "AT-32")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sct_version": 1}, "SCT_INVALID"),
        ({"sct_version": None}, "MALFORMED"),
        ({"id": "AAAA"}, "MALFORMED"),
        ({"id": "A" * 43}, "NON_CANONICAL"),
        ({"id": 7}, "MALFORMED"),
        ({"timestamp": -1}, "MALFORMED"),
        ({"timestamp": 2**62}, "MALFORMED"),
        ({"timestamp": 2**64}, "LIMIT_EXCEEDED"),
        ({"timestamp": 1.5}, "MALFORMED"),
        ({"extensions": None}, "MALFORMED"),
        ({"extensions": "Y!"}, "NON_CANONICAL"),
        ({"extensions": "A" * 44000 + "AAAA" * 11000}, "LIMIT_EXCEEDED"),
        ({"signature": ""}, "MALFORMED"),
        ({"signature": "BAMA"}, "MALFORMED"),
        ({"signature": "BAMAAQ=="}, "MALFORMED"),
        ({"signature": "BAMAAAAA"}, "MALFORMED"),
        ({"more": ""}, "MALFORMED"),
    ],
)
def test_a_detached_sct_that_is_none(change: dict[str, t.Any], code: str) -> None:
    data = json.loads(CT.detached(b"certificate", AT))
    with pytest.raises(Rejection) as caught:
        parse_detached_sct(json.dumps(data | change).encode())
    assert caught.value.code == code


@pytest.mark.attack("AT-24")
@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", b"\xff", b'{"id":"","id":""}'])
def test_a_detached_sct_that_is_no_object(data: bytes) -> None:
    with pytest.raises(Rejection) as caught:
        parse_detached_sct(data)
    assert caught.value.code in ("MALFORMED", "DUPLICATE_KEY")
