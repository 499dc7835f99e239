# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import parse_certificate
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.timestamp import (
    verify_timestamp,
    verify_timestamps,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import ALWAYS, Authority, Window
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.support.sigstore import der, tsa
from tests.support.sigstore.tsa import TimestampAuthority, ess_v1, ess_v2, make_party

SIGNATURE = b"a signature"
AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TSA = TimestampAuthority()
OTHER = TimestampAuthority(name="other-tsa")
# the same names, other keys
TWIN = TimestampAuthority()


def trust(authority: TimestampAuthority, window: Window = ALWAYS, *, leaf: bool = True) -> Authority:
    chain = authority.chain_der() if leaf else authority.chain_der()[1:]
    *others, root = (parse_certificate(one, "certificate") for one in chain)
    return Authority((root,), tuple(others), window)


TRUSTED = trust(TSA)


def code_of(token: bytes, *authorities: Authority, signature: bytes = SIGNATURE) -> str:
    with pytest.raises(Rejection) as refused:
        verify_timestamp(token, signature, authorities)
    assert refused.value.message[0].isupper() and refused.value.message.endswith(".")
    return refused.value.code


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa2048", "rsa3072", "ed25519"])
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_every_kind_of_key_and_hash_verifies(kind: str, digest: str) -> None:
    authority = TimestampAuthority(kind)
    token = authority.timestamp(SIGNATURE, AT, digest=digest, hash_name=digest)
    trusted = trust(authority)
    found = verify_timestamp(token, SIGNATURE, [trusted])
    assert (found.time, found.authority) == (AT, trusted)


@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_rsa_may_name_its_hash_apart(digest: str) -> None:
    authority = TimestampAuthority("rsa2048")
    token = authority.timestamp(SIGNATURE, AT, digest=digest, algorithm=tsa.RSA_ENCRYPTION)
    assert verify_timestamp(token, SIGNATURE, [trust(authority)]).time == AT


@pytest.mark.parametrize("leaf", [True, False], ids=["leaf-in-the-root", "leaf-not-in-the-root"])
@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({}, id="plain"),
        pytest.param({"sid": "key"}, id="by-key-id"),
        pytest.param({"ess": [ess_v1(TSA.leaf)]}, id="ess-v1"),
        pytest.param({"ess": [ess_v1(TSA.leaf), ess_v2(TSA.leaf)]}, id="ess-both"),
        pytest.param({"ess": [ess_v2(TSA.leaf, "sha512")]}, id="ess-sha512"),
        pytest.param({"ess": [ess_v2(TSA.leaf, "sha256", TSA.root)]}, id="ess-of-the-path"),
        pytest.param({"certificates": TSA.chain_der()}, id="whole-chain-embedded"),
        pytest.param({"certificates": [OTHER.leaf.der, TSA.leaf.der, OTHER.root.der]}, id="others-embedded"),
        pytest.param({"certificates": [b"\x30\x03\x02\x01\x01", TSA.leaf.der]}, id="junk-embedded"),
        pytest.param({"status": 1, "status_text": "with changes"}, id="granted-with-changes"),
    ],
)
def test_what_authorities_write_differently_verifies(overrides: dict[str, Any], leaf: bool) -> None:
    assert verify_timestamp(TSA.timestamp(SIGNATURE, AT, **overrides), SIGNATURE, [trust(TSA, leaf=leaf)]).time == AT


@pytest.mark.attack("AT-31c")
def test_at_31c_a_token_without_certificates_needs_the_trusted_one() -> None:
    token = TSA.timestamp(SIGNATURE, AT, certificates=[])
    assert verify_timestamp(token, SIGNATURE, [TRUSTED]).time == AT
    assert code_of(token, trust(TSA, leaf=False)) == "TSA_INVALID"


@pytest.mark.attack("AT-31c")
@pytest.mark.parametrize("bag", [[], [OTHER.leaf.der], OTHER.chain_der()], ids=["none", "leaf", "chain-and-root"])
def test_at_31c_an_untrusted_authority_is_refused(bag: list[bytes]) -> None:
    token = OTHER.timestamp(SIGNATURE, AT, certificates=bag)
    assert code_of(token, TRUSTED) == "TSA_INVALID"
    assert code_of(token, trust(TSA, leaf=False)) == "TSA_INVALID"
    assert code_of(token) == "TSA_INVALID"


