# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several signatures, several options: what must hold however they are combined."""

from __future__ import annotations

import datetime
import functools
import itertools
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence import verify as verifier
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.identity import identity_rule
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import Evidence
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import KeyRule, Policy
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verdict import Verdict
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verify import verify
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import PublicKey, parse_public_key
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.support.judged import evidence_of, trust_of
from tests.support.sigstore.case import IMAGE, LATER, OTHER_IMAGE, OURS, key_pem, signed
from tests.support.sigstore.virtual import AT, CLAIMS, IDENTITY, ISSUER, VirtualSigstore, statement
from tests.support.sigstore.wrong import CASES

BOTH = pytest.mark.parametrize("form", ["bundle", "legacy"])


@functools.cache
def virtual() -> VirtualSigstore:
    return VirtualSigstore()


def by_us(**options: t.Any) -> Policy:
    return Policy((identity_rule(OURS),), **options)


def judge(*evidence: Evidence, by: Policy | None = None, now: datetime.datetime = LATER) -> Verdict:
    return verify(IMAGE, evidence, by or by_us(), trust_of(virtual()), now, "registry.test/app")


def code(verdict: Verdict) -> str | None:
    return verdict.refusal.code if verdict.refusal else None


def made(form: str = "bundle", **how: t.Any) -> Evidence:
    return evidence_of(signed(form, **how)(virtual()), IMAGE)[0]


# Order, and junk

POLICIES: dict[str, t.Callable[[], Policy]] = {
    "identity": by_us,
    "identity without log": lambda: by_us(ignore_tlog=True),
    "key": lambda: Policy((KeyRule((ours(),)),)),
    "key or identity": lambda: Policy((KeyRule((ours(),)), identity_rule(OURS)), ignore_tlog=True),
    "two of both": lambda: Policy((KeyRule((ours(),)), identity_rule(OURS)), 2, ignore_tlog=True),
    "two logs": lambda: by_us(required_logs=2),
    "annotations": lambda: by_us(annotations={"a": "1"}),
}


def ours() -> PublicKey:
    return parse_public_key(key_pem(), "key")


@functools.cache
def pool() -> list[Evidence]:
    """Whatever the catalogue has to show for the image, each under the virtual Sigstore's own trusted root."""
    wanted = [one for one in CASES if one.root is None and one.digest == IMAGE and one.artifact is None]
    # Every third, so that each group of cases is there.
    return [one for case in wanted[::3] for one in evidence_of(case.make(virtual()), IMAGE)]


@functools.cache
def alone(index: int, name: str) -> bool:
    """Whether this evidence by itself is accepted, however many signers are required."""
    return bool(judge(pool()[index], by=POLICIES[name]()).accepted)


@pytest.mark.attack("AT-39d", "AT-39f", "AT-28", "AT-15c")
@settings(max_examples=120, deadline=None, derandomize=True)
@given(data=st.data(), name=st.sampled_from(sorted(POLICIES)))
def test_neither_order_nor_junk_changes_a_verdict(data: st.DataObject, name: str) -> None:
    policy = POLICIES[name]()
    chosen = data.draw(st.lists(st.integers(0, len(pool()) - 1), max_size=8, unique=True))
    shuffled = data.draw(st.permutations(chosen))
    verdict, other = (judge(*[pool()[at] for at in order], by=policy) for order in (chosen, shuffled))
    accepted = {id(one.evidence) for one in verdict.accepted}
    # Each is judged as if it were alone.
    assert accepted == {id(pool()[at]) for at in chosen if alone(at, name)}
    assert accepted == {id(one.evidence) for one in other.accepted}
    assert len(verdict.accepted) + len(verdict.rejected) == len(chosen)
    assert code(verdict) == code(other)
    good = [pool()[at] for at in chosen if alone(at, name)]
    assert judge(*good, by=policy).verified == verdict.verified
    assert verdict.verified == (len({one.who for one in verdict.accepted}) >= policy.required_signatures)


