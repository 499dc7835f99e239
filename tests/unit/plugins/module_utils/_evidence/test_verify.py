# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import datetime
import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import Evidence
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import KeyRule, Policy
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.read import (
    from_bundle,
    from_legacy,
    from_listing,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verdict import Verdict, exact_annotations
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verify import needs_trust, verify
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import LogEntry
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.dsse import IN_TOTO, pae
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.legacy import parse_signatures
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import digest_of, parse_manifest
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.payload import simple_signing_payload
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import parse_public_key
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.statement import sign_statement
from tests.support.keys import KINDS, private_key, public_key
from tests.support.signatures import (
    BUNDLE_AT,
    IMAGE,
    LEGACY_AT,
    OTHER_IMAGE,
    bundle,
    bundle_evidence,
    legacy_evidence,
    signer,
)
from tests.support.sigstore.ca import CertificateAuthority

NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
THEIRS = signer(owner="theirs")
Make = t.Callable[..., Evidence]
BOTH = pytest.mark.parametrize("make", [bundle_evidence, legacy_evidence])


def policy(*owners: str, kind: str = "ecdsa-p256", **options: t.Any) -> Policy:
    keys = tuple(public_key(kind, owner) for owner in owners or ("ours",))
    return Policy(**{"signers": (KeyRule(keys),), "ignore_tlog": True, **options})


def judge(*evidence: Evidence, by: Policy | None = None, image: str = IMAGE, reference: str = "") -> Verdict:
    return verify(image, evidence, by or policy(), None, NOW, reference)


def code(verdict: Verdict) -> str | None:
    assert verdict.verified == (verdict.refusal is None)
    assert bool(verdict.checks) == verdict.verified
    return verdict.refusal.code if verdict.refusal else None


def attestation(digest: str = IMAGE, **changes: t.Any) -> bytes:
    return json.dumps({**json.loads(sign_statement(digest)), **changes}).encode()


@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_a_good_signature_is_accepted(make: Make, kind: str) -> None:
    verdict = judge(make(signer(kind), annotations={"a": "1"}), by=policy(kind=kind, annotations={"a": "1"}))
    assert code(verdict) is None
    (accepted,) = verdict.accepted
    assert accepted.signer.key.spki == public_key(kind).spki
    assert accepted.signer.hash_name == ("pure" if kind == "ed25519" else "sha256")
    assert accepted.subject.annotations == {"a": "1"}
    assert verdict.checks == (
        "The specified annotations were verified.",
        "The cosign claims were validated",
        "The signatures were verified against the specified public key",
    )


@BOTH
@pytest.mark.parametrize(("kind", "hash_name"), [("ecdsa-p384", "sha384"), ("ecdsa-p521", "sha512")])
def test_AT_37_d_a_curves_own_hash_verifies(make: Make, kind: str, hash_name: str) -> None:
    verdict = judge(make(signer(kind, hash_name=hash_name)), by=policy(kind=kind))
    assert verdict.accepted[0].signer.hash_name == hash_name


def test_golden_signatures_verify_with_the_golden_key(vectors: Path) -> None:
    golden = vectors / "cosign/golden"
    key = parse_public_key((golden / "keys/cosign.pub").read_bytes(), "key")
    subject = digest_of((golden / "tagfallback/subject-manifest.json").read_bytes())
    manifest = parse_manifest(next((golden / "referrers").glob("put-02-*")).read_bytes().rstrip(b"\n"), None)
    payload = next((golden / "referrers").glob("layer-*.sig-0")).read_bytes()
    evidence = from_legacy(parse_signatures(manifest)[0], payload, LEGACY_AT)
    rule = Policy((KeyRule((key,)),), ignore_tlog=True)
    assert code(verify(subject, [evidence], rule, None, NOW)) is None
    assert code(verify(IMAGE, [evidence], rule, None, NOW)) == "DIGEST_MISMATCH"
    assert code(verify(subject, [evidence], policy(), None, NOW)) == "SIG_INVALID"


def test_AT_15_a_nothing_found_is_no_signature() -> None:
    assert code(judge()) == "NO_SIGNATURE"


@pytest.mark.parametrize("digest", ["", "sha256:", "latest", IMAGE.upper()])
def test_AT_15_b_no_digest_is_no_question(digest: str) -> None:
    with pytest.raises(Rejection) as refused:
        judge(bundle_evidence(), image=digest)
    assert refused.value.code == "MALFORMED"


def re_serialised() -> Evidence:
    text = simple_signing_payload("registry.example/app", IMAGE)
    return legacy_evidence(payload=json.dumps(json.loads(text)).encode(), signature=signer().sign(text))


def tampered(make: Make) -> Evidence:
    return dataclasses.replace(make(), signature=make(annotations={"other": "1"}).signature)


@pytest.mark.parametrize(
    ("evidence", "wanted"),
    [
        pytest.param(lambda: bundle_evidence(THEIRS), "KEY_MISMATCH", id="another-key-bundle"),
        pytest.param(lambda: legacy_evidence(THEIRS), "SIG_INVALID", id="another-key-legacy"),
        pytest.param(
            lambda: bundle_evidence(THEIRS, hint=signer().public_key.key_id), "SIG_INVALID", id="AT-37-c-our-hint"
        ),
        pytest.param(lambda: bundle_evidence(THEIRS, hint=""), "SIG_INVALID", id="AT-37-c-no-hint"),
        pytest.param(lambda: bundle_evidence(signer("rsa-2048")), "KEY_MISMATCH", id="AT-37-d-RSA-for-EC"),
        pytest.param(lambda: legacy_evidence(signer("ed25519")), "SIG_INVALID", id="AT-37-d-Ed25519-for-EC"),
        pytest.param(re_serialised, "SIG_INVALID", id="AT-16-c"),
        pytest.param(lambda: tampered(bundle_evidence), "SIG_INVALID", id="AT-22-d-of-another-envelope"),
        pytest.param(lambda: tampered(legacy_evidence), "SIG_INVALID", id="of-another-payload"),
        pytest.param(
            lambda: dataclasses.replace(bundle_evidence(), signature=b""), "SIG_INVALID", id="AT-22-d-empty-bundle"
        ),
        pytest.param(lambda: dataclasses.replace(legacy_evidence(), signature=b""), "SIG_INVALID", id="empty-legacy"),
        pytest.param(
            lambda: dataclasses.replace(bundle_evidence(), signature=signer().sign(sign_statement(IMAGE))),
            "SIG_INVALID",
            id="AT-21-c-over-the-payload",
        ),
        pytest.param(
            lambda: legacy_evidence(signature=signer().sign(pae(IN_TOTO, legacy_evidence().payload))),
            "SIG_INVALID",
            id="AT-21-d-over-a-PAE",
        ),
        pytest.param(
            lambda: legacy_evidence(payload=simple_signing_payload("r/a", OTHER_IMAGE)), "DIGEST_MISMATCH", id="AT-16-a"
        ),
        pytest.param(lambda: legacy_evidence(payload=b"not-json"), "MALFORMED", id="AT-24-payload"),
        pytest.param(lambda: legacy_evidence(payload=b"{}"), "MALFORMED", id="no-claims"),
        pytest.param(lambda: bundle_evidence(statement=sign_statement(OTHER_IMAGE)), "SUBJECT_MISMATCH", id="AT-19-b"),
        pytest.param(
            lambda: bundle_evidence(statement=attestation(subject=[{"digest": {"sha512": "a" * 128}}])),
            "SUBJECT_MISMATCH",
            id="AT-19-d-sha512",
        ),
        pytest.param(
            lambda: bundle_evidence(statement=attestation(subject=[{"digest": {"gitCommit": "a" * 40}}])),
            "SUBJECT_MISMATCH",
            id="AT-19-d-gitCommit",
        ),
        pytest.param(lambda: bundle_evidence(statement=attestation(subject=[])), "MALFORMED", id="AT-19-a"),
        pytest.param(lambda: bundle_evidence(statement=b"{}"), "MALFORMED", id="AT-21-no-statement"),
        pytest.param(
            lambda: bundle_evidence(statement=attestation(predicateType="https://example.com/vuln")),
            "PREDICATE_TYPE",
            id="AT-20-a",
        ),
        pytest.param(
            lambda: bundle_evidence(statement=attestation(predicateType="https://sigstore.dev/cosign/sign/v1/")),
            "PREDICATE_TYPE",
            id="AT-20-c-slash",
        ),
        pytest.param(
            lambda: bundle_evidence(statement=attestation(predicateType="https://sigstore.dev/cosign/sign/V1")),
            "PREDICATE_TYPE",
            id="AT-20-c-case",
        ),
        pytest.param(lambda: from_listing("https://example.com/vuln", BUNDLE_AT), "PREDICATE_TYPE", id="AT-20-listed"),
        pytest.param(lambda: from_bundle(b"{", BUNDLE_AT), "MALFORMED", id="AT-24-bundle"),
    ],
)
def test_one_thing_wrong_is_refused_with_its_code(evidence: t.Callable[[], Evidence], wanted: str) -> None:
    verdict = judge(evidence())
    assert code(verdict) == wanted
    assert not verdict.accepted
    assert verdict.rejected[0].rejection.code == wanted
    assert verdict.refusal is not None
    assert verdict.refusal.message == verdict.rejected[0].rejection.message
    # I7: beside a good one it changes nothing, in either order.
    assert code(judge(evidence(), bundle_evidence())) is None
    assert code(judge(legacy_evidence(), evidence())) is None


def test_AT_20_a_the_refusal_names_what_verifies_attestations() -> None:
    verdict = judge(bundle_evidence(statement=attestation(predicateType="https://example.com/vuln")))
    assert verdict.refusal is not None
    assert "cosign_verify_attestation" in verdict.refusal.message
    assert "https://example.com/vuln" in verdict.refusal.message


def test_an_attestation_beside_a_refused_signature_does_not_hide_why() -> None:
    assert code(judge(from_listing("x", BUNDLE_AT), bundle_evidence(THEIRS))) == "KEY_MISMATCH"
    assert code(judge(from_listing("x", BUNDLE_AT), from_listing("y", BUNDLE_AT))) == "PREDICATE_TYPE"


def test_the_wanted_type_of_attestation_counts() -> None:
    evidence = bundle_evidence(statement=attestation(predicateType="https://example.com/x"))
    assert code(judge(evidence, by=policy(predicate_types=("https://example.com/x",)))) is None
    assert code(judge(bundle_evidence(), by=policy(predicate_types=("https://example.com/x",)))) == "PREDICATE_TYPE"


@BOTH
def test_AT_16_a_the_digest_is_checked_whatever_the_options(make: Make) -> None:
    verdict = judge(make(), by=policy(check_claims=False), image=OTHER_IMAGE)
    assert code(verdict) in ("DIGEST_MISMATCH", "SUBJECT_MISMATCH")


def test_check_claims_off_skips_the_type_and_says_so() -> None:
    evidence = bundle_evidence(statement=attestation(predicateType="https://example.com/vuln"))
    verdict = judge(evidence, by=policy(check_claims=False))
    assert code(verdict) is None
    assert verdict.checks == ("The signatures were verified against the specified public key",)


@BOTH
@pytest.mark.parametrize(
    ("present", "wanted", "accepted"),
    [
        ({"a": "1"}, {"a": "1"}, True),
        ({"a": "1", "b": "2"}, {"a": "1"}, True),
        ({"a": "1"}, {}, True),
        ({"a": "1"}, {"a": "2"}, False),
        ({"a": "1"}, {"a": ""}, False),
        ({"a": "1"}, {"A": "1"}, False),
        ({"a": "1"}, {"a": "1", "b": "2"}, False),
        ({}, {"a": "1"}, False),
    ],
)
def test_annotations(make: Make, present: dict[str, str], wanted: dict[str, str], accepted: bool) -> None:
    verdict = judge(make(annotations=present), by=policy(annotations=wanted))
    assert code(verdict) == (None if accepted else "ANNOTATION_MISMATCH")
    if accepted:
        assert exact_annotations(verdict.accepted[0], wanted) == (present == wanted)


@BOTH
def test_AT_16_f_a_number_is_no_text(make: Make) -> None:
    evidence = make()
    subject = dataclasses.replace(evidence.subjects[0], annotations={"a": 1})
    changed = dataclasses.replace(evidence, subjects=(subject,))
    assert code(judge(changed, by=policy(annotations={"a": "1"}))) == "ANNOTATION_MISMATCH"
    assert not exact_annotations(judge(changed).accepted[0], {"a": "1"})
    assert not exact_annotations(judge(changed).accepted[0], {})


@BOTH
def test_AT_39_annotations_match_within_one_signature(make: Make) -> None:
    verdict = judge(
        make(annotations={"a": "1"}), make(annotations={"b": "2"}), by=policy(annotations={"a": "1", "b": "2"})
    )
    assert code(verdict) == "ANNOTATION_MISMATCH"


def test_AT_19_c_any_subject_may_be_the_image_and_annotations_are_its_own() -> None:
    algorithm, ours = IMAGE.split(":")
    other = {"digest": {algorithm: OTHER_IMAGE.split(":")[1]}, "annotations": {"a": "1"}}
    image = {"digest": {algorithm: ours}, "annotations": {"b": "2"}, "name": "second"}
    evidence = bundle_evidence(statement=attestation(subject=[other, image]))
    verdict = judge(evidence)
    assert verdict.accepted[0].subject.name == "second"
    assert code(judge(evidence, by=policy(annotations={"a": "1"}))) == "ANNOTATION_MISMATCH"
    twice = bundle_evidence(statement=attestation(subject=[{**image, "annotations": {}}, image]))
    assert code(judge(twice, by=policy(annotations={"b": "2"}))) is None


@BOTH
def test_without_a_log_entry_a_log_is_missed(make: Make) -> None:
    assert code(judge(make(), by=policy(ignore_tlog=False))) == "TLOG_MISSING"


@BOTH
def test_a_log_entry_that_nobody_verified_is_never_accepted(make: Make) -> None:
    entry = LogEntry(1, b"id", 1, b"body", b"set")
    evidence = dataclasses.replace(make(), log_entries=(entry,))
    assert needs_trust(evidence, policy(ignore_tlog=False))
    assert code(judge(evidence, by=policy(ignore_tlog=False))) == "TRUST_ROOT"
    assert not needs_trust(evidence, policy())
    assert code(judge(evidence)) is None


@BOTH
@pytest.mark.parametrize("ignore_tlog", [True, False])
def test_a_timestamp_that_nobody_verified_is_never_accepted(make: Make, ignore_tlog: bool) -> None:
    evidence = dataclasses.replace(make(), timestamps=(b"token",))
    assert needs_trust(evidence, policy(ignore_tlog=ignore_tlog))
    assert code(judge(evidence, by=policy(ignore_tlog=ignore_tlog))) == "TSA_INVALID"


@BOTH
def test_AT_37_b_a_certificate_beside_a_signature_is_no_identity(make: Make) -> None:
    ca = CertificateAuthority(NOW)
    ours, theirs = (ca.issue(private_key(owner=owner).public_key(), NOW) for owner in ("ours", "theirs"))
    theirs_evidence = dataclasses.replace(make(THEIRS), key_hint=None, certificates=(theirs,))
    assert code(judge(theirs_evidence)) == "KEY_MISMATCH"
    accepted = judge(dataclasses.replace(make(), certificates=(ours,)))
    assert code(accepted) is None
    assert accepted.accepted[0].signer.certificate is None, "it is no statement of identity"
    assert code(judge(dataclasses.replace(make(), certificates=(theirs,)))) == "KEY_MISMATCH"
    assert code(judge(dataclasses.replace(make(), certificates=(b"x",)))) == "MALFORMED"


@pytest.mark.parametrize(
    ("how", "asked", "wanted"),
    [
        ("none", "other.example/app", None),
        ("repository", "registry.example/app:1", None),
        ("repository", "registry.example/app-evil", "REFERENCE_MISMATCH"),
        ("repository", "", "REFERENCE_MISMATCH"),
        ("exact", "registry.example/app:1", "REFERENCE_MISMATCH"),
    ],
)
def test_AT_17_the_reference_of_a_legacy_signature(how: str, asked: str, wanted: str | None) -> None:
    assert code(judge(legacy_evidence(), by=policy(match_reference=how), reference=asked)) == wanted


def test_AT_17_exact_is_by_tag_or_digest() -> None:
    for signed in ("registry.example/app:1", f"registry.example/app@{IMAGE}"):
        evidence = legacy_evidence(reference=signed)
        rule = policy(match_reference="exact")
        assert code(judge(evidence, by=rule, reference="registry.example/app:1")) is None
        assert code(judge(evidence, by=rule, reference="other.example/app:1")) == "REFERENCE_MISMATCH"


@pytest.mark.parametrize("how", ["repository", "exact"])
def test_AT_17_a_bundle_names_no_image(how: str) -> None:
    verdict = judge(bundle_evidence(), by=policy(match_reference=how), reference="registry.example/app")
    assert code(verdict) == "REFERENCE_MISMATCH"
    assert verdict.refusal is not None
    assert "signature_format" in verdict.refusal.message


@BOTH
def test_AT_28_distinct_keys_are_counted(make: Make) -> None:
    two = policy("ours", "theirs", required_signatures=2)
    assert code(judge(make(), make(), by=two)) == "THRESHOLD"
    assert code(judge(make(), make(THEIRS), by=two)) is None
    assert code(judge(bundle_evidence(), legacy_evidence(), by=two)) == "THRESHOLD"
    assert code(judge(bundle_evidence(THEIRS), legacy_evidence(), by=two)) is None
    assert code(judge(make(), make(signer(owner="nobody")), by=two)) == "THRESHOLD"
    assert code(
        judge(make(), make(THEIRS, annotations={"a": "1"}), by=dataclasses.replace(two, annotations={"a": "1"}))
    )


def test_any_of_several_keys_suffices() -> None:
    assert code(judge(bundle_evidence(THEIRS), by=policy("ours", "theirs"))) is None


def test_several_refusals() -> None:
    assert code(judge(bundle_evidence(THEIRS), bundle_evidence(THEIRS))) == "KEY_MISMATCH"
    verdict = judge(bundle_evidence(THEIRS), legacy_evidence(THEIRS))
    assert code(verdict) == "NO_MATCHING_SIGNATURE"
    assert verdict.refusal is not None
    assert [one["code"] for one in verdict.refusal.rejected] == ["KEY_MISMATCH", "SIG_INVALID"]
    assert verdict.refusal.rejected[1] == {
        "code": "SIG_INVALID",
        "message": verdict.rejected[1].rejection.message,
        "format": "legacy",
        "location": str(LEGACY_AT),
    }


@BOTH
def test_AT_37_d_a_prehashed_ed25519_signature_is_refused_by_name(make: Make) -> None:
    verdict = judge(dataclasses.replace(make(signer("ed25519")), signature=b"x" * 64), by=policy(kind="ed25519"))
    assert code(verdict) == "SIG_INVALID"
    assert verdict.refusal is not None
    assert "Ed25519ph" in verdict.refusal.message


def test_AT_15_g_what_is_no_rejection_is_no_acceptance(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> t.NoReturn:
        raise RuntimeError

    monkeypatch.setattr(type(public_key()), "verify", broken)
    with pytest.raises(RuntimeError):
        judge(bundle_evidence())


def test_AT_24_texts_of_others_are_shortened_in_messages() -> None:
    for evidence, rule in (
        (bundle_evidence(THEIRS, hint="h" * 100_000), policy()),
        (bundle_evidence(statement=attestation(predicateType="p" * 100_000)), policy()),
        (bundle_evidence(annotations={"a": "v" * 100_000}), policy(annotations={"a": "1"})),
        (legacy_evidence(reference="r" * 100_000), policy(match_reference="exact")),
        (bundle_evidence(statement=attestation(subject=[{"digest": {"x" * 9: "d" * 100_000}}])), policy()),
    ):
        verdict = judge(evidence, by=rule)
        assert verdict.refusal is not None
        assert len(verdict.refusal.message) < 1000


def test_AT_24_every_truncation_and_flipped_byte_is_refused() -> None:
    data = bundle()
    for at in range(len(data)):
        assert not judge(from_bundle(data[:at], BUNDLE_AT)).verified
    for at in range(0, len(data), 7):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        # A hint decides nothing, so it may change.
        if b'"hint"' not in data[max(0, at - 60) : at]:
            assert not judge(from_bundle(changed, BUNDLE_AT)).verified, changed
