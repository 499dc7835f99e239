# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t
import unicodedata
from dataclasses import dataclass, field

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.pattern import Pattern, parse_pattern
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.pattern_syntax import LONGEST, is_plain, size
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

if t.TYPE_CHECKING:
    from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import Certificate

WORKFLOW = (
    "github_workflow_trigger",
    "github_workflow_sha",
    "github_workflow_name",
    "github_workflow_repository",
    "github_workflow_ref",
)
"""The claims about a GitHub workflow that may be asked for; the option of each has `certificate_` before it."""

_SHOWN = 200


@dataclass(frozen=True)
class IdentityRule:
    """Who may sign: a certificate's name and who vouched for it, each exactly or by a pattern, and claims of WORKFLOW.

    With `own_ca`, whose certificates need no issuer, none need be given; then a certificate that names one does not
    fit. A rule that could not be meant is POLICY_UNSUPPORTED when it is made.
    """

    identity: str | None = None
    identity_pattern: Pattern | None = None
    issuer: str | None = None
    issuer_pattern: Pattern | None = None
    workflow: t.Mapping[str, str] = field(default_factory=dict)
    own_ca: bool = False

    def __post_init__(self) -> None:
        _check_pair("certificate_identity", self.identity, self.identity_pattern, needed=True)
        _check_pair("certificate_oidc_issuer", self.issuer, self.issuer_pattern, needed=not self.own_ca)
        for name, value in self.workflow.items():
            if name not in WORKFLOW:
                raise Rejection("POLICY_UNSUPPORTED", f"No claim is called {name!r}; use one of {', '.join(WORKFLOW)}.")
            _check_given(f"certificate_{name}", value)

    @property
    def names_issuer(self) -> bool:
        return self.issuer is not None or self.issuer_pattern is not None

    def fits_name(self, value: str) -> bool:
        return _fits(value, self.identity, self.identity_pattern)

    def fits_issuer(self, value: str | None) -> bool:
        if value is None or not self.names_issuer:
            return value is None and not self.names_issuer
        return _fits(value, self.issuer, self.issuer_pattern)


def identity_rule(params: t.Mapping[str, t.Any], own_ca: bool = False) -> IdentityRule:
    """The rule from the options of that group, of which any may be missing or None. Raises POLICY_UNSUPPORTED."""

    def pattern(option: str) -> Pattern | None:
        text = params.get(option)
        return None if text is None else parse_pattern(text, option)

    workflow = {name: params.get(f"certificate_{name}") for name in WORKFLOW}
    return IdentityRule(
        identity=params.get("certificate_identity"),
        identity_pattern=pattern("certificate_identity_regexp"),
        issuer=params.get("certificate_oidc_issuer"),
        issuer_pattern=pattern("certificate_oidc_issuer_regexp"),
        workflow={name: value for name, value in workflow.items() if value is not None},
        own_ca=own_ca,
    )


def describe(rule: IdentityRule) -> str:
    """The rule in one line."""
    issuer = _wanted(rule.issuer, rule.issuer_pattern) if rule.names_issuer else "none"
    claims = "".join(f", {name} {_show(value)}" for name, value in rule.workflow.items())
    return f"{_wanted(rule.identity, rule.identity_pattern)} (issuer {issuer}){claims}"


def check_identity(rule: IdentityRule, certificate: Certificate, one_name: bool) -> tuple[str, ...]:
    """The names by which the certificate is that of whom the rule means: of its subject alternative names (the
    common name is none). Its issuer of identities and its claims must fit too, all code point for code point. With
    `one_name` it must have exactly one, as Fulcio's have; else any may fit.

    Raises IDENTITY_MISMATCH (also where both name and issuer differ), ISSUER_MISMATCH, LIMIT_EXCEEDED for a name or
    issuer of more than LONGEST bytes, MALFORMED for one with control characters.
    """
    names = [name.value for name in certificate.names if name.value]
    issuer = certificate.oidc_issuer
    for value in names if issuer is None else [*names, issuer]:
        _check_found(value)
    if one_name and len(certificate.names) != 1:
        raise Rejection(
            "IDENTITY_MISMATCH",
            f"The certificate has {len(certificate.names)} names ({_listed(names)}), and one by Fulcio has "
            "exactly one; only for a CA of your own set insecure_ignore_sct.",
        )
    signed = (
        f"Signed by {_listed(names)} (issuer {'none' if issuer is None else _show(issuer)}), wanted {describe(rule)}"
    )
    fitting = tuple(sorted(filter(rule.fits_name, names)))
    if not fitting:
        hints = [_hint(value, rule.identity, rule.identity_pattern) for value in names]
        hint = next(filter(None, hints), "check who signed, or correct certificate_identity")
        raise Rejection("IDENTITY_MISMATCH", f"{signed}: {_what_differs(rule, issuer)}; {hint}.")
    if not rule.fits_issuer(issuer):
        raise Rejection("ISSUER_MISMATCH", f"{signed}: the issuer differs; {_issuer_hint(rule, issuer)}.")
    for claim, value in rule.workflow.items():
        found = certificate.claims.get(claim)
        if found != value:
            has = "has no such claim" if found is None else f"says {_show(found)}"
            raise Rejection(
                "IDENTITY_MISMATCH",
                f"{signed}: the certificate {has} for {claim}; check which workflow signed, or correct "
                f"certificate_{claim}.",
            )
    return fitting


