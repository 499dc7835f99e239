# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json
import typing as t
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._services.identity_token import (
    MAX_TOKEN,
    IdentityToken,
    check_identity_token,
    parse_identity_token,
    signer_of,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
CANARY = "canary-7f3a"
CLAIMS = {
    "iss": "https://issuer.example",
    "sub": "someone",
    "aud": "sigstore",
    "exp": int(NOW.timestamp()) + 600,
    "secret": CANARY,
}
SIGNATURE = base64.urlsafe_b64encode(CANARY.encode()).rstrip(b"=").decode()
UNSET: t.Any = object()


def part(content: t.Any) -> str:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(header: t.Any = None, **claims: t.Any) -> str:
    content = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not UNSET}
    return f"{part(header or {'alg': 'RS256'})}.{part(content)}.{SIGNATURE}"


def parsed(**claims: t.Any) -> IdentityToken:
    return parse_identity_token(jwt(**claims), "identity token")


def refused(text: str) -> str:
    """Refused, with the code, and without a trace of what was refused."""
    with pytest.raises(Rejection) as caught:
        parse_identity_token(text, "identity token")
    assert CANARY not in caught.value.message and SIGNATURE not in caught.value.message
    assert not [one for one in text.split(".") if len(one) > 8 and one in caught.value.message]
    assert caught.value.__cause__ is None
    return caught.value.code


def test_a_token_says_whose_it_is_for_whom_and_how_long() -> None:
    token = parsed(aud=["sigstore", "other"], iat=int(NOW.timestamp()), nbf=NOW.timestamp() + 0.5)
    assert (token.issuer, token.subject) == ("https://issuer.example", "someone")
    assert token.audiences == ("sigstore", "other")
    assert token.expires == NOW + timedelta(minutes=10)
    assert token.starts == NOW + timedelta(seconds=0.5)
    assert token.claims["secret"] == CANARY
    assert parsed().audiences == ("sigstore",) and parsed().starts is None


def test_white_space_around_a_token_is_no_part_of_it() -> None:
    assert parse_identity_token(f"\n {jwt()}\n", "identity token").raw == jwt()


@pytest.mark.attack("AT-40e")
def test_nothing_secret_shows_in_a_repr() -> None:
    shown = repr(parsed())
    assert "issuer.example" in shown
    assert CANARY not in shown and SIGNATURE not in shown and jwt() not in shown


BAD = {
    "empty": "",
    "opaque": f"ghs_{CANARY}",
    "two parts": f"{part({'alg': 'RS256'})}.{part(CLAIMS)}",
    "encrypted": f"{jwt()}.{SIGNATURE}.{SIGNATURE}",
    "unsigned": f"{part({'alg': 'RS256'})}.{part(CLAIMS)}.",
    "padded": f"{jwt()}==",
    "standard base64": jwt().replace(SIGNATURE, f"+/{SIGNATURE}"),
    "line break within": f"{jwt()[:40]}\n{jwt()[40:]}",
    "two tokens": f"{jwt()}\n{jwt()}",
    "not ASCII": jwt().replace(SIGNATURE, "ä" * 8),
    "header is a list": f"{part([CANARY])}.{part(CLAIMS)}.{SIGNATURE}",
    "header is no JSON": f"{part(CANARY.encode())}.{part(CLAIMS)}.{SIGNATURE}",
    "no alg": jwt({"typ": "JWT"}),
    "alg is a number": jwt({"alg": 1}),
    "content is a string": f"{part({'alg': 'RS256'})}.{part(CANARY)}.{SIGNATURE}",
    "content is not UTF-8": f"{part({'alg': 'RS256'})}.{part(CANARY.encode() + bytes([255]))}.{SIGNATURE}",
    "nested": f"{part({'alg': 'RS256'})}.{part(b'[' * 5000)}.{SIGNATURE}",
    "no issuer": jwt(iss=UNSET),
    "empty issuer": jwt(iss=""),
    "issuer is a list": jwt(iss=[CANARY]),
    "no subject": jwt(sub=UNSET),
    "empty subject": jwt(sub=""),
    "subject is null": jwt(sub=None),
    "no audience": jwt(aud=UNSET),
    "audience is empty": jwt(aud=[]),
    "audience is a number": jwt(aud=[1]),
    "audience is an object": jwt(aud={CANARY: CANARY}),
    "no expiry": jwt(exp=UNSET),
    "expiry is a string": jwt(exp=f"{NOW.timestamp()}"),
    "expiry is true": jwt(exp=True),
    "expiry is negative": jwt(exp=-1),
    "expiry is after all years": jwt(exp=2**62),
    "start is a string": jwt(nbf=CANARY),
    "issue is null": jwt(iat=None),
}


