# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import copy
import hashlib
import importlib.resources
import json
import typing as t
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import ALWAYS
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import (
    MAX_ROOT_BYTES,
    parse_trusted_root,
    trusted_root_from_pem,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.support.keys import private_key, public_key
from tests.support.sigstore.ca import CertificateAuthority
from tests.support.sigstore.ct import CtLog, spki

AT = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
MEDIA_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
Change = t.Callable[[dict[str, t.Any]], object]


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return CertificateAuthority(AT)


@pytest.fixture(scope="module")
def document(authority: CertificateAuthority) -> dict[str, t.Any]:
    log = CtLog("https://rekor.sigstore.test", private_key())
    return {
        "mediaType": MEDIA_TYPE,
        "tlogs": [
            log.trusted(AT, AT + timedelta(days=30)),
            CtLog("https://log2026.rekor.sigstore.test", private_key("ecdsa-p384")).trusted(AT),
        ],
        "certificateAuthorities": [authority.trusted(), authority.trusted("https://other.test")],
        "ctlogs": [CtLog().trusted(AT)],
        "timestampAuthorities": [authority.trusted("https://tsa.sigstore.test")],
    }


@pytest.fixture
def changed(document: dict[str, t.Any]) -> t.Callable[[Change], bytes]:
    """The document after one change, as bytes."""

    def change(how: Change) -> bytes:
        found = copy.deepcopy(document)
        how(found)
        return json.dumps(found).encode()

    return change


Changed = t.Callable[[Change], bytes]


def code_of(data: bytes) -> tuple[str, str]:
    with pytest.raises(Rejection) as caught:
        parse_trusted_root(data, "trusted root 'x.json'")
    return caught.value.code, caught.value.message


def test_everything_is_read(changed: Changed, authority: CertificateAuthority) -> None:
    data = changed(lambda d: d["tlogs"][0].update(operator="sigstore.test"))
    root = parse_trusted_root(data, "trusted root")
    assert root.name == "trusted root" and root.fingerprint == hashlib.sha256(data).hexdigest()
    first = root.logs[0]
    assert first.url == "https://rekor.sigstore.test" and first.operator == "sigstore.test"
    assert first.key.spki == public_key().spki and first.log_id == hashlib.sha256(first.key.spki).digest()
    assert (first.window.start, first.window.end) == (AT, AT + timedelta(days=30))
    assert root.logs[1].window.end is None and root.logs[1].key.kind == "ecdsa-p384"
    assert len(root.ct_logs) == 1
    (one, other), (tsa,) = root.certificate_authorities, root.timestamp_authorities
    assert [[part.der for part in one.intermediates], [part.der for part in one.anchors]] == [
        authority.chain[:-1],
        authority.chain[-1:],
    ]
    assert (one.url, other.url, tsa.url) == (
        "https://fulcio.sigstore.test",
        "https://other.test",
        "https://tsa.sigstore.test",
    )


def test_a_chain_of_one_is_its_anchor(changed: Changed, authority: CertificateAuthority) -> None:
    item = authority.trusted(chain=authority.chain[-1:])
    (one,) = parse_trusted_root(changed(lambda d: d.update(certificateAuthorities=[item])), "x").certificate_authorities
    assert len(one.anchors) == 1 and one.intermediates == ()


def test_fields_that_are_null_are_not_there(changed: Changed) -> None:
    def nulls(found: dict[str, t.Any]) -> None:
        found["tlogs"][0].update(checkpointKeyId=None, operator=None)
        found["tlogs"][0]["publicKey"]["validFor"]["end"] = None
        found["timestampAuthorities"] = None

    root = parse_trusted_root(changed(nulls), "x")
    assert root.logs[0].window.end is None and root.timestamp_authorities == ()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2022-12-31T23:59:59.999Z", datetime(2022, 12, 31, 23, 59, 59, 999000)),
        ("2022-12-31T23:59:59.5Z", datetime(2022, 12, 31, 23, 59, 59, 500000)),
        ("2022-12-31T23:59:59.123456789Z", datetime(2022, 12, 31, 23, 59, 59, 123456)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29)),
    ],
)
def test_times_are_read_to_the_microsecond(changed: Changed, written: str, read: datetime) -> None:
    data = changed(lambda d: d["tlogs"][1]["publicKey"]["validFor"].update(start=written))
    assert parse_trusted_root(data, "x").logs[1].window.start == read.replace(tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "written",
    [
        "2022-12-31T23:59:59",
        "2022-12-31T23:59:59+02:00",
        "2022-12-31 23:59:59Z",
        "2022-12-31T23:59:60Z",
        "2023-02-29T00:00:00Z",
        "2022-12-31T23:59:59.Z",
        "2022-12-31T23:59:59Z\n",
        "٢٠٢٢-12-31T23:59:59Z",
        "2022-12-31",
    ],
)
def test_other_times_are_refused(changed: Changed, written: str) -> None:
    code, message = code_of(changed(lambda d: d["ctlogs"][0]["publicKey"]["validFor"].update(start=written)))
    assert code == "TRUST_ROOT" and "ctlogs[0].publicKey.validFor.start" in message