@pytest.mark.attack("AT-31c")
def test_at_31c_an_authority_of_the_same_names_is_not_the_same() -> None:
    token = TWIN.timestamp(SIGNATURE, AT, certificates=TWIN.chain_der())
    assert code_of(token, TRUSTED) == code_of(token, trust(TSA, leaf=False)) == "TSA_INVALID"
    twin = trust(TWIN, leaf=False)
    assert verify_timestamp(token, SIGNATURE, [trust(TSA, leaf=False), twin]).authority is twin


@pytest.mark.attack("AT-31a")
@pytest.mark.parametrize(
    "imprint",
    [
        pytest.param(hashlib.sha256(b"another signature").digest(), id="other-signature"),
        pytest.param(hashlib.sha256(base64.b64encode(SIGNATURE)).digest(), id="base64-of-the-signature"),
        pytest.param(hashlib.sha256(hashlib.sha256(SIGNATURE).digest()).digest(), id="digest-of-the-digest"),
        pytest.param(SIGNATURE, id="the-signature-itself"),
        pytest.param(hashlib.sha256(SIGNATURE).digest()[:16], id="cut"),
        pytest.param(hashlib.sha256(SIGNATURE).digest() + b"\x00", id="longer"),
        pytest.param(b"", id="empty"),
    ],
)
def test_at_31a_a_timestamp_is_over_this_signature(imprint: bytes) -> None:
    assert code_of(TSA.timestamp(SIGNATURE, AT, imprint=imprint), TRUSTED) == "TSA_INVALID"


@pytest.mark.attack("AT-31g")
@pytest.mark.parametrize("name", ["md5", "sha1", "sha3_256"])
def test_at_31g_weak_or_unknown_imprints_are_refused(name: str) -> None:
    assert code_of(TSA.timestamp(SIGNATURE, AT, hash_name=name), TRUSTED) == "TSA_INVALID"
    info = TSA.statement(SIGNATURE, AT)
    weak = TSA.timestamp(
        SIGNATURE, AT, digest=name, message_digest=hashlib.new(name, info).digest(), signature_hash="sha256"
    )
    assert code_of(weak, TRUSTED) == "TSA_INVALID"


@pytest.mark.attack("AT-31g")
@pytest.mark.parametrize(("name", "label"), [("sha256", "sha512"), ("sha512", "sha256"), ("sha256", "sha1")])
def test_at_31g_an_imprint_is_of_the_hash_that_it_names(name: str, label: str) -> None:
    assert code_of(TSA.timestamp(SIGNATURE, AT, hash_name=name, hash_label=label), TRUSTED) == "TSA_INVALID"


def test_the_signed_digest_is_that_of_the_statement() -> None:
    other = hashlib.sha256(TSA.statement(SIGNATURE, AT + SECOND)).digest()
    assert code_of(TSA.timestamp(SIGNATURE, AT, message_digest=other), TRUSTED) == "TSA_INVALID"


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({"signing_key": OTHER.leaf.key}, id="other-key"),
        pytest.param({"cms_signature": b""}, id="empty"),
        pytest.param({"cms_signature": b"\x30\x06\x02\x01\x01\x02\x01\x01"}, id="made-up"),
        pytest.param({"algorithm": "1.2.840.10045.4.3.4"}, id="algorithm-of-another-hash"),
        pytest.param({"algorithm": tsa.RSA_ENCRYPTION}, id="algorithm-of-another-key"),
        pytest.param({"algorithm": tsa.ED25519}, id="algorithm-without-a-hash"),
        pytest.param({"algorithm": "1.2.840.113549.1.1.10"}, id="pss"),
        pytest.param({"algorithm": "1.2.3"}, id="unknown-algorithm"),
        pytest.param({"algorithm": "1.2.840.10045.4.1", "signature_hash": "sha1"}, id="sha1"),
        pytest.param({"sid": "issuer", "signer": TWIN.leaf, "ess": [ess_v2(TSA.leaf)]}, id="names-another"),
        pytest.param(
            {"sid": "key", "signer": OTHER.leaf, "signing_key": TSA.leaf.key, "ess": [ess_v2(TSA.leaf)]},
            id="other-key-id",
        ),
        pytest.param({"signer": OTHER.leaf, "signing_key": TSA.leaf.key, "ess": [ess_v2(TSA.leaf)]}, id="other-serial"),
        pytest.param({"ess": [ess_v2(OTHER.leaf)]}, id="other-ess"),
        pytest.param({"ess": [ess_v2(OTHER.leaf, "sha256", TSA.leaf)]}, id="own-ess-not-first"),
        pytest.param({"ess": [ess_v1(OTHER.leaf), ess_v2(TSA.leaf)]}, id="only-one-ess-right"),
        pytest.param({"ess": [ess_v2(TSA.leaf, "md5")]}, id="ess-md5"),
        pytest.param({"ess": [ess_v2(TSA.leaf, "sha3_256")]}, id="ess-of-an-unknown-hash"),
    ],
)
def test_only_the_named_certificate_may_have_signed(overrides: dict[str, Any]) -> None:
    token = TSA.timestamp(SIGNATURE, AT, certificates=[TSA.leaf.der, OTHER.leaf.der, TWIN.leaf.der], **overrides)
    assert code_of(token, TRUSTED) == "TSA_INVALID"