@pytest.mark.attack("AT-40e")
@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_what_is_no_identity_token_is_refused_without_being_shown(text: str) -> None:
    assert refused(text) in ("MALFORMED", "LIMIT_EXCEEDED")


@pytest.mark.attack("AT-40e")
@pytest.mark.parametrize("name", ["none", "None", "NONE"])
def test_an_unsigned_token_is_refused(name: str) -> None:
    with pytest.raises(Rejection, match="alg is none") as caught:
        parse_identity_token(jwt({"alg": name}), "identity token")
    assert caught.value.code == "MALFORMED"


@pytest.mark.attack("AT-40e")
def test_a_huge_token_is_refused_before_it_is_decoded() -> None:
    assert refused(jwt(more="a" * 10_000_000)) == "LIMIT_EXCEEDED"
    assert refused("a" * (MAX_TOKEN + 1)) == "LIMIT_EXCEEDED"


@pytest.mark.attack("AT-05a")
@pytest.mark.parametrize("doubled", [b'"sub":"a","sub":"b"', b'"sub":"a","Sub":"b"'])
def test_a_claim_that_is_there_twice_is_refused(doubled: bytes) -> None:
    claims = json.dumps({**CLAIMS, "sub": 0}).encode().replace(b'"sub": 0', doubled)
    assert refused(f"{part({'alg': 'RS256'})}.{part(claims)}.{SIGNATURE}") == "DUPLICATE_KEY"


def test_base64_that_no_encoder_writes_is_refused() -> None:
    assert refused(f"{part({'alg': 'RS256'})}.{part(CLAIMS)}.AB") == "NON_CANONICAL"


@given(st.text(max_size=60) | st.tuples(*[st.binary(max_size=40).map(part)] * 3).map(".".join))
def test_any_text_ends_in_a_rejection(text: str) -> None:
    with pytest.raises(Rejection):
        parse_identity_token(text, "identity token")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(["iss", "sub", "aud", "exp", "nbf", "iat", "email", "federated_claims"]), _JSON)
def test_any_claim_is_taken_or_ends_in_a_rejection(name: str, value: t.Any) -> None:
    try:
        token = parsed(**{name: value})
        signer_of(token)
        check_identity_token(token, "sigstore", NOW)
    except Rejection:
        pass


# What Fulcio would refuse --------------------------------------------------------------------------------------------


def unfit(token: IdentityToken, audience: str = "sigstore") -> str:
    with pytest.raises(Rejection) as caught:
        check_identity_token(token, audience, NOW)
    assert caught.value.code == "AUTH_REFUSED"
    assert CANARY not in caught.value.message and token.raw not in caught.value.message
    return caught.value.message


@pytest.mark.attack("AT-40e")
def test_a_token_for_somebody_else_is_not_sent() -> None:
    message = unfit(parsed(aud=["https://registry.example", "sts"]))
    assert "https://registry.example" in message and "'sts'" in message and "'sigstore'" in message
    assert "https://issuer.example" in message and "oidc_client_id" in message
    check_identity_token(parsed(aud=["sts", "sigstore"]), "sigstore", NOW)
    check_identity_token(parsed(aud="mine"), "mine", NOW)
    unfit(parsed(aud="sigstore2"))


@pytest.mark.attack("AT-40e", "F-21")
@pytest.mark.parametrize(("left", "taken"), [(-3600, False), (0, False), (29, False), (30, True), (600, True)])
def test_a_token_must_hold_until_fulcio_has_read_it(left: int, taken: bool) -> None:
    token = parsed(exp=NOW.timestamp() + left)
    if taken:
        check_identity_token(token, "sigstore", NOW)
        return
    message = unfit(token)
    assert ("expired at" if left <= 0 else "about to expire") in message
    assert f"{token.expires:%Y-%m-%d %H:%M:%S} UTC" in message
    assert "2026-11-24 12:00:00 UTC by this machine's clock" in message


@pytest.mark.attack("AT-40e", "F-21")
@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_a_token_of_the_future_is_not_sent(name: str) -> None:
    check_identity_token(parsed(**{name: NOW.timestamp() + 300}), "sigstore", NOW)
    message = unfit(parsed(**{name: NOW.timestamp() + 301}))
    assert "valid from 2026-11-24 12:05:01 UTC" in message and "clock" in message