@pytest.mark.attack("AT-33a", "AT-33c", "AT-33d", "AT-33e")
def test_at_33_windows_are_kept_for_each_key_apart(changed: Changed) -> None:
    def rotated(found: dict[str, t.Any]) -> None:
        first, second = copy.deepcopy(found["tlogs"][0]), copy.deepcopy(found["tlogs"][0])
        first["publicKey"]["validFor"] = {"start": "2024-01-01T00:00:00Z", "end": "2024-12-31T00:00:00Z"}
        second["publicKey"]["validFor"] = {"start": "2025-02-01T00:00:00Z"}
        found["tlogs"] = [first, second]

    logs = parse_trusted_root(changed(rotated), "x").logs

    def trusted(year: int, month: int, day: int, **more: int) -> list[bool]:
        return [log.window.holds(datetime(year, month, day, tzinfo=timezone.utc, **more)) for log in logs]

    assert trusted(2023, 12, 31) == [False, False]
    assert trusted(2024, 1, 1) == [True, False]
    assert trusted(2024, 12, 31) == [True, False], "the end is inclusive"
    assert trusted(2024, 12, 31, microsecond=1) == [False, False]
    assert trusted(2025, 1, 15) == [False, False], "a gap is nobody's time"
    assert trusted(2025, 2, 1) == [False, True]


@pytest.mark.attack("AT-33b")
@pytest.mark.parametrize("place", ["tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"])
@pytest.mark.parametrize("how", ["empty", "missing", "null", "only an end"])
def test_at_33b_a_window_without_a_start_is_refused(changed: Changed, place: str, how: str) -> None:
    def change(found: dict[str, t.Any]) -> None:
        entry = found[place][-1]
        entry = entry.get("publicKey", entry)
        if how == "missing":
            del entry["validFor"]
        else:
            entry["validFor"] = {"empty": {}, "null": None, "only an end": {"end": "2026-12-31T00:00:00Z"}}[how]

    code, message = code_of(changed(change))
    assert code == "TRUST_ROOT" and place in message and "no start" in message


