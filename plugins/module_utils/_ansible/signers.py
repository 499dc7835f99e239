# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.options import (
    IDENTITY,
    annotations_of,
    read_key,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import Context
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import (
    Certificate,
    parse_certificate,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.identity import IdentityRule, identity_rule
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import (
    NOBODY,
    KeyRule,
    Policy,
    SignerRule,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.sct import Sct, parse_detached_sct
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import PEM_OPTIONS
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import parse_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import PublicKey, parse_public_key
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.session import Access

KeyReferences = t.Mapping[str, str]
"""Options that name a key → what they name."""

_FOR_CERTIFICATES = ("certificate", "sct", *PEM_OPTIONS)
_FILES = ("certificate", "sct")


def policy_of(context: Context, access: Access) -> Policy:
    """What the task demands. All that contradicts itself is refused before a key is read, which may mean a request."""
    named = _named(context.params)
    drafted = _drafted(context.params, named)
    drafted = dataclasses.replace(drafted, certificate=_certificate_of(context), detached_sct=_sct_of(context))
    return dataclasses.replace(drafted, signers=tuple(_rule(context, access, one) for one in named))


def check_policy(params: t.Mapping[str, t.Any], complete: bool = True) -> None:
    """Refuse a policy that could not be meant, whatever its keys and files hold; they are not read.

    Not `complete`: variables of another machine may still name a signer, or the rest of an identity.
    """
    for name in _FILES:
        _check_given(name, params.get(name))
    if not complete and not _is_whole(params):
        return
    named = _named(params)
    given = [name for name in _FOR_CERTIFICATES if params.get(name) is not None]
    if given and not any(isinstance(one, IdentityRule) for one in named):
        raise Rejection(
            "POLICY_UNSUPPORTED",
            f"Certificates are spoken of ({', '.join(given)}), and only keys are named; leave that out, or give "
            "certificate_identity and certificate_oidc_issuer.",
        )
    _drafted(params, named)


def _is_whole(params: t.Mapping[str, t.Any]) -> bool:
    """Whether it is said who may sign, so that no variable is read any more."""
    if any(params.get(name) is not None for name in ("key", "keys", "signers")):
        return True
    name, issuer = (
        any(params.get(option + form) is not None for form in ("", "_regexp"))
        for option in ("certificate_identity", "certificate_oidc_issuer")
    )
    return name and (issuer or params["insecure_ignore_sct"])


def _named(params: t.Mapping[str, t.Any]) -> list[IdentityRule | KeyReferences]:
    """Who may sign, from `key`, `keys`, the identity options or `signers`, keys not read yet. None is refused."""
    for name in ("keys", "signers"):
        if params.get(name) == []:
            raise Rejection("POLICY_UNSUPPORTED", f"The list {name} is empty; say who may sign, or leave it out.")
    if params.get("signers") is not None:
        return [_entry(params, one, f"signers[{i}]") for i, one in enumerate(params["signers"])]
    references = {f"keys[{i}]": one for i, one in enumerate(params.get("keys") or [])}
    if params.get("key") is not None:
        references = {"key": params["key"]}
    for name, reference in references.items():
        _check_given(name, reference)
    if references:
        return [references]
    if any(params.get(name) is not None for name in IDENTITY):
        return [_identity(params, params)]
    raise Rejection("POLICY_UNSUPPORTED", NOBODY)


def _entry(params: t.Mapping[str, t.Any], one: t.Mapping[str, t.Any], where: str) -> IdentityRule | KeyReferences:
    has_identity = any(one.get(name) is not None for name in IDENTITY)
    _check_given(f"{where}.key", one.get("key"))
    if bool(one.get("key")) == has_identity:
        raise Rejection(
            "POLICY_UNSUPPORTED",
            f"The entry {where} must name either a key or an identity with its issuer; correct it.",
        )
    return _identity(params, one) if has_identity else {f"{where}.key": one["key"]}


def _check_given(name: str, value: str | None) -> None:
    if value is not None and not value.strip():
        raise Rejection("POLICY_UNSUPPORTED", f"The option {name} is empty; give a value, or leave it out.")


def _identity(params: t.Mapping[str, t.Any], one: t.Mapping[str, t.Any]) -> IdentityRule:
    # The certificates of a CA of one's own, which needs no certificate timestamp, may name no issuer.
    return identity_rule(one, own_ca=params["insecure_ignore_sct"])


def _drafted(params: t.Mapping[str, t.Any], named: t.Sequence[IdentityRule | KeyReferences]) -> Policy:
    """The policy with the names of keys in their places."""
    return Policy(
        signers=tuple(one if isinstance(one, IdentityRule) else _draft_key(one) for one in named),
        required_signatures=params["required_signatures"],
        annotations=annotations_of(params),
        check_claims=params["check_claims"],
        match_reference=params["match_reference"],
        ignore_tlog=params["insecure_ignore_tlog"],
        required_logs=params["required_logs"],
        ignore_sct=params["insecure_ignore_sct"],
        use_signed_timestamps=params["use_signed_timestamps"],
    )


def _draft_key(references: KeyReferences) -> KeyRule:
    return KeyRule(tuple(PublicKey("", one.encode("utf-8", "surrogatepass"), None) for one in references.values()))


def _rule(context: Context, access: Access, one: IdentityRule | KeyReferences) -> SignerRule:
    if isinstance(one, IdentityRule):
        return one
    return KeyRule(
        tuple(parse_public_key(read_key(context, reference, access, name), "key") for name, reference in one.items())
    )


def _certificate_of(context: Context) -> Certificate | None:
    """The certificate that belongs to signatures which carry none."""
    path = context.params.get("certificate")
    if path is None:
        return None
    blocks = parse_pem(context.read_for("the option certificate", path), "certificate", commented=True)
    if [block.label for block in blocks] != ["CERTIFICATE"]:
        raise Rejection(
            "MALFORMED",
            f"The file {path!r} must hold exactly one certificate; give those above it as certificate_chain.",
        )
    return parse_certificate(blocks[0].der, "certificate")


def _sct_of(context: Context) -> Sct | None:
    """The certificate timestamp that is kept in a file of its own."""
    path = context.params.get("sct")
    return None if path is None else parse_detached_sct(context.read_for("the option sct", path))