@pytest.mark.parametrize("algorithm", ["1.2.840.10045.4.3.2", tsa.RSA_ENCRYPTION, "1.3.101.113"])
def test_an_algorithm_is_one_of_the_key_that_signed(algorithm: str) -> None:
    authority = TimestampAuthority("ed25519")
    assert code_of(authority.timestamp(SIGNATURE, AT, algorithm=algorithm), trust(authority)) == "TSA_INVALID"


def test_without_an_authority_the_trusted_root_is_named() -> None:
    with pytest.raises(Rejection, match="the trusted root has no timestamp authority") as refused:
        verify_timestamp(TSA.timestamp(SIGNATURE, AT), SIGNATURE, [])
    assert refused.value.code == "TSA_INVALID"


@pytest.mark.attack("AT-31d", "CVE-2026-39984")
@pytest.mark.parametrize("swapped", [False, True])
def test_at_31d_certificates_that_did_not_sign_decide_nothing(swapped: bool) -> None:
    bag = [TSA.leaf.der, OTHER.leaf.der]
    bag.sort(reverse=swapped)
    spoofed = OTHER.timestamp(SIGNATURE, AT, certificates=bag)
    assert code_of(spoofed, TRUSTED) == "TSA_INVALID"
    assert verify_timestamp(TSA.timestamp(SIGNATURE, AT, certificates=bag), SIGNATURE, [TRUSTED]).time == AT


@pytest.mark.attack("AT-31d")
def test_at_31d_an_authority_that_names_its_certificate_signs_with_no_other() -> None:
    sibling = TimestampAuthority(name="sibling", root=TSA.root)
    token = sibling.timestamp(SIGNATURE, AT)
    assert code_of(token, TRUSTED) == "TSA_INVALID"
    assert verify_timestamp(token, SIGNATURE, [trust(TSA, leaf=False)]).time == AT
    again = trust(sibling)
    assert verify_timestamp(token, SIGNATURE, [TRUSTED, trust(sibling), again]).time == AT


@pytest.mark.attack("AT-31d")
def test_at_31d_an_authority_without_anchors_trusts_nothing() -> None:
    leaf = parse_certificate(TSA.leaf.der, "certificate")
    token = TSA.timestamp(SIGNATURE, AT, certificates=TSA.chain_der())
    for empty in (Authority(()), Authority((), (leaf,)), Authority((), TRUSTED.anchors)):
        assert code_of(token, empty) == "TSA_INVALID"


@pytest.mark.attack("AT-31d", "TOB-SIGSTORE-11")
def test_at_31d_a_window_is_not_borrowed_from_another_authority() -> None:
    over = trust(TSA, Window(AT - 100 * SECOND, AT - SECOND))
    running = trust(OTHER, Window(AT - 100 * SECOND))
    token = TSA.timestamp(SIGNATURE, AT)
    assert code_of(token, over, running) == code_of(token, running, over) == "TSA_INVALID"
    # the same authority twice, with windows of its own: either may hold the time
    again = trust(TSA, Window(AT))
    assert verify_timestamp(token, SIGNATURE, [over, again]).authority is again


