# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import Certificate
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.general_name import San
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.identity import (
    WORKFLOW,
    IdentityRule,
    check_identity,
    describe,
    identity_rule,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

ISSUER = "https://token.actions.githubusercontent.com"
ME = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
CLAIMS = {
    "github_workflow_trigger": "push",
    "github_workflow_sha": "4f2c",
    "github_workflow_name": "Release",
    "github_workflow_repository": "acme/app",
    "github_workflow_ref": "refs/heads/main",
}


@dataclass
class Stub:
    """What `check_identity` reads of a certificate."""

    names: tuple[San, ...]
    oidc_issuer: str | None = ISSUER
    claims: t.Mapping[str, str] = field(default_factory=lambda: CLAIMS)


def certificate(
    *values: str, kind: str = "uri", issuer: str | None = ISSUER, claims: t.Mapping[str, str] | None = None
) -> Certificate:
    known = CLAIMS if claims is None else claims
    return t.cast("Certificate", Stub(tuple(San(kind, value) for value in values), issuer, known))


def rule(**options: t.Any) -> IdentityRule:
    own_ca = options.pop("own_ca", False)
    options = {"identity": ME, "oidc_issuer": ISSUER, **options}
    return identity_rule({f"certificate_{name}": value for name, value in options.items()}, own_ca=own_ca)


def refusal(one: IdentityRule, of: Certificate, one_name: bool = True) -> Rejection:
    with pytest.raises(Rejection) as refused:
        check_identity(one, of, one_name)
    return refused.value


@pytest.mark.parametrize("kind", ["uri", "email", "dns", "ip", "other"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"identity": None, "identity_regexp": r"https://github\.com/acme/.*"},
        {"oidc_issuer": None, "oidc_issuer_regexp": r"https://.*\.githubusercontent\.com"},
        {**CLAIMS},
    ],
)
def test_who_fits_is_accepted(kind: str, options: dict[str, str | None]) -> None:
    check_identity(rule(**options), certificate(ME, kind=kind), one_name=True)