def test_a_window_that_ends_before_it_starts_is_refused(changed: Changed) -> None:
    window = {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T23:59:59.999Z"}
    assert code_of(changed(lambda d: d["certificateAuthorities"][1].update(validFor=window)))[0] == "TRUST_ROOT"
    window["end"] = window["start"]
    parse_trusted_root(changed(lambda d: d["certificateAuthorities"][1].update(validFor=window)), "x")


@pytest.mark.attack("AT-33f")
def test_at_33f_one_log_id_may_have_several_keys(changed: Changed) -> None:
    data = changed(lambda d: d["tlogs"][1].update(logId=d["tlogs"][0]["logId"]))
    logs = parse_trusted_root(data, "x").logs
    assert logs[0].log_id == logs[1].log_id and logs[0].key.spki != logs[1].key.spki


def unsupported(log: dict[str, t.Any], how: str) -> None:
    public = log["publicKey"]
    if how == "hash":
        log["hashAlgorithm"] = "SHA2_512"
    elif how == "key":
        public["rawBytes"] = text(spki(dsa.generate_private_key(2048).public_key()))
    elif how == "curve":
        public["rawBytes"] = text(spki(ec.generate_private_key(ec.SECP256K1()).public_key()))
    else:
        public["keyDetails"] = how


@pytest.mark.attack("AT-33f")
@pytest.mark.parametrize(
    "how", ["PKIX_RSA_PSS_2048_SHA256", "PKIX_ED25519_PH", "ML_DSA_65", "OF_TOMORROW", "hash", "key", "curve"]
)
@pytest.mark.parametrize("place", ["tlogs", "ctlogs"])
def test_at_33f_an_unsupported_key_is_left_out_and_others_kept(changed: Changed, place: str, how: str) -> None:
    def change(found: dict[str, t.Any]) -> None:
        found[place].insert(0, copy.deepcopy(found[place][0]))
        unsupported(found[place][0], how)

    root = parse_trusted_root(changed(change), "x")
    assert (len(root.logs), len(root.ct_logs)) == (2, 1)


@pytest.mark.attack("AT-33f")
def test_at_33f_an_authority_with_an_unsupported_key_is_left_out(changed: Changed) -> None:
    def change(found: dict[str, t.Any]) -> None:
        odd = CertificateAuthority(AT, intermediates=0, key=lambda: ec.generate_private_key(ec.SECP256K1()))
        found["certificateAuthorities"].insert(0, odd.trusted("https://odd.test"))

    found = parse_trusted_root(changed(change), "x").certificate_authorities
    assert [one.url for one in found] == ["https://fulcio.sigstore.test", "https://other.test"]


@pytest.mark.attack("AT-33g")
@pytest.mark.parametrize("how", ["empty", "missing"])
@pytest.mark.parametrize("place", ["tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"])
def test_at_33g_empty_lists_are_no_fault(changed: Changed, place: str, how: str) -> None:
    root = parse_trusted_root(changed(lambda d: d.update({place: []}) if how == "empty" else d.pop(place)), "x")
    found = {
        "tlogs": root.logs,
        "ctlogs": root.ct_logs,
        "certificateAuthorities": root.certificate_authorities,
        "timestampAuthorities": root.timestamp_authorities,
    }
    assert [name for name, entries in found.items() if entries == ()] == [place]


@pytest.mark.attack("AT-33h")
@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.dev.sigstore.trustedroot+json;version=0.3",
        "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "application/json",
        "",
        None,
    ],
)
def test_at_33h_another_media_type_is_refused(changed: Changed, media_type: str | None) -> None:
    code, message = code_of(changed(lambda d: d.update(mediaType=media_type)))
    assert code == "TRUST_ROOT" and repr(media_type or "") in message


@pytest.mark.attack("AT-33h")
@pytest.mark.parametrize("version", ["0.1", "0.2"])
def test_at_33h_known_versions_are_read(changed: Changed, version: str) -> None:
    media_type = f"application/vnd.dev.sigstore.trustedroot.v{version}+json"
    assert parse_trusted_root(changed(lambda d: d.update(mediaType=media_type)), "x").logs


BROKEN = ["%%%", "AAA", "AAAA", "", text(b"\x30\x03\x02\x01\x01"), 7]


@pytest.mark.attack("AT-33i")
@pytest.mark.parametrize("value", BROKEN, ids=repr)
@pytest.mark.parametrize("place", ["tlogs", "ctlogs"])
def test_at_33i_a_broken_key_refuses_the_root_and_is_named(changed: Changed, place: str, value: t.Any) -> None:
    code, message = code_of(changed(lambda d: d[place][-1]["publicKey"].update(rawBytes=value)))
    assert code in ("TRUST_ROOT", "MALFORMED") and f"{place}[{1 if place == 'tlogs' else 0}].publicKey" in message
    assert code == "TRUST_ROOT" or value == 7


@pytest.mark.attack("AT-33i")
@pytest.mark.parametrize("value", BROKEN, ids=repr)
@pytest.mark.parametrize("place", ["certificateAuthorities", "timestampAuthorities"])
def test_at_33i_a_broken_certificate_refuses_the_root_and_is_named(changed: Changed, place: str, value: t.Any) -> None:
    data = changed(lambda d: d[place][0]["certChain"]["certificates"][1].update(rawBytes=value))
    code, message = code_of(data)
    assert code == "TRUST_ROOT" or (code, value) == ("MALFORMED", 7)
    assert f"{place}[0].certChain[1]" in message