@pytest.mark.attack("AT-31b", "AT-33c")
@pytest.mark.parametrize(
    ("start", "end", "accepted"),
    [(0, 0, True), (-1, 1, True), (-1, 0, True), (0, 1, True), (0, None, True), (1, 2, False), (-2, -1, False)],
)
def test_at_31b_the_window_is_closed(start: int, end: int | None, accepted: bool) -> None:
    authority = trust(TSA, Window(AT + start * SECOND, None if end is None else AT + end * SECOND))
    token = TSA.timestamp(SIGNATURE, AT)
    if accepted:
        assert verify_timestamp(token, SIGNATURE, [authority]).time == AT
    else:
        assert code_of(token, authority) == "TSA_INVALID"


@pytest.mark.attack("AT-31b", "AT-30b", "AT-30c")
@pytest.mark.parametrize("which", ["leaf", "root"])
def test_at_31b_every_certificate_is_valid_at_the_time_and_both_ends_count(which: str) -> None:
    start, end = AT, AT + 100 * SECOND
    short: dict[str, Any] = {"start": start, "end": end}
    root = make_party("root", ca=True, **short) if which == "root" else make_party("root", ca=True)
    authority = TimestampAuthority(root=root, **short if which == "leaf" else {})
    trusted = trust(authority)
    for time in (start, end):
        assert verify_timestamp(authority.timestamp(SIGNATURE, time), SIGNATURE, [trusted]).time == time
    for time in (start - SECOND, end + SECOND, end + timedelta(microseconds=1)):
        assert code_of(authority.timestamp(SIGNATURE, time), trusted) == "TSA_INVALID"


@pytest.mark.attack("AT-31f")
@pytest.mark.parametrize(
    "of_leaf",
    [
        pytest.param({"usages": None}, id="no-usage"),
        pytest.param({"critical": False}, id="not-critical"),
        pytest.param({"usages": [ExtendedKeyUsageOID.CODE_SIGNING]}, id="another-usage"),
        pytest.param({"usages": [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]}, id="any-usage"),
        pytest.param(
            {"usages": [ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING]}, id="more-usages"
        ),
        pytest.param({"ca": True}, id="a-ca"),
    ],
)
def test_at_31f_the_certificate_is_for_timestamps_alone(of_leaf: dict[str, Any]) -> None:
    authority = TimestampAuthority("p256", **of_leaf)
    token = authority.timestamp(SIGNATURE, AT)
    assert code_of(token, trust(authority)) == code_of(token, trust(authority, leaf=False)) == "TSA_INVALID"


@pytest.mark.attack("AT-31f")
def test_a_certificate_that_signed_with_a_weak_key_is_refused() -> None:
    authority = TimestampAuthority("rsa1024")
    assert code_of(authority.timestamp(SIGNATURE, AT), trust(authority, leaf=False)) == "TSA_INVALID"


def test_embedded_intermediates_lead_to_the_root_but_anchor_nothing() -> None:
    authority = TimestampAuthority("p256", intermediate=True)
    leaf, between, root = authority.chain_der()
    only_root = Authority((parse_certificate(root, "certificate"),))
    token = authority.timestamp(SIGNATURE, AT, certificates=[between, leaf])
    assert verify_timestamp(token, SIGNATURE, [only_root]).time == AT
    assert verify_timestamp(authority.timestamp(SIGNATURE, AT), SIGNATURE, [trust(authority)]).time == AT
    assert code_of(authority.timestamp(SIGNATURE, AT), only_root) == "TSA_INVALID"
    everything = authority.timestamp(SIGNATURE, AT, certificates=[leaf, between, root])
    assert code_of(everything, TRUSTED) == code_of(everything, trust(TSA, leaf=False)) == "TSA_INVALID"


def test_a_self_signed_certificate_that_came_along_is_no_anchor() -> None:
    own = TimestampAuthority(leaf=make_party("own"), root=TSA.root)
    token = own.timestamp(SIGNATURE, AT)
    assert code_of(token, trust(TSA, leaf=False)) == "TSA_INVALID"