def test_times_are_shown_in_utc_whatever_zone_the_clock_has() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5)))
    with pytest.raises(Rejection, match="2026-11-24 12:00:00 UTC by this"):
        check_identity_token(parsed(exp=NOW.timestamp()), "sigstore", elsewhere)


def test_control_characters_of_a_token_do_not_reach_the_terminal() -> None:
    message = unfit(parsed(iss="https://a\x1b[2J\nb", aud=["\r\x1b"]))
    assert message.isprintable()


# Whom Fulcio will name -----------------------------------------------------------------------------------------------

GITHUB = "https://token.actions.githubusercontent.com"
DEX = "https://oauth2.sigstore.dev/auth"
WORKFLOW = "acme/app/.github/workflows/release.yml@refs/heads/main"
CONNECTOR = {"federated_claims": {"connector_id": "https://github.com/login/oauth", "user_id": "1"}}
EMAIL = {"email": "dev@acme.example", "email_verified": True}


@pytest.mark.parametrize(
    ("claims", "signer"),
    [
        ({"iss": GITHUB, "job_workflow_ref": WORKFLOW}, (f"https://github.com/{WORKFLOW}", GITHUB)),
        ({"iss": f"{GITHUB}/acme", "job_workflow_ref": WORKFLOW}, (f"https://github.com/{WORKFLOW}", f"{GITHUB}/acme")),
        (
            {"iss": "https://gitlab.com", "ci_config_ref_uri": "gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main"},
            ("https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main", "https://gitlab.com"),
        ),
        ({"iss": "https://accounts.google.com", **EMAIL}, ("dev@acme.example", "https://accounts.google.com")),
        ({"iss": DEX, **EMAIL, **CONNECTOR}, ("dev@acme.example", "https://github.com/login/oauth")),
        (
            {"iss": DEX, **EMAIL, **CONNECTOR, "email_verified": "true"},
            ("dev@acme.example", "https://github.com/login/oauth"),
        ),
        # Not known for certain, whatever the claims.
        ({"iss": "https://issuer.example", **EMAIL, "job_workflow_ref": WORKFLOW}, None),
        ({"iss": f"{GITHUB}.evil.example", "job_workflow_ref": WORKFLOW}, None),
        ({"iss": f"{GITHUB}/a/b", "job_workflow_ref": WORKFLOW}, None),
        ({"iss": f"{GITHUB}\n", "job_workflow_ref": WORKFLOW}, None),
        ({"iss": "http://gitlab.com", "ci_config_ref_uri": "gitlab.com/a"}, None),
        ({"iss": GITHUB}, None),
        ({"iss": GITHUB, "job_workflow_ref": ""}, None),
        ({"iss": GITHUB, "job_workflow_ref": [WORKFLOW]}, None),
        # Go would write these in another way into the certificate.
        ({"iss": GITHUB, "job_workflow_ref": "a/b/.github/workflows/c.yml@refs/heads/d#e"}, None),
        ({"iss": GITHUB, "job_workflow_ref": "a/b/.github/workflows/c.yml@refs/heads/%e"}, None),
        ({"iss": GITHUB, "job_workflow_ref": "a/b/.github/workflows/ü.yml@refs/heads/d"}, None),
        # Fulcio refuses these.
        ({"iss": DEX, **EMAIL, **CONNECTOR, "email_verified": False}, None),
        ({"iss": DEX, **EMAIL, **CONNECTOR, "email_verified": 1}, None),
        ({"iss": DEX, "email": "dev@acme.example", **CONNECTOR}, None),
        ({"iss": DEX, **CONNECTOR, "email_verified": True}, None),
        ({"iss": DEX, **EMAIL, **CONNECTOR, "email": "dev"}, None),
        ({"iss": DEX, **EMAIL}, None),
        ({"iss": DEX, **EMAIL, "federated_claims": "https://github.com/login/oauth"}, None),
        ({"iss": DEX, **EMAIL, "federated_claims": {"connector_id": 1}}, None),
        ({"iss": DEX, **EMAIL, "federated_claims": {"connector_id": ""}}, None),
    ],
)
def test_who_will_have_signed_is_said_only_where_it_is_known(
    claims: dict[str, t.Any], signer: tuple[str, str] | None
) -> None:
    assert signer_of(parsed(**claims)) == signer
