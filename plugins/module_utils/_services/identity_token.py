# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""Identity tokens (OpenID Connect ID tokens, JWTs of RFC 7519), as far as who holds one can judge it.

Whether the signature is the issuer's is for Fulcio to find out; here is looked at what would make the token useless, or
would send it where it does not belong.
"""

from __future__ import annotations

import datetime
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import (
    FEW_VALUES,
    Fields,
    JsonObject,
    decode_base64,
    parse_object,
)

MAX_TOKEN = 64 * 1024
MARGIN = datetime.timedelta(seconds=30)
"""What a token must still be good for, so that it is when Fulcio reads it."""
MAX_AHEAD = datetime.timedelta(minutes=5)
"""By how much the issuer's clock may be ahead of ours."""

_BASE64URL = re.compile(r"[A-Za-z0-9_-]+\Z")
_MAX_SECONDS = 253402300799  # the end of the year 9999


@dataclass(frozen=True)
class IdentityToken:
    """An identity token whose signature nobody here has checked. `starts`: when it was issued or becomes valid, if it
    says so. Times are aware ones. Neither the token nor its claims show in a repr."""

    raw: str = field(repr=False)
    issuer: str
    subject: str
    audiences: tuple[str, ...]
    expires: datetime.datetime
    claims: t.Mapping[str, t.Any] = field(repr=False)
    starts: datetime.datetime | None = None


def parse_identity_token(text: str, what: str) -> IdentityToken:
    """Read a JWT in its compact form (RFC 7515 §3.1, RFC 7519 §4.1) with the claims that OpenID Connect demands of an
    ID token: iss, sub, aud and exp. `what` names it in messages, in which nothing of it shows.

    Raises MALFORMED, LIMIT_EXCEEDED past 64 KiB, DUPLICATE_KEY, NON_CANONICAL.
    """
    text = text.strip()
    if len(text) > MAX_TOKEN:
        raise Rejection("LIMIT_EXCEEDED", f"The {what} is longer than {MAX_TOKEN} characters; give the token alone.")
    parts = text.split(".")
    if len(parts) != 3 or not all(map(_BASE64URL.match, parts)):
        raise Rejection(
            "MALFORMED",
            f"The {what} is no signed JWT: three parts in base64url with dots between them. Give an OpenID Connect "
            "identity token, not an access token.",
        )
    header = Fields(_decoded(parts[0], f"header of the {what}"), f"The header of the {what}")
    _decode(parts[2], f"signature of the {what}")
    if header.text("alg").lower() == "none":
        raise Rejection(
            "MALFORMED", f"The {what} is not signed (its alg is none), so it says nothing; get a signed one."
        )
    claims = Fields(_decoded(parts[1], f"content of the {what}"), f"The content of the {what}")
    starts = [_moment(claims, name) for name in ("nbf", "iat") if name in claims.found]
    return IdentityToken(
        raw=text,
        issuer=_text(claims, "iss"),
        subject=_text(claims, "sub"),
        audiences=_audiences(claims),
        expires=_moment(claims, "exp"),
        claims=claims.found,
        starts=max(starts, default=None),
    )


def check_identity_token(token: IdentityToken, audience: str, now: datetime.datetime) -> None:
    """That Fulcio may take the token: it is for this audience, and is valid now and for half a minute more.

    Raises AUTH_REFUSED, with issuer, audience and times in the message.
    """
    of = f"The identity token of {_shown(token.issuer)}"
    if audience not in token.audiences:
        listed = ", ".join(_shown(one) for one in token.audiences[:5])
        raise Rejection(
            "AUTH_REFUSED",
            f"{of} is for the audience {listed}, not {_shown(audience)}, so it was not sent. Get one for that, "
            "or set oidc_client_id where your Fulcio wants another.",
        )
    clock = f"now it is {_time(now)} by this machine's clock. Set the clock right if it is wrong"
    if token.expires - now < MARGIN:
        state = "expired at" if token.expires <= now else "is about to expire, at"
        raise Rejection("AUTH_REFUSED", f"{of} {state} {_time(token.expires)}; {clock}, else get a new token.")
    if token.starts is not None and token.starts - now > MAX_AHEAD:
        raise Rejection(
            "AUTH_REFUSED", f"{of} is valid from {_time(token.starts)} only; {clock}, else wait until then."
        )


