# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.options import IDENTITY, read_key
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import Context
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import (
    Certificate,
    parse_certificate,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.identity import IdentityRule, identity_rule
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import NOBODY, KeyRule, SignerRule
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.sct import Sct, parse_detached_sct
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import parse_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import PublicKey, parse_public_key
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.session import Access


def signers_of(context: Context, access: Access) -> tuple[SignerRule, ...]:
    """Who may have signed, from `key`, `keys`, the identity options or `signers`; none is refused before anything is
    asked."""
    params = context.params
    if params.get("signers") is not None:
        return tuple(_signer(context, access, one, f"signers[{i}]") for i, one in enumerate(params["signers"]))
    references = params.get("keys") or ([params["key"]] if params.get("key") else [])
    if references:
        return (KeyRule(tuple(_key(context, access, one) for one in references)),)
    if any(params.get(name) is not None for name in IDENTITY):
        return (_identity(context, params),)
    raise Rejection("POLICY_UNSUPPORTED", NOBODY)


def _signer(context: Context, access: Access, one: t.Mapping[str, t.Any], where: str) -> SignerRule:
    has_identity = any(one.get(name) is not None for name in IDENTITY)
    if bool(one.get("key")) == has_identity:
        raise Rejection(
            "POLICY_UNSUPPORTED",
            f"The entry {where} must name either a key or an identity with its issuer; correct it.",
        )
    return _identity(context, one) if has_identity else KeyRule((_key(context, access, one["key"]),))


def _identity(context: Context, params: t.Mapping[str, t.Any]) -> IdentityRule:
    # The certificates of a CA of one's own, which needs no certificate timestamp, may name no issuer.
    return identity_rule(params, own_ca=context.params["insecure_ignore_sct"])


def _key(context: Context, access: Access, reference: str) -> PublicKey:
    return parse_public_key(read_key(context, reference, access), "key")


def certificate_of(context: Context) -> Certificate | None:
    """The certificate that belongs to signatures which carry none."""
    path = context.params.get("certificate")
    if not path:
        return None
    blocks = parse_pem(context.read(path), "certificate", commented=True)
    if [block.label for block in blocks] != ["CERTIFICATE"]:
        raise Rejection(
            "MALFORMED",
            f"The file {path!r} must hold exactly one certificate; give those above it as certificate_chain.",
        )
    return parse_certificate(blocks[0].der, "certificate")


def sct_of(context: Context) -> Sct | None:
    """The certificate timestamp that is kept in a file of its own."""
    path = context.params.get("sct")
    return parse_detached_sct(context.read(path)) if path else None
