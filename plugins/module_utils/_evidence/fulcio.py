# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.der import UTF8_STRING, read_element
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

ARC = "1.3.6.1.4.1.57264.1."
"""Fulcio's extensions are below this (its docs/oid-info.md)."""

_RAW = {
    ARC + "1": "issuer",
    ARC + "2": "github_workflow_trigger",
    ARC + "3": "github_workflow_sha",
    ARC + "4": "github_workflow_name",
    ARC + "5": "github_workflow_repository",
    ARC + "6": "github_workflow_ref",
}
_UTF8 = {
    ARC + "8": "issuer",
    ARC + "9": "build_signer_uri",
    ARC + "10": "build_signer_digest",
    ARC + "11": "runner_environment",
    ARC + "12": "source_repository_uri",
    ARC + "13": "source_repository_digest",
    ARC + "14": "source_repository_ref",
    ARC + "15": "source_repository_identifier",
    ARC + "16": "source_repository_owner_uri",
    ARC + "17": "source_repository_owner_identifier",
    ARC + "18": "build_config_uri",
    ARC + "19": "build_config_digest",
    ARC + "20": "build_trigger",
    ARC + "21": "run_invocation_uri",
    ARC + "22": "source_repository_visibility_at_signing",
    ARC + "23": "deployment_environment",
    ARC + "24": "token_subject",
}

CLAIM_OIDS = frozenset((*_RAW, *_UTF8))


def read_claims(extensions: t.Mapping[str, bytes], what: str) -> dict[str, str]:
    """What Fulcio says of the signer's token, by the extension's name in snake case: 1 to 6 hold the text itself,
    8 to 24 a DER UTF8String. Extensions of this arc that we do not know are left out.

    Raises MALFORMED or NON_CANONICAL, and ISSUER_MISMATCH where the old and the new issuer differ.
    """
    claims: dict[str, str] = {}
    for oid, name in _RAW.items():
        if oid in extensions:
            claims[name] = _decode(extensions[oid], name, what)
    for oid, name in _UTF8.items():
        if oid not in extensions:
            continue
        value = _decode(_contents(extensions[oid], name, what), name, what)
        if claims.setdefault(name, value) != value:
            raise Rejection(
                "ISSUER_MISMATCH",
                f"The {what} names two issuers of its identity, {claims[name][:200]!r} and {value[:200]!r}; "
                "take it for forged or wrongly made.",
            )
    return claims


def _contents(value: bytes, name: str, what: str) -> bytes:
    element = read_element(value, f"{name} in the {what}")
    if element.tag != UTF8_STRING:
        raise Rejection("MALFORMED", f"The {name} in the {what} is not written as a UTF8String.")
    return element.contents


def _decode(value: bytes, name: str, what: str) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise Rejection("MALFORMED", f"The {name} in the {what} is not UTF-8.") from None