@pytest.mark.attack("AT-31i")
def test_at_31i_a_time_that_is_hardly_accurate_is_refused() -> None:
    def stamped(seconds: int) -> bytes:
        return TSA.timestamp(SIGNATURE, AT, accuracy=der.sequence(der.integer(seconds)))

    assert verify_timestamp(stamped(300), SIGNATURE, [TRUSTED]).time == AT
    assert code_of(stamped(301), TRUSTED) == code_of(stamped(2**31 - 1), TRUSTED) == "TSA_INVALID"


@pytest.mark.attack("AT-31h")
def test_at_31h_a_bad_timestamp_beside_a_good_one_does_not_count() -> None:
    good, bad = TSA.timestamp(SIGNATURE, AT), TSA.timestamp(b"another", AT)
    unknown, junk = OTHER.timestamp(SIGNATURE, AT - SECOND), b"\x30\x80junk"
    for tokens in ([good, bad, unknown, junk], [junk, bad, unknown, good]):
        found = verify_timestamps(tokens, SIGNATURE, [TRUSTED])
        assert [one.time for one in found] == [AT]


@pytest.mark.attack("AT-31h")
def test_at_31h_where_none_verifies_the_first_refusal_is_raised() -> None:
    bad, junk = TSA.timestamp(b"another", AT), b"\x30\x80junk"
    for tokens, code in (([bad, junk], "TSA_INVALID"), ([junk, bad], "NON_CANONICAL")):
        with pytest.raises(Rejection) as refused:
            verify_timestamps(tokens, SIGNATURE, [TRUSTED])
        assert refused.value.code == code
    assert verify_timestamps([], SIGNATURE, [TRUSTED]) == ()


@pytest.mark.attack("AT-31h")
def test_at_31h_one_authority_and_time_counts_once() -> None:
    one, again = TSA.timestamp(SIGNATURE, AT), TSA.timestamp(SIGNATURE, AT, nonce=7)
    later, other = TSA.timestamp(SIGNATURE, AT + SECOND), OTHER.timestamp(SIGNATURE, AT)
    found = verify_timestamps([one, one, again, later, other], SIGNATURE, [TRUSTED, trust(OTHER)])
    assert [stamp.time for stamp in found] == [AT, AT + SECOND, AT]


@pytest.mark.attack("AT-31h", "AT-04")
def test_at_31h_more_timestamps_than_the_limit() -> None:
    good = TSA.timestamp(SIGNATURE, AT)
    assert len(verify_timestamps([good] * 32, SIGNATURE, [TRUSTED])) == 1
    with pytest.raises(Rejection) as refused:
        verify_timestamps([good] * 33, SIGNATURE, [TRUSTED])
    assert refused.value.code == "LIMIT_EXCEEDED"


@pytest.mark.attack("AT-24")
def test_at_24_no_damaged_byte_is_overlooked() -> None:
    """But where nothing depends on it: a grant with changes, and the list of hashes, which repeats what is signed."""
    token = TSA.timestamp(SIGNATURE, AT, certificates=[])
    algorithm = der.set_of(tsa.algorithm_of(tsa.HASH_OIDS["sha256"]))
    status, listed = 8, token.index(algorithm) + 2
    harmless = {status, *range(listed, listed + len(algorithm) - 2)}
    for at in set(range(len(token))) - harmless:
        for flip in (0x01, 0x20, 0x80, 0xFF):
            damaged = token[:at] + bytes([token[at] ^ flip]) + token[at + 1 :]
            with pytest.raises(Rejection):
                verify_timestamp(damaged, SIGNATURE, [TRUSTED])


@pytest.mark.attack("AT-24")
def test_at_24_a_damaged_bag_of_certificates_ends_in_the_same_time_or_a_rejection() -> None:
    token = TSA.timestamp(SIGNATURE, AT)
    start = token.index(TSA.leaf.der)
    for at in range(start - 4, start + len(TSA.leaf.der)):
        damaged = token[:at] + bytes([token[at] ^ 0xFF]) + token[at + 1 :]
        with contextlib.suppress(Rejection):
            assert verify_timestamp(damaged, SIGNATURE, [TRUSTED]).time == AT
        assert code_of(damaged, trust(TSA, leaf=False)) in ("TSA_INVALID", "MALFORMED", "NON_CANONICAL")