@pytest.mark.attack("AT-33i")
@pytest.mark.parametrize("count", [0, 11])
def test_at_33i_a_chain_has_one_to_ten_certificates(changed: Changed, count: int) -> None:
    def change(found: dict[str, t.Any]) -> None:
        chain = found["certificateAuthorities"][0]["certChain"]
        chain["certificates"] = chain["certificates"][:1] * count

    assert code_of(changed(change))[0] == "TRUST_ROOT"


def test_a_key_of_another_kind_than_it_is_called_is_refused(changed: Changed) -> None:
    code, message = code_of(changed(lambda d: d["tlogs"][0]["publicKey"].update(keyDetails="PKIX_ECDSA_P384_SHA_384")))
    assert code == "TRUST_ROOT" and "ecdsa-p256" in message


def test_an_rsa_key_may_be_pkcs1(changed: Changed) -> None:
    key = private_key("rsa-2048").public_key()
    raw = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    public = {"rawBytes": text(raw), "keyDetails": "PKCS1_RSA_PKCS1V5", "validFor": {"start": "2026-01-01T00:00:00Z"}}
    data = changed(lambda d: d["ctlogs"][0].update(publicKey=public))
    assert parse_trusted_root(data, "x").ct_logs[0].key.spki == spki(key)


@pytest.mark.parametrize("length", [0, 3, 20, 31, 33])
def test_a_log_id_of_another_length_is_refused(changed: Changed, length: int) -> None:
    data = changed(lambda d: d["tlogs"][0].update(logId={"keyId": text(bytes(length))}))
    assert code_of(data)[0] == "TRUST_ROOT"


def test_a_wrong_log_id_is_used_as_it_is(changed: Changed) -> None:
    """So that it names no entry; a reader that puts the right one in its place accepts more than the root says."""
    data = changed(lambda d: d["tlogs"][0].update(logId={"keyId": text(bytes(32))}))
    assert parse_trusted_root(data, "x").logs[0].log_id == bytes(32)


def test_the_id_of_a_checkpoint_key_stands_in_for_the_log_id(changed: Changed) -> None:
    def change(found: dict[str, t.Any]) -> None:
        found["tlogs"][0]["checkpointKeyId"] = {"keyId": text(b"four")}
        del found["tlogs"][0]["logId"]
        found["tlogs"][1]["checkpointKeyId"] = {"keyId": text(b"four")}

    logs = parse_trusted_root(changed(change), "x").logs
    assert logs[0].log_id == b"four" and len(logs[1].log_id) == 32


PLACES: list[Change] = [
    lambda d: d.update(more=1),
    lambda d: d["tlogs"][0].update(more=1),
    lambda d: d["tlogs"][0]["publicKey"].update(more=1),
    lambda d: d["tlogs"][0]["publicKey"]["validFor"].update(more=1),
    lambda d: d["tlogs"][0]["logId"].update(more=1),
    lambda d: d["ctlogs"][0].update(certChain={}),
    lambda d: d["certificateAuthorities"][0].update(more=1),
    lambda d: d["certificateAuthorities"][0]["subject"].update(more=1),
    lambda d: d["certificateAuthorities"][0]["certChain"].update(more=1),
    lambda d: d["certificateAuthorities"][0]["certChain"]["certificates"][0].update(more=1),
    lambda d: d["timestampAuthorities"][0]["validFor"].update(more=1),
]


@pytest.mark.parametrize("change", PLACES)
def test_an_unknown_field_is_malformed(changed: Changed, change: Change) -> None:
    code, message = code_of(changed(change))
    assert code == "MALFORMED" and "unknown field" in message