@pytest.mark.attack("AT-35e", "AT-35h")
@pytest.mark.parametrize(
    ("options", "named"),
    [
        pytest.param({"oidc_issuer": None}, "certificate_oidc_issuer_regexp", id="AT-35-h-no-issuer"),
        pytest.param({"identity": None}, "certificate_identity_regexp", id="no-identity"),
        pytest.param({"identity": ""}, "certificate_identity", id="AT-35-e-empty"),
        pytest.param({"oidc_issuer": ""}, "certificate_oidc_issuer", id="AT-35-e-empty-issuer"),
        pytest.param({"identity": None, "identity_regexp": ""}, "certificate_identity_regexp", id="AT-35-e-pattern"),
        pytest.param({"identity": None, "identity_regexp": ".*"}, "certificate_identity_regexp", id="AT-35-e-any"),
        pytest.param(
            {"oidc_issuer": None, "oidc_issuer_regexp": ".+"}, "certificate_oidc_issuer_regexp", id="any-issuer"
        ),
        pytest.param({"identity_regexp": "a"}, "leave one out", id="both-identities"),
        pytest.param({"oidc_issuer_regexp": "a"}, "leave one out", id="both-issuers"),
        pytest.param({"github_workflow_ref": ""}, "certificate_github_workflow_ref", id="empty-claim"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(options: dict[str, str | None], named: str) -> None:
    with pytest.raises(Rejection) as refused:
        rule(**options)
    assert refused.value.code == "POLICY_UNSUPPORTED"
    assert named in refused.value.message


def test_no_other_claims_can_be_asked_for() -> None:
    with pytest.raises(Rejection) as refused:
        IdentityRule(identity=ME, issuer=ISSUER, workflow={"runner_environment": "x"})
    assert refused.value.code == "POLICY_UNSUPPORTED"


@pytest.mark.attack("AT-35d")
@pytest.mark.parametrize(
    "value", [ME + "-evil", ME + "x", "https://evil.example/?x=" + ME, ME.replace("heads", "tags"), ME[:-1]]
)
def test_at_35_d_a_name_that_only_contains_ours_is_refused(value: str) -> None:
    assert refusal(rule(), certificate(value)).code == "IDENTITY_MISMATCH"
    assert (
        refusal(rule(identity=None, identity_regexp=ME.replace(".", r"\.")), certificate(value)).code
        == "IDENTITY_MISMATCH"
    )


@pytest.mark.attack("AT-35g")
@pytest.mark.parametrize("name", WORKFLOW)
def test_at_35_g_each_claim_is_compared(name: str) -> None:
    one = rule(**{name: "other"})
    differs = refusal(one, certificate(ME))
    missing = refusal(one, certificate(ME, claims={}))
    assert differs.code == missing.code == "IDENTITY_MISMATCH"
    assert f"says {CLAIMS[name]} for {name}" in differs.message
    assert f"no such claim for {name}" in missing.message
    assert refusal(rule(**{name: CLAIMS[name]}), certificate(ME, claims={**CLAIMS, name: CLAIMS[name] + " "}))


@pytest.mark.attack("AT-35g")
@pytest.mark.parametrize(
    "options",
    [
        {"identity": "me@acme.example"},
        {"identity": None, "identity_regexp": r".*@acme\.example"},
        {"oidc_issuer": "https://other.example"},
        {"oidc_issuer": None, "oidc_issuer_regexp": r"https://.*\.example"},
    ],
)
def test_at_35_g_each_option_is_compared(options: dict[str, str | None]) -> None:
    assert refusal(rule(**options), certificate(ME)).code in ("IDENTITY_MISMATCH", "ISSUER_MISMATCH")


@pytest.mark.attack("AT-35i", "CVE-2026-22772")
def test_at_35_i_the_right_name_by_another_issuer_is_refused() -> None:
    refused = refusal(rule(), certificate(ME, issuer="https://evil.example"))
    assert refused.code == "ISSUER_MISMATCH"
    assert refused.message == (
        f"Signed by {ME} (issuer https://evil.example), wanted {ME} (issuer {ISSUER}): the issuer differs; another "
        "provider may give the same name to somebody else: check who signed, or correct certificate_oidc_issuer."
    )


def test_another_name_by_the_right_issuer_is_refused() -> None:
    refused = refusal(rule(), certificate("me@acme.example"))
    assert refused.code == "IDENTITY_MISMATCH"
    assert refused.message == (
        f"Signed by me@acme.example (issuer {ISSUER}), wanted {ME} (issuer {ISSUER}): the identity differs; check who "
        "signed, or correct certificate_identity."
    )


def test_where_both_differ_both_are_named() -> None:
    refused = refusal(rule(), certificate("me@acme.example", issuer="https://evil.example"))
    assert refused.code == "IDENTITY_MISMATCH"
    assert "me@acme.example (issuer https://evil.example)" in refused.message
    assert "identity and issuer differ" in refused.message


@pytest.mark.attack("AT-36a", "AT-36b", "AT-36c", "AT-36j")
@pytest.mark.parametrize(
    ("wanted", "found", "hint"),
    [
        pytest.param("me@acme.example", "Me@acme.example", "upper and lower case", id="AT-36-a-email"),
        pytest.param(ME, ME.replace("acme", "Acme"), "upper and lower case", id="AT-36-a-uri"),
        pytest.param("caf\u00e9@x", "cafe\u0301@x", "look alike", id="AT-36-b-nfc-nfd"),
        pytest.param("me@x", "m\uff45@x", "look alike", id="AT-36-b-full-width"),
        pytest.param("me@x", "m\u0435@x", "look alike", id="AT-36-b-cyrillic"),
        pytest.param("me@x", "me\u200b@x", "look alike", id="AT-36-b-zero-width"),
        pytest.param("me@x", "\u202eme@x", "look alike", id="AT-36-b-right-to-left"),
        pytest.param("me@b\u00fccher.example", "me@xn--bcher-kva.example", "check who signed", id="AT-36-b-idn"),
        pytest.param("k@x", "\u212a@x", "case", id="AT-36-c-kelvin"),
        pytest.param(ME, ME + "/", "slash", id="AT-36-j-slash"),
        pytest.param("me@x\n", "me@x", "white space", id="yaml-newline"),
        pytest.param("https://github.com/acme/", ME, "_regexp", id="cosign-prefix"),
    ],
)
def test_at_36_another_spelling_is_another_name(wanted: str, found: str, hint: str) -> None:
    refused = refusal(rule(identity=wanted), certificate(found))
    assert refused.code == "IDENTITY_MISMATCH"
    assert hint in refused.message
    assert refused.message.isascii()
    assert refusal(rule(oidc_issuer=wanted), certificate(ME, issuer=found)).code == "ISSUER_MISMATCH"


@pytest.mark.attack("AT-36d")
def test_at_36_d_fulcio_vouches_for_one_name() -> None:
    two = certificate("other@acme.example", ME)
    refused = refusal(rule(), two, one_name=True)
    assert refused.code == "IDENTITY_MISMATCH"
    assert "has 2 names" in refused.message
    check_identity(rule(), two, one_name=False)
    assert refusal(rule(), certificate("a@x", "b@x", "c@x", "d@x"), one_name=False).message.startswith(
        "Signed by a@x, b@x, c@x and 1 more (issuer"
    )


@pytest.mark.attack("AT-36e")
@pytest.mark.parametrize("one_name", [True, False])
def test_at_36_e_without_a_name_nobody_fits(one_name: bool) -> None:
    patterns = rule(identity=None, identity_regexp="a*")
    for names in ((), ("",)):
        assert refusal(patterns, certificate(*names), one_name).code == "IDENTITY_MISMATCH"


@pytest.mark.attack("AT-36f")
def test_at_36_f_a_name_of_no_use_counts_as_one() -> None:
    names = (San("unusable", ""), San("uri", ME))
    two = t.cast("Certificate", Stub(names))
    assert refusal(rule(), two, one_name=True).code == "IDENTITY_MISMATCH"
    check_identity(rule(), two, one_name=False)


@pytest.mark.attack("AT-36i")
@pytest.mark.parametrize("value", [ME + "\0evil", "\0", ME + "\n", "\x1b[2J" + ME, ME + "\x85", ME + "\udcff"])
@pytest.mark.parametrize("one", [rule(), rule(identity=None, identity_regexp="https.*")])
def test_at_36_i_control_characters_are_refused(value: str, one: IdentityRule) -> None:
    for of in (certificate(value), certificate(ME, issuer=value)):
        refused = refusal(one, of)
        assert refused.code == "MALFORMED"
        assert refused.message.isprintable()


@pytest.mark.attack("AT-04k")
@pytest.mark.parametrize("long", ["a" * 2049, "\u00e9" * 1025, "a" * 1_000_000])
def test_at_04_k_long_names_are_refused_before_matching(long: str) -> None:
    one = rule(identity=None, identity_regexp="a*", oidc_issuer=None, oidc_issuer_regexp="https:.*")
    for of in (certificate(long), certificate("a", issuer=long)):
        refused = refusal(one, of)
        assert refused.code == "LIMIT_EXCEEDED"
        assert len(refused.message) < 1000


def test_a_certificate_of_ones_own_ca_without_issuer() -> None:
    own = certificate(ME, issuer=None)
    refused = refusal(rule(), own)
    assert refused.code == "ISSUER_MISMATCH"
    assert "names none" in refused.message
    check_identity(rule(own_ca=True, oidc_issuer=None), own, one_name=False)
    assert refusal(rule(own_ca=True), own).code == "ISSUER_MISMATCH"


@pytest.mark.attack("AT-35i")
def test_at_35_i_an_issuer_that_nobody_asked_for_is_refused() -> None:
    refused = refusal(rule(own_ca=True, oidc_issuer=None), certificate(ME), one_name=False)
    assert refused.code == "ISSUER_MISMATCH"
    assert "give certificate_oidc_issuer" in refused.message


@pytest.mark.attack("AT-35a")
def test_at_35_a_a_pattern_that_cosign_would_take_says_how_to_write_it() -> None:
    one = rule(identity=None, identity_regexp="https://github.com/acme/")
    assert refusal(one, certificate(ME)).message.endswith("add .* at its end.")
    one = rule(oidc_issuer=None, oidc_issuer_regexp="githubusercontent.com")
    assert refusal(one, certificate(ME)).message.endswith("add .* at its beginning.")


def test_a_rule_in_one_line() -> None:
    assert describe(rule()) == f"{ME} (issuer {ISSUER})"
    assert describe(rule(identity=None, identity_regexp="a+", github_workflow_sha="4f")) == (
        f"like a+ (issuer {ISSUER}), github_workflow_sha 4f"
    )
    assert describe(rule(own_ca=True, oidc_issuer=None)) == f"{ME} (issuer none)"


@pytest.mark.attack("AT-36")
@given(*[st.text("ab/\u00e9e\u0301K\u212a ", min_size=1, max_size=4)] * 4)
def test_exact_values_are_equal_or_refused(name: str, wanted: str, issuer: str, vouched: str) -> None:
    one = IdentityRule(identity=wanted, issuer=vouched)
    if (name, issuer) == (wanted, vouched):
        check_identity(one, certificate(name, issuer=issuer), one_name=True)
    else:
        code = "ISSUER_MISMATCH" if name == wanted else "IDENTITY_MISMATCH"
        assert refusal(one, certificate(name, issuer=issuer)).code == code