def _check_pair(option: str, exact: str | None, pattern: Pattern | None, needed: bool) -> None:
    if exact is not None and pattern is not None:
        raise Rejection("POLICY_UNSUPPORTED", f"Both {option} and {option}_regexp are given; leave one out.")
    if exact is not None:
        _check_given(option, exact)
    elif pattern is None and needed:
        raise Rejection(
            "POLICY_UNSUPPORTED",
            "A certificate is judged by its identity and by who vouched for that, so both must be given: "
            f"{option} or {option}_regexp is missing.",
        )


def _check_given(option: str, value: str) -> None:
    if not value:
        raise Rejection("POLICY_UNSUPPORTED", f"The option {option} is empty; say what is wanted, or leave it out.")


def _check_found(value: str) -> None:
    if size(value) > LONGEST:
        raise Rejection(
            "LIMIT_EXCEEDED",
            f"The certificate has a name or issuer of more than {LONGEST} bytes ({_show(value)}); "
            "do not trust its signer.",
        )
    if not is_plain(value):
        raise Rejection(
            "MALFORMED",
            f"The certificate has a name or issuer with control characters ({_show(value)}); do not trust its signer.",
        )


def _fits(value: str, exact: str | None, pattern: Pattern | None) -> bool:
    # Both are never there, and one that is not there must not let anything through.
    return value == exact if pattern is None else pattern.matches(value)


def _wanted(exact: str | None, pattern: Pattern | None) -> str:
    return _show(exact or "") if pattern is None else f"like {_show(pattern.text)}"


def _listed(names: t.Sequence[str]) -> str:
    if not names:
        return "a certificate without a name"
    return ", ".join(map(_show, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _show(value: str) -> str:
    """The text, short; escaped where it is not plain ASCII, as it may then look like another."""
    short = value if len(value) <= _SHOWN else value[:_SHOWN] + "..."
    return short if short.isascii() and short.isprintable() else ascii(short)


def _what_differs(rule: IdentityRule, issuer: str | None) -> str:
    return "the identity differs" if rule.fits_issuer(issuer) else "identity and issuer differ"


def _issuer_hint(rule: IdentityRule, issuer: str | None) -> str:
    if issuer is None:
        return (
            "the certificate names none, as those of a CA of your own do: have it put the issuer in "
            "(1.3.6.1.4.1.57264.1.8), or leave certificate_oidc_issuer out and set insecure_ignore_sct"
        )
    if not rule.names_issuer:
        return "the certificate names one, so give certificate_oidc_issuer"
    return (
        _hint(issuer, rule.issuer, rule.issuer_pattern)
        or "another provider may give the same name to somebody else: "
        "check who signed, or correct certificate_oidc_issuer"
    )


def _hint(value: str, exact: str | None, pattern: Pattern | None) -> str | None:
    """What to do where the value is nearly the wanted one."""
    if pattern is not None:
        return pattern.near_miss(value)
    wanted = exact or ""
    for found, hint in (
        (value == wanted.strip(), "the wanted one has white space around it: take that away"),
        (
            value.rstrip("/") == wanted.rstrip("/"),
            "only a slash at the end differs: write it as the certificate does",
        ),
        (value.lower() == wanted.lower(), "upper and lower case differ: write it as the certificate does"),
        (
            value.startswith(wanted),
            "the certificate's goes on where the wanted one ends: write all of it, or use the option of the same name "
            "with _regexp",
        ),
        (_looks_like(value, wanted), "they look alike and are not the same characters: do not trust this signer"),
    ):
        if found:
            return hint
    return None


def _looks_like(value: str, wanted: str) -> bool:
    """Whether two texts differ only in characters beyond ASCII, which a person may read as others."""
    one, other = _seen(value), _seen(wanted)
    return len(one) == len(other) and all(a == b or not (a + b).isascii() for a, b in zip(one, other))


def _seen(text: str) -> str:
    """The text as it looks: composed, in usual width, without marks that have none."""
    return "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
