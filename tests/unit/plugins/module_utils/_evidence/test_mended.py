# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What hostile readings of the verifier found, each as it was shown."""

from __future__ import annotations

import datetime
import hashlib
import itertools
import json
import time
import typing as t

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import parse_certificate
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.distinct import count_places, distinct
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.identity import IdentityRule
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import Evidence, Location
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.pattern import parse_pattern
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import KeyRule, Policy
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.read import (
    from_bundle,
    from_file_bundle,
    from_legacy,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import parse_trusted_root
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verdict import Verdict
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verify import needs_trust, verify
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.legacy import (
    append_signature,
    parse_signatures,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import digest_of
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import parse_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import parse_public_key
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.statement import parse_statement
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import parse_json
from tests.support.sigstore import der
from tests.support.sigstore.ca import CertificateAuthority
from tests.support.sigstore.virtual import (
    AT,
    IDENTITY,
    ISSUER,
    Made,
    VirtualSigstore,
    b64,
    pae,
    public_pem,
    raw_sign,
    statement,
)
from tests.support.sigstore.x509 import (
    Extension,
    distinguished_name,
    dns,
    email,
    name_constraints,
    other_name,
    pem,
    uri,
)

IMAGE = digest_of(b"an image")
FILE = b"a file"
NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
SIGSTORE = VirtualSigstore()
RULE = IdentityRule(identity=IDENTITY, issuer=ISSUER)


def root(sigstore: VirtualSigstore = SIGSTORE, **changes: t.Any) -> t.Any:
    return parse_trusted_root(json.dumps(sigstore.trusted_root(**changes)).encode(), "virtual root")


def read(made: Made) -> Evidence:
    if made.is_bundle:
        return from_bundle(made.data, Location(IMAGE))
    manifest, dummy = append_signature(None, None, made.payload, made.signature, made.annotations)
    return from_legacy(parse_signatures(manifest)[0], made.payload, Location(IMAGE, "tag", 0))


def judge(*made: Made, trust: t.Any = None, digest: str = IMAGE, **policy: t.Any) -> Verdict:
    wanted = Policy(**{"signers": (RULE,), **policy})
    return verify(digest, [read(one) for one in made], wanted, trust or root(), NOW)


def code(verdict: Verdict) -> str | None:
    return verdict.refusal.code if verdict.refusal else None


@pytest.mark.attack("AT-21d", "AT-25")
def test_the_signature_of_a_file_that_looks_like_an_envelope_is_none_of_an_image() -> None:
    """Rekor v1 tells files and envelopes apart by kind: an entry of a file does not vouch for an envelope."""
    key = ec.generate_private_key(ec.SECP256R1())
    body = statement(IMAGE)
    of_file = SIGSTORE.sign(IMAGE, "file", artifact=pae(body), key=key)
    moved = SIGSTORE.sign(IMAGE, "bundle", key=key, payload=body)
    moved.bundle["dsseEnvelope"]["signatures"] = [{"sig": b64(of_file.signature)}]
    moved.bundle["verificationMaterial"] = of_file.bundle["verificationMaterial"]
    assert code(judge(moved)) == "TLOG_MISMATCH"
    assert code(judge(SIGSTORE.sign(IMAGE, "bundle", key=key, payload=body))) is None


@pytest.mark.attack("AT-21d")
def test_the_signature_of_an_envelope_is_none_of_the_file_that_it_is_over() -> None:
    made = SIGSTORE.sign(IMAGE, "file", artifact=pae(statement(IMAGE)), log="v2")
    data = pae(statement(IMAGE))
    evidence = from_file_bundle(made.data, Location(IMAGE), digest_of(data), data)
    assert evidence.error is not None and evidence.error.code == "PAYLOAD_TYPE"


@pytest.mark.attack("AT-27")
def test_a_log_of_v2_is_bound_by_its_name_whatever_its_entry_calls_itself() -> None:
    """With its key, a checkpoint of another log must not pass as one of Rekor v1."""
    made = SIGSTORE.sign(IMAGE, "bundle", log="v2")
    envelope = json.dumps(made.bundle["dsseEnvelope"]).encode()
    body = SIGSTORE.rekor.dsse(made.signature, pem(made.certificate), made.payload, envelope)
    made.material["tlogEntries"] = [SIGSTORE.rekor2.log(body, note={"origin": "evil.test/log"})]
    assert code(judge(made)) == "TLOG_MISMATCH"


@pytest.mark.attack("AT-30e")
@pytest.mark.parametrize(
    "san",
    [
        dns("ceo@acme.test"),
        dns(IDENTITY),
        dns("10.0.0.1"),
        email("x"),
        email(IDENTITY),
        uri("ceo@acme.test"),
        uri("x:ceo@acme.test"),
        *(other_name(der.utf8(text)) for text in ("ceo@acme.test", "https://acme.test/x!y", "x!ceo@acme.test")),
    ],
)
def test_a_name_of_another_kind_is_none(san: bytes) -> None:
    """What a CA may certify is limited by kind: an address that calls itself a host would slip past that."""
    ca = CertificateAuthority(AT, intermediate={"extensions": [name_constraints(permitted=[email("partner.test")])]})
    key = ec.generate_private_key(ec.SECP256R1())
    made = ca.issue(key.public_key(), AT, san=[san])
    assert [name.kind for name in parse_certificate(made, "certificate").names] == ["unusable"]


@pytest.mark.attack("AT-39b")
def test_one_person_with_several_names_is_one_signer() -> None:
    rule = IdentityRule(identity_pattern=parse_pattern(r".*@acme\.test", "pattern"), issuer=ISSUER)
    names = [["alice@acme.test"], ["a.smith@acme.test", "alice@acme.test"]]
    made = [SIGSTORE.sign(IMAGE, issue={"san": one, "issuer": ISSUER}) for one in names]
    options: dict[str, t.Any] = {"signers": (rule,), "ignore_sct": True}
    for order in (made, made[::-1]):
        assert code(judge(*order, **options, required_signatures=2)) == "THRESHOLD"
    other = SIGSTORE.sign(IMAGE, issue={"san": ["bob@acme.test"], "issuer": ISSUER})
    assert code(judge(*made, other, **options, required_signatures=2)) is None


def test_distinct_does_not_depend_on_the_order() -> None:
    for groups in ("a b ab", "ab a b", "a ab b"):
        assert distinct(map(set, groups.split())) == [{"a", "b"}]
    assert distinct([{"a"}, {"b"}, {"c", "b"}]) == [{"a"}, {"b", "c"}]
    assert not distinct([])


@pytest.mark.attack("AT-39b")
def test_of_several_who_must_sign_nobody_signs_for_another() -> None:
    """A build that signs twice, as a pattern allows, is not the build and alice."""
    build = IdentityRule(identity_pattern=parse_pattern(r"https://ci\.test/.+", "pattern"), issuer=ISSUER)
    release = IdentityRule(identity="https://ci.test/release", issuer=ISSUER)
    alice = IdentityRule(identity="alice@acme.test", issuer=ISSUER)

    def by(name: str) -> Made:
        return SIGSTORE.sign(IMAGE, issue={"san": name, "issuer": ISSUER})

    builds = [by("https://ci.test/1"), by("https://ci.test/2")]
    both: dict[str, t.Any] = {"signers": (build, alice), "required_signatures": 2}
    assert code(judge(*builds, **both)) == "THRESHOLD"
    assert code(judge(*builds, by("alice@acme.test"), **both)) is None
    assert code(judge(*builds, signers=(build,), required_signatures=2)) is None
    # The one who fits both fills the place that nobody else can.
    overlapping: dict[str, t.Any] = {"signers": (build, release), "required_signatures": 2}
    for order in ([by("https://ci.test/release"), builds[0]], [builds[0], by("https://ci.test/release")]):
        assert code(judge(*order, **overlapping)) is None
    assert code(judge(by("https://ci.test/release"), **overlapping)) == "THRESHOLD"


@pytest.mark.parametrize(
    ("candidates", "wanted"),
    [([], 0), ([set()], 0), ([{0}, {0}], 1), ([{0, 1}, {0}], 2), ([{0}, {0, 1}, {1}], 2), ([{0, 1}, {1, 2}, {0}], 3)],
)
def test_places_are_filled_as_far_as_they_can_be(candidates: list[set[int]], wanted: int) -> None:
    for order in itertools.permutations(candidates):
        assert count_places(order) == wanted


def test_what_others_attach_makes_no_key_need_a_trusted_root() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    policy = Policy((KeyRule((parse_public_key(public_pem(key), "key"),)),), ignore_tlog=True)
    assert not needs_trust(read(SIGSTORE.sign(IMAGE, timestamp=True)), policy)
    assert needs_trust(read(SIGSTORE.sign(IMAGE, timestamp=True, keyless=False, key=key)), policy)


@pytest.mark.attack("AT-04e", "AT-04g")
@pytest.mark.parametrize("text", [b"[],", b"{},", b'{"a":1},', b"1,"])
def test_a_flood_of_values_ends_in_time(text: bytes) -> None:
    """Each costs a hundred times what a byte does, and four megabytes may be listed a thousand times."""
    began = time.monotonic()
    with pytest.raises(Rejection) as rejection:
        parse_json(b"[" + text * (4 * 2**20 // len(text)) + b"0]", "flood")
    assert rejection.value.code == "LIMIT_EXCEEDED"
    assert time.monotonic() - began < 1
    for read_bundle in (from_bundle, lambda data, where: from_file_bundle(data, where, IMAGE)):
        error = read_bundle(b"[" + text * 30_000 + b"0]", Location(IMAGE)).error
        assert error is not None and error.code == "LIMIT_EXCEEDED"


@pytest.mark.parametrize(("curve", "hash_name"), [(ec.SECP384R1(), "sha384"), (ec.SECP521R1(), "sha512")])
def test_a_file_that_was_signed_with_the_hash_of_the_curve(curve: t.Any, hash_name: str) -> None:
    key = ec.generate_private_key(curve)
    made = SIGSTORE.sign(IMAGE, "file", artifact=FILE, keyless=False, key=key, hash_name=hash_name, log=None)
    digest = {"algorithm": f"SHA2_{hash_name[3:]}", "digest": b64(hashlib.new(hash_name, FILE).digest())}
    made.bundle["messageSignature"]["messageDigest"] = digest
    assert of_file(made, key) is None
    assert of_file(made, key, with_file=False) == "POLICY_UNSUPPORTED"
    digest["digest"] = b64(hashlib.new(hash_name, FILE + b"x").digest())
    assert of_file(made, key) == "DIGEST_MISMATCH"


def test_a_file_that_was_signed_without_a_hash() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    made = SIGSTORE.sign(IMAGE, "file", artifact=FILE, keyless=False, key=key, log=None)
    made.bundle["messageSignature"]["messageDigest"] = {}
    assert of_file(made, key) is None
    assert of_file(made, key, with_file=False) == "POLICY_UNSUPPORTED"


def of_file(made: Made, key: t.Any, with_file: bool = True) -> str | None:
    evidence = from_file_bundle(made.data, Location(IMAGE), digest_of(FILE), FILE if with_file else None)
    signers = (KeyRule((parse_public_key(public_pem(key), "key"),)),)
    return code(verify(digest_of(FILE), [evidence], Policy(signers, ignore_tlog=True), None, NOW))


@pytest.mark.parametrize("logged", ["certificate", "key"])
def test_a_certificate_that_was_given_apart_goes_with_a_log(logged: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = SIGSTORE.sign(IMAGE, key=key).certificate
    verifier = {"verifier": pem(certificate) if logged == "certificate" else public_pem(key)}
    made = SIGSTORE.sign(IMAGE, key=key, keyless=False, logged=verifier)
    given = parse_certificate(certificate, "certificate")
    assert code(judge(made, certificate=given)) is None
    other = parse_certificate(SIGSTORE.sign(IMAGE).certificate, "certificate")
    assert code(judge(made, certificate=other)) == "SIG_INVALID"
    stranger = {"verifier": public_pem(ec.generate_private_key(ec.SECP256R1()))}
    made = SIGSTORE.sign(IMAGE, key=key, keyless=False, logged=stranger)
    assert code(judge(made, certificate=given)) == "TLOG_MISMATCH"


def test_a_predicate_is_data_and_the_rest_is_not() -> None:
    odd = {"http_proxy": 1, "HTTP_PROXY": 2, "big": 2**70}
    assert parse_statement(statement(IMAGE, predicate=odd)).predicate == odd
    for wrong, wanted in (
        ({"predicatetype": "x"}, "DUPLICATE_KEY"),
        ({"predicate": {"n": 10**2000}}, "LIMIT_EXCEEDED"),
    ):
        with pytest.raises(Rejection) as rejection:
            parse_statement(statement(IMAGE, **wrong))
        assert rejection.value.code == wanted


def test_text_between_pem_blocks_only_in_files_of_users() -> None:
    block = pem(SIGSTORE.ca.root.der)
    assert len(parse_pem(block + b"\n\n" + block, "chain")) == 2
    noted = b"# our CA\nsubject=CN = x\n" + block + b"subject=CN = y\n" + block
    assert len(parse_pem(noted, "file", commented=True)) == 2
    for wrong, commented in ((noted, False), (b"-----BEGIN CERTIFICATE-----\n!\n" + block, True)):
        with pytest.raises(Rejection) as rejection:
            parse_pem(wrong, "file", commented)
        assert rejection.value.code == "NON_CANONICAL"


def test_a_chain_without_a_certificate_says_nothing_of_who_signed() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    made = SIGSTORE.sign(IMAGE, "legacy", keyless=False, key=key)
    made.annotations["dev.sigstore.cosign/chain"] = SIGSTORE.ca.chain_pem.decode()
    assert code(judge(made, signers=(KeyRule((parse_public_key(public_pem(key), "key"),)),))) is None
    assert code(judge(made)) == "KEY_MISMATCH"
    made = SIGSTORE.sign(IMAGE, "legacy")
    made.annotations["dev.sigstore.cosign/chain"] = " \n"
    assert code(judge(made)) is None


def test_of_several_rules_the_nearest_is_told() -> None:
    rules = (
        IdentityRule(identity="somebody@acme.test", issuer=ISSUER),
        IdentityRule(identity=IDENTITY, issuer="https://other.test"),
    )
    verdict = judge(SIGSTORE.sign(IMAGE), signers=rules)
    assert code(verdict) == "ISSUER_MISMATCH" and "None of the others" in str(verdict.refusal)


def test_a_timestamp_that_is_there_must_verify() -> None:
    """Whatever else proves the time; of several one at least."""
    wrong: dict[str, t.Any] = {"stamp": {"message_digest": b"x" * 32}, "timestamp": True}
    right: dict[str, t.Any] = {"timestamp": True}
    key = ec.generate_private_key(ec.SECP256R1())
    keyed: dict[str, t.Any] = {"signers": (KeyRule((parse_public_key(public_pem(key), "key"),)),)}
    for log in ("v1", "v2"):
        assert code(judge(SIGSTORE.sign(IMAGE, log=log, **wrong))) == "TSA_INVALID"
        assert code(judge(SIGSTORE.sign(IMAGE, keyless=False, key=key, log=log, **wrong), **keyed)) == "TSA_INVALID"
        made = SIGSTORE.sign(IMAGE, log=log, **right)
        stamps = made.material["timestampVerificationData"]["rfc3161Timestamps"]
        stamps.insert(0, {"signedTimestamp": b64(SIGSTORE.tsa.timestamp(b"another signature", AT))})
        assert code(judge(made)) is None


def test_of_what_is_refused_little_is_kept() -> None:
    """Anybody may attach a thousand, each of megabytes."""
    made = SIGSTORE.sign(IMAGE, payload=statement(IMAGE, predicate={"x": "y" * 100_000}))
    verdict = judge(made, annotations={"a": "1"})
    assert code(verdict) == "ANNOTATION_MISMATCH"
    kept = verdict.rejected[0].evidence
    assert (kept.payload, kept.signed, kept.predicate) == (b"", b"", None)
    assert judge(made).accepted[0].evidence.payload


@pytest.mark.attack("AT-04e")
def test_the_statement_of_a_signature_is_short() -> None:
    made = SIGSTORE.sign(IMAGE, payload=statement(IMAGE, predicate=[[]] * 30_000))
    error = read(made).error
    assert error is not None and error.code == "LIMIT_EXCEEDED"
    assert from_bundle(made.data, Location(IMAGE), values=1_000_000).error is None


@pytest.mark.attack("AT-04")
@pytest.mark.parametrize(
    "text", ['"' + '\\"' * 2_000_000 + '"', '"' + "\\\\" * 2_000_000 + '"'], ids=["quotes", "backslashes"]
)
def test_a_flood_of_escapes_ends_in_time(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(Rejection) as rejection:
        parse_json(f"[{text},{'[' * 70}{']' * 70}]".encode(), "flood")
    assert rejection.value.code == "LIMIT_EXCEEDED"
    parse_json(f"[{text},{'[],' * 70}0]".encode(), "flood")
    assert time.monotonic() - began < 2


@pytest.mark.attack("AT-05b")
@pytest.mark.parametrize("twin", ["Subject", "\u017fubject", "SUBJECT"])
def test_keys_that_go_takes_for_the_same(twin: str) -> None:
    twins: dict[str, t.Any] = {twin: []}
    with pytest.raises(Rejection) as rejection:
        parse_statement(statement(IMAGE, **twins))
    assert rejection.value.code == "DUPLICATE_KEY"
    # Only the outermost predicate is somebody's data.
    with pytest.raises(Rejection):
        parse_json(b'{"subject":[{"predicate":{"digest":1,"Digest":2}}]}', "statement", free="predicate")


@pytest.mark.attack("AT-37e")
@pytest.mark.parametrize("before", [b"#", b"# disabled 2026-01 "])
def test_a_block_that_is_commented_out_is_none(before: bytes) -> None:
    block = pem(SIGSTORE.ca.root.der)
    with pytest.raises(Rejection) as rejection:
        parse_pem(block + before + block, "file", commented=True)
    assert rejection.value.code == "NON_CANONICAL"


@pytest.mark.attack("AT-04h")
@pytest.mark.parametrize(
    "overrides",
    [
        {"subject": distinguished_name(O="x" * 9000)},
        {"extensions": [Extension(f"1.2.3.{number}", b"\x05\x00") for number in range(65)]},
    ],
    ids=["name", "extensions"],
)
def test_a_certificate_holds_no_more_than_real_ones(overrides: dict[str, t.Any]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(Rejection) as rejection:
        parse_certificate(SIGSTORE.ca.issue(key.public_key(), AT, **overrides), "certificate")
    assert rejection.value.code == "LIMIT_EXCEEDED"


def test_a_file_and_its_digest_belong_together() -> None:
    made = SIGSTORE.sign(IMAGE, "file", artifact=FILE)
    error = from_file_bundle(made.data, Location(IMAGE), IMAGE, FILE).error
    assert error is not None and error.code == "DIGEST_MISMATCH"


def test_the_helpers_sign_what_they_say() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    key.public_key().verify(raw_sign(key, b"data"), b"data")