@BOTH
@pytest.mark.attack("AT-39b", "AT-28")
def test_signers_are_counted_not_signatures(form: str) -> None:
    other = "https://github.com/example/other/.github/workflows/x.yaml@refs/heads/main"
    mine, again, theirs = made(form), made(form), made(form, issue={"san": other})
    anyone = identity_rule({**OURS, "certificate_identity": other})
    two = Policy((identity_rule(OURS), anyone), required_signatures=2)
    assert code(judge(mine, again, by=two)) == "THRESHOLD"
    assert code(judge(mine, theirs, by=two)) is None
    assert code(judge(mine, by=two)) == "THRESHOLD"


@BOTH
@pytest.mark.attack("AT-39a")
def test_annotations_hold_in_one_signature(form: str) -> None:
    one, other, both = (made(form, annotations=notes) for notes in ({"a": "1"}, {"b": "2"}, {"a": "1", "b": "2"}))
    wanted = by_us(annotations={"a": "1", "b": "2"})
    assert code(judge(one, other, by=wanted)) == "ANNOTATION_MISMATCH"
    assert code(judge(one, both, by=wanted)) is None


@pytest.mark.attack("AT-38a", "AT-38c", "AT-38e")
def test_either_format_satisfies_and_neither_hides_the_other() -> None:
    good = {form: made(form) for form in ("bundle", "legacy")}
    bad = {form: made(form, entry={"promise": b"x"}) for form in good}
    for form, other in (("bundle", "legacy"), ("legacy", "bundle")):
        assert code(judge(bad[form], good[other])) is None
        assert [one.rejection.code for one in judge(bad[form], good[other]).rejected] == ["SET_INVALID"]
        assert code(judge(bad[form], bad[other])) == "SET_INVALID"


# Options

OPTIONS = ("check_claims", "ignore_tlog", "ignore_sct", "use_signed_timestamps", "ignore_timestamps")
PARTS = ("log", "timestamp", "sct", "type", "digest")
SOON = AT + datetime.timedelta(minutes=5)


def with_parts(log: bool, timestamp: bool, sct: bool, type_: bool, digest: bool) -> Evidence:
    """A bundle that has these parts right, and the others not."""
    issue = {} if sct else {"ct": None}
    how: dict[str, t.Any] = {"log": "v1" if log else None, "timestamp": timestamp, "issue": issue}
    if not digest:
        return evidence_of(signed(digest=OTHER_IMAGE, **how)(virtual()), OTHER_IMAGE)[0]
    if not type_:
        return evidence_of(_of_type("https://example.com/other", **how), IMAGE)[0]
    return made(**how)


def _of_type(kind: str, **how: t.Any) -> t.Any:
    return signed(payload=statement(IMAGE, predicateType=kind), **how)(virtual())


def wanted_answer(parts: t.Mapping[str, bool], options: t.Mapping[str, bool], valid_now: bool) -> bool:
    """What the documentation of the options says, written down once more."""
    stamped = parts["timestamp"] and not options["ignore_timestamps"]
    in_log = parts["log"] and not options["ignore_tlog"]
    nothing_is_meant_to_say_when = (
        options["ignore_tlog"] and options["ignore_sct"] and not options["use_signed_timestamps"]
    )
    return all(
        (
            parts["digest"],
            parts["type"] or not options["check_claims"],
            parts["log"] or options["ignore_tlog"],
            parts["sct"] or options["ignore_sct"],
            stamped or not options["use_signed_timestamps"],
            in_log or stamped or (nothing_is_meant_to_say_when and valid_now),
        )
    )


