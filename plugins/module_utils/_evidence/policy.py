# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import PublicKey
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.statement import SIGN_PREDICATE

MATCH_REFERENCE = ("none", "repository", "exact")


@dataclass(frozen=True)
class KeyRule:
    """Any of these keys may sign; each counts as a signer of its own."""

    keys: tuple[PublicKey, ...]


SignerRule = KeyRule


@dataclass(frozen=True)
class Policy:
    """What must be true of an image's signatures; a policy that could not be meant is refused when it is made.

    `required_signatures` counts distinct signers. `check_claims` off skips annotations, reference and predicate type,
    never the digest. `ignore_tlog` takes signatures that are in no log. `predicate_types` are those of bundles that
    count; legacy signatures have none. Raises POLICY_UNSUPPORTED.
    """

    signers: tuple[SignerRule, ...]
    required_signatures: int = 1
    annotations: t.Mapping[str, str] = field(default_factory=dict)
    check_claims: bool = True
    match_reference: str = "none"
    ignore_tlog: bool = False
    predicate_types: tuple[str, ...] = (SIGN_PREDICATE,)

    def __post_init__(self) -> None:
        for wrong, message in (
            (not self.keys, "Nobody is named who may have signed; give a key."),
            (
                isinstance(self.required_signatures, bool) or self.required_signatures < 1,
                "The number required_signatures must be 1 or more.",
            ),
            (
                self.required_signatures > len({key.spki for key in self.keys}),
                f"{self.required_signatures} signatures are required, but fewer keys are given; give more.",
            ),
            (
                self.match_reference not in MATCH_REFERENCE,
                f"The option match_reference must be one of {MATCH_REFERENCE}.",
            ),
            (not self.predicate_types, "No predicate type is accepted; name one."),
            (
                not self.check_claims and bool(self.annotations or self.match_reference != "none"),
                "Claims are to be checked (annotations, match_reference) and not to be checked (check_claims: false); "
                "leave one out.",
            ),
        ):
            if wrong:
                raise Rejection("POLICY_UNSUPPORTED", message)

    @property
    def keys(self) -> tuple[PublicKey, ...]:
        return tuple(key for rule in self.signers for key in rule.keys)

    def counts(self, predicate_type: str | None) -> bool:
        """Whether a bundle of this predicate type counts. One that does not need not be downloaded."""
        return not self.check_claims or predicate_type in self.predicate_types