def _decoded(part: str, what: str) -> JsonObject:
    return parse_object(_decode(part, what), what, FEW_VALUES)


def _decode(part: str, what: str) -> bytes:
    padded = part.replace("-", "+").replace("_", "/") + "=" * (-len(part) % 4)
    return decode_base64(padded, what)


def _text(claims: Fields, name: str) -> str:
    value = claims.text(name)
    if not value:
        raise Rejection("MALFORMED", f"{claims.path} has an empty {name}; get a token that says whose it is.")
    return value


def _audiences(claims: Fields) -> tuple[str, ...]:
    value = claims.found.get("aud")
    audiences = [value] if isinstance(value, str) else value
    if not isinstance(audiences, list) or not audiences or not all(isinstance(one, str) for one in audiences):
        raise Rejection("MALFORMED", f"{claims.path} names no audience (aud); get a token for the audience sigstore.")
    return tuple(audiences)


def _moment(claims: Fields, name: str) -> datetime.datetime:
    """A NumericDate (RFC 7519 §2): seconds since 1970, which may have a fraction."""
    value = claims.found.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _MAX_SECONDS:
        raise Rejection(
            "MALFORMED", f"{claims.path} has no {name} that is a time; get an OpenID Connect identity token."
        )
    return datetime.datetime.fromtimestamp(value, datetime.timezone.utc)


def _shown(text: str) -> str:
    return repr(text[:200])


def _time(moment: datetime.datetime) -> str:
    return f"{moment.astimezone(datetime.timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


# Whom Fulcio will name -----------------------------------------------------------------------------------------------

_GITHUB = re.compile(r"https://token\.actions\.githubusercontent\.com(?:/[-_A-Za-z0-9]+)?\Z")
_GITLAB = "https://gitlab.com"
_GOOGLE = "https://accounts.google.com"
_DEX = ("https://oauth2.sigstore.dev/auth", "https://oauth2.sigstage.dev/auth")

# What Go's url.Parse and String, which Fulcio runs it through, leave as it is.
_PLAIN = re.compile(r"[A-Za-z0-9._~/@+:-]+\Z")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+\Z")


def signer_of(token: IdentityToken) -> tuple[str, str] | None:
    """Identity and issuer as the public good Fulcio puts them into a certificate for this token; None where that is
    not known for certain.

    Source: Fulcio's config/identity/config.yaml, whose templates these are, and its email and ciprovider principals.
    """
    if _GITHUB.match(token.issuer):
        return _by_uri(token, "https://github.com/", "job_workflow_ref")
    if token.issuer == _GITLAB:
        return _by_uri(token, "https://", "ci_config_ref_uri")
    if token.issuer == _GOOGLE:
        return _by_email(token, token.issuer)
    if token.issuer in _DEX:
        federated = token.claims.get("federated_claims")
        return _by_email(token, federated.get("connector_id") if isinstance(federated, dict) else None)
    return None


def _by_uri(token: IdentityToken, start: str, claim: str) -> tuple[str, str] | None:
    value = token.claims.get(claim)
    return (start + value, token.issuer) if isinstance(value, str) and _PLAIN.match(value) else None


def _by_email(token: IdentityToken, issuer: t.Any) -> tuple[str, str] | None:
    email, verified = token.claims.get("email"), token.claims.get("email_verified")
    if not isinstance(email, str) or not _EMAIL.match(email) or not (verified is True or verified == "true"):
        return None
    return (email, issuer) if isinstance(issuer, str) and issuer else None