@pytest.mark.parametrize("value", [7, "x", [], True, 1.5, [[]], {"x": {}}])
@pytest.mark.parametrize("key", ["tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities", "mediaType"])
def test_another_type_is_refused(changed: Changed, key: str, value: t.Any) -> None:
    if (key, value) in (("mediaType", "x"),) or value == [] and key != "mediaType":
        return
    assert code_of(changed(lambda d: d.update({key: value})))[0] == "MALFORMED"
    if key != "mediaType":
        assert code_of(changed(lambda d: d.update({key: [value]})))[0] in ("MALFORMED", "TRUST_ROOT")


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b"\xff", b"\xef\xbb\xbf{}"])
def test_what_is_no_object_is_malformed(data: bytes) -> None:
    assert code_of(data)[0] == "MALFORMED"


def test_a_key_twice_is_refused(document: dict[str, t.Any]) -> None:
    data = json.dumps(document).replace('"tlogs":', '"tlogs": [], "tlogs":', 1).encode()
    assert code_of(data)[0] == "DUPLICATE_KEY"


def test_size_and_count_are_bounded(changed: Changed) -> None:
    data = changed(lambda d: None)
    assert parse_trusted_root(data.ljust(MAX_ROOT_BYTES), "x").logs
    assert code_of(data.ljust(MAX_ROOT_BYTES + 1))[0] == "LIMIT_EXCEEDED"
    assert code_of(changed(lambda d: d.update(tlogs=[{}] * 257)))[0] == "LIMIT_EXCEEDED"


def test_roots_of_others_are_read(vectors: Path) -> None:
    found = sorted(vectors.rglob("trusted_root*.json"))
    assert len(found) > 20
    for path in found:
        data = path.read_bytes()
        root, whole = parse_trusted_root(data, path.parent.name), json.loads(data)
        entries = (root.logs, root.ct_logs, root.certificate_authorities, root.timestamp_authorities)
        names = ("tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities")
        assert [len(one) for one in entries] == [len(whole.get(name) or []) for name in names]


def test_the_roots_that_the_package_ships_are_read() -> None:
    found = list(importlib.resources.files("sigstore._store").iterdir())
    names = [place.name for place in found if place.is_dir() and place.joinpath("trusted_root.json").is_file()]
    assert len(names) == 2
    for name in names:
        root = parse_trusted_root(
            importlib.resources.files("sigstore._store").joinpath(name, "trusted_root.json").read_bytes(), "x"
        )
        assert root.logs and root.ct_logs and root.certificate_authorities and root.timestamp_authorities


@pytest.mark.attack("AT-33k")
def test_at_33k_production_and_staging_share_no_key() -> None:
    """Evidence of the one is refused under the other, and no root of ours is ever put together from both."""
    folder = importlib.resources.files("sigstore._store")
    roots = [
        parse_trusted_root(folder.joinpath(name, "trusted_root.json").read_bytes(), name)
        for name in ("https%3A%2F%2Ftuf-repo-cdn.sigstore.dev", "https%3A%2F%2Ftuf-repo-cdn.sigstage.dev")
    ]
    keys = [{log.key.spki for log in root.logs + root.ct_logs} for root in roots]
    anchors = [
        {part.der for one in root.certificate_authorities + root.timestamp_authorities for part in one.anchors}
        for root in roots
    ]
    assert keys[0].isdisjoint(keys[1]) and anchors[0].isdisjoint(anchors[1])


# PEM -----------------------------------------------------------------------------------------------------------------


def pems(authority: CertificateAuthority) -> list[bytes]:
    return [*[one.pem for one in authority.intermediates], authority.root.pem]


def test_a_certificate_chain_ends_with_its_anchor(authority: CertificateAuthority) -> None:
    root = trusted_root_from_pem({"certificate_chain": b"".join(pems(authority))})
    (one,) = root.certificate_authorities
    assert [part.der for part in one.anchors] == [authority.root.der]
    assert [part.der for part in one.intermediates] == [authority.intermediates[0].der]
    assert one.window == ALWAYS and (root.logs, root.ct_logs, root.timestamp_authorities) == ((), (), ())


def test_an_intermediate_that_stands_last_is_the_anchor(authority: CertificateAuthority) -> None:
    (one,) = trusted_root_from_pem({"certificate_chain": authority.intermediates[0].pem}).certificate_authorities
    assert [part.der for part in one.anchors] == [authority.intermediates[0].der] and not one.intermediates