@pytest.mark.attack("AT-15f", "AT-15h", "GHSA-fhgh-wq4q-r37x", "CVE-2025-29778")
@pytest.mark.parametrize("now", [SOON, LATER], ids=["certificate-valid-now", "certificate-expired"])
def test_every_option_with_every_part(now: datetime.datetime) -> None:
    evidence = {
        values: with_parts(*values)
        for values in itertools.product((True, False), repeat=len(PARTS))
        if values[3] or values[4]
    }
    for chosen in itertools.product((True, False), repeat=len(OPTIONS)):
        options = dict(zip(OPTIONS, chosen, strict=True))
        if options["use_signed_timestamps"] and options["ignore_timestamps"]:
            with pytest.raises(Rejection) as refused:
                by_us(**options)
            assert refused.value.code == "POLICY_UNSUPPORTED"
            continue
        policy = by_us(**options)
        for values, one in evidence.items():
            parts = dict(zip(PARTS, values, strict=True))
            # Of another image its type is right.
            parts["type"] = parts["type"] or not parts["digest"]
            verdict = judge(one, by=policy, now=now)
            assert verdict.verified == wanted_answer(parts, options, now == SOON), (parts, options, verdict.refusal)


@pytest.mark.attack("AT-35g", "CVE-2025-29778")
def test_every_identity_option_decides_whatever_the_others() -> None:
    patterns = {"certificate_identity_regexp": "https://github\\.com/chainguard-images/.*"}
    issuers = {"certificate_oidc_issuer_regexp": "https://token\\..*"}
    one = made()
    claims = [{f"certificate_{name}": value} for name, value in CLAIMS.items()]
    for identity in ({"certificate_identity": IDENTITY}, patterns):
        for issuer in ({"certificate_oidc_issuer": ISSUER}, issuers):
            for count in range(len(claims) + 1):
                for more in itertools.combinations(claims, count):
                    options = {name: value for group in (identity, issuer, *more) for name, value in group.items()}
                    assert judge(one, by=Policy((identity_rule(options),))).verified
                    for name in options:
                        wrong = {**options, name: "https://example\\.com/nobody"}
                        assert not judge(one, by=Policy((identity_rule(wrong),))).verified, name


# Nothing was verified


@pytest.mark.attack("AT-15a", "AT-15b")
def test_nothing_found_is_refused() -> None:
    for policy in (by_us(), by_us(ignore_tlog=True), by_us(check_claims=False)):
        assert code(judge(by=policy)) == "NO_SIGNATURE"


@pytest.mark.attack("AT-15d", "AT-15e", "AT-37a")
@pytest.mark.parametrize(
    ("signers", "options"),
    [
        ((), {}),
        ((KeyRule(()),), {}),
        ((KeyRule(()), KeyRule(())), {"ignore_tlog": True}),
        (None, {"required_signatures": 0}),
        (None, {"required_signatures": -1}),
        (None, {"required_signatures": True}),
        (None, {"required_logs": 0}),
        (None, {"required_logs": -1}),
        (None, {"predicate_types": ()}),
        (None, {"ignore_tlog": True, "required_logs": 2}),
        (None, {"check_claims": False, "annotations": {"a": "1"}}),
    ],
    ids=str,
)
def test_a_policy_that_asks_nothing_is_none(signers: t.Any, options: dict[str, t.Any]) -> None:
    with pytest.raises(Rejection) as refused:
        Policy((identity_rule(OURS),) if signers is None else signers, **options)
    assert refused.value.code == "POLICY_UNSUPPORTED"


@pytest.mark.attack("AT-15g", "AT-15c")
@BOTH
@pytest.mark.parametrize(
    "check",
    [
        "find_signer",
        "verify_timestamps",
        "verify_entries",
        "_check_clock",
        "build_chain",
        "check_scts",
        "check_identity",
        "check_claims",
    ],
)
def test_every_check_is_made_and_decides(form: str, check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, by = made(form, timestamp=True), by_us(use_signed_timestamps=True)
    assert judge(one, by=by).verified

    def refuse(*_arguments: object, **_options: object) -> t.NoReturn:
        raise Rejection("CONFLICT", "No.")

    def crash(*_arguments: object, **_options: object) -> t.NoReturn:
        raise RuntimeError

    monkeypatch.setattr(verifier, check, refuse)
    assert code(judge(one, by=by)) == "CONFLICT"
    monkeypatch.setattr(verifier, check, crash)
    with pytest.raises(RuntimeError):
        judge(one, by=by)