def test_tokens_agree_with_openssl(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to compare with")
    (tmp_path / "signature").write_bytes(SIGNATURE)
    for kind in ("p256", "p384", "rsa2048"):
        for intermediate in (False, True):
            authority = TimestampAuthority(kind, intermediate=intermediate)
            cases: dict[str, tuple[bytes, bool]] = {
                "plain": (authority.timestamp(SIGNATURE, AT), True),
                "nonce": (authority.timestamp(SIGNATURE, AT, nonce=2**159, digest="sha512", hash_name="sha384"), True),
                "v1": (authority.timestamp(SIGNATURE, AT, ess=[ess_v1(authority.leaf)]), True),
                "imprint": (authority.timestamp(b"another", AT), False),
                "digest": (authority.timestamp(SIGNATURE, AT, message_digest=bytes(32)), False),
                "ess": (authority.timestamp(SIGNATURE, AT, ess=[ess_v2(authority.root)]), False),
                "status": (authority.timestamp(SIGNATURE, AT, status=2), False),
                "key": (authority.timestamp(SIGNATURE, AT, signing_key=make_party("x", kind).key), False),
            }
            (tmp_path / "chain").write_bytes(authority.chain_pem())
            for name, (token, accepted) in cases.items():
                (tmp_path / name).write_bytes(token)
                command = [openssl, "ts", "-verify", "-data", "signature", "-in", name, "-CAfile", "chain"]
                ran = subprocess.run(
                    [*command, "-untrusted", "chain", "-attime", str(int(AT.timestamp()))],
                    cwd=tmp_path,
                    capture_output=True,
                    check=False,
                    timeout=60,
                )
                assert (ran.returncode == 0) == accepted, (kind, name, ran.stderr)
                try:
                    ours = verify_timestamp(token, SIGNATURE, [trust(authority)]).time == AT
                except Rejection:
                    ours = False
                assert ours == accepted, (kind, name)


def authorities_of(root: Path) -> list[Authority]:
    found = []
    for one in json.loads(root.read_bytes()).get("timestampAuthorities", []):
        certificates = [base64.b64decode(each["rawBytes"]) for each in one["certChain"]["certificates"]]
        *others, anchor = (parse_certificate(each, "certificate") for each in certificates)
        start, end = (one["validFor"].get(side) for side in ("start", "end"))
        window = Window(
            datetime.fromisoformat(start) if start else ALWAYS.start, datetime.fromisoformat(end) if end else None
        )
        found.append(Authority((anchor,), tuple(others), window))
    return found


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("rekor2-happy-path", None),
        ("rekor2-dsse-happy-path", None),
        ("rekor2-timestamp-with-embedded-cert", None),
        ("rekor2-timestamp-without-embedded-cert", None),
        ("rekor2-timestamp-with-expired-cert-chain", None),
        ("rekor2-timestamp-outside-trust-root-tsa-validity_fail", "TSA_INVALID"),
        ("rekor2-timestamp-payload-mismatch_fail", "TSA_INVALID"),
        ("rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail", "TSA_INVALID"),
    ],
)
def test_tokens_of_real_authorities(vectors: Path, name: str, code: str | None) -> None:
    folder = vectors / "sigstore-conformance" / name
    bundle = json.loads((folder / "bundle.sigstore.json").read_bytes())
    stamps = bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
    tokens = [base64.b64decode(one["signedTimestamp"]) for one in stamps]
    message = bundle.get("messageSignature") or {}
    signature = base64.b64decode(message.get("signature") or bundle["dsseEnvelope"]["signatures"][0]["sig"])
    authorities = authorities_of(folder / "trusted_root.json")
    if code is None:
        assert len(verify_timestamps(tokens, signature, authorities)) == 1
        assert code_of(tokens[0], *authorities, signature=signature + b"\x00") == "TSA_INVALID"
        assert code_of(tokens[0], TRUSTED, signature=signature) == "TSA_INVALID"
    else:
        with pytest.raises(Rejection) as refused:
            verify_timestamps(tokens, signature, authorities)
        assert refused.value.code == code