def test_roots_and_intermediates_are_what_their_options_say(authority: CertificateAuthority) -> None:
    other = CertificateAuthority(AT)
    files = {"ca_roots": authority.root.pem + other.root.pem, "ca_intermediates": authority.intermediates[0].pem}
    (one,) = trusted_root_from_pem(files).certificate_authorities
    assert [part.der for part in one.anchors] == [authority.root.der, other.root.der]
    assert [part.der for part in one.intermediates] == [authority.intermediates[0].der]


@pytest.mark.parametrize("name", ["SIGSTORE_ROOT_FILE", "SIGSTORE_TSA_CERTIFICATE_FILE"])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_variables_file_has_roots_where_they_issued_themselves(
    authority: CertificateAuthority, name: str, reverse: bool
) -> None:
    blocks = pems(authority)
    root = trusted_root_from_pem({name: b"".join(reversed(blocks) if reverse else blocks)})
    (one,) = root.certificate_authorities or root.timestamp_authorities
    assert bool(root.certificate_authorities) == (name == "SIGSTORE_ROOT_FILE")
    assert [part.der for part in one.anchors] == [authority.root.der]
    assert [part.der for part in one.intermediates] == [authority.intermediates[0].der]


def test_an_option_takes_the_place_of_the_variable(authority: CertificateAuthority) -> None:
    other = CertificateAuthority(AT)
    for option in ("certificate_chain", "ca_roots"):
        files = {option: authority.root.pem, "SIGSTORE_ROOT_FILE": other.root.pem}
        (one,) = trusted_root_from_pem(files).certificate_authorities
        assert [part.der for part in one.anchors] == [authority.root.der]


def test_keys_of_logs_have_the_hash_of_the_key_as_id() -> None:
    one, other = public_key(), public_key("ecdsa-p384")
    files = {"SIGSTORE_REKOR_PUBLIC_KEY": one.pem, "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": one.pem + other.pem}
    root = trusted_root_from_pem(files)
    assert [log.log_id for log in root.logs] == [hashlib.sha256(one.spki).digest()]
    assert [log.key.spki for log in root.ct_logs] == [one.spki, other.spki]
    assert all(log.window == ALWAYS for log in root.logs + root.ct_logs)
    assert root.name == "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE and SIGSTORE_REKOR_PUBLIC_KEY"


def test_fingerprints_tell_what_is_trusted_for_what() -> None:
    pem = public_key().pem
    found = [
        trusted_root_from_pem(files).fingerprint
        for files in ({"SIGSTORE_REKOR_PUBLIC_KEY": pem}, {"SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": pem})
    ]
    assert found[0] != found[1]


@pytest.mark.attack("AT-33i")
@pytest.mark.parametrize("data", [b"", b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
@pytest.mark.parametrize(
    "name",
    [
        "certificate_chain",
        "ca_roots",
        "SIGSTORE_ROOT_FILE",
        "SIGSTORE_REKOR_PUBLIC_KEY",
        "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE",
        "SIGSTORE_TSA_CERTIFICATE_FILE",
    ],
)
def test_at_33i_a_broken_file_is_named(name: str, data: bytes) -> None:
    with pytest.raises(Rejection) as caught:
        trusted_root_from_pem({name: data})
    assert caught.value.code == "TRUST_ROOT" and name in caught.value.message


def test_what_is_not_of_the_right_kind_is_refused(authority: CertificateAuthority) -> None:
    wrong = {
        "certificate_chain": public_key().pem,
        "SIGSTORE_ROOT_FILE": authority.intermediates[0].pem,
        "SIGSTORE_REKOR_PUBLIC_KEY": authority.root.pem,
    }
    for name, data in wrong.items():
        with pytest.raises(Rejection) as caught:
            trusted_root_from_pem({name: data})
        assert caught.value.code == "TRUST_ROOT" and name in caught.value.message


def test_a_private_key_is_never_shown() -> None:
    key = private_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(Rejection) as caught:
        trusted_root_from_pem({"SIGSTORE_REKOR_PUBLIC_KEY": key})
    assert caught.value.code == "TRUST_ROOT" and key.split(b"\n")[1].decode() not in caught.value.message
