# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass, field

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import Certificate
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.identity import IdentityRule
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.sct import Sct
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import PublicKey
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.statement import SIGN_PREDICATE

MATCH_REFERENCE = ("none", "repository", "exact")
NOBODY = (
    "Nobody is named who may have signed; give key, or certificate_identity and certificate_oidc_issuer (or set "
    "COSIGN_KEY, or COSIGN_CERTIFICATE_IDENTITY and COSIGN_CERTIFICATE_OIDC_ISSUER)."
)


@dataclass(frozen=True)
class KeyRule:
    """Any of these keys may sign; each counts as a signer of its own."""

    keys: tuple[PublicKey, ...]


SignerRule = t.Union[KeyRule, IdentityRule]


@dataclass(frozen=True)
class Policy:
    """What must be true of an image's signatures; a policy that could not be meant is refused when it is made.

    `signers`: whoever matches one of them may sign. `required_signatures` counts distinct ones, which are keys, or
    identities with their issuers; where there are several rules, each counts once. `certificate` is that of signatures
    that carry none. `check_claims` off skips annotations, reference and predicate type, never the digest. `ignore_tlog`
    takes signatures that are in no log, else they must be in `required_logs` distinct ones. `ignore_sct` is for
    certificates of one's own CA. `use_signed_timestamps` demands a timestamp, `ignore_timestamps` looks at none (to
    tell which signatures are by a key of ours, when they were made is no matter). `predicate_types` are those of
    bundles that count, None: any; legacy signatures and files have none. Raises POLICY_UNSUPPORTED.
    """

    signers: tuple[SignerRule, ...]
    required_signatures: int = 1
    annotations: t.Mapping[str, str] = field(default_factory=dict)
    check_claims: bool = True
    match_reference: str = "none"
    ignore_tlog: bool = False
    required_logs: int = 1
    ignore_sct: bool = False
    use_signed_timestamps: bool = False
    ignore_timestamps: bool = False
    certificate: Certificate | None = None
    detached_sct: Sct | None = None
    predicate_types: tuple[str, ...] | None = (SIGN_PREDICATE,)

    def __post_init__(self) -> None:
        for wrong, message in (
            (not (self.keys or self.identities), NOBODY),
            (_is_no_count(self.required_signatures), "The number required_signatures must be 1 or more."),
            (_is_no_count(self.required_logs), "The number required_logs must be 1 or more."),
            (
                self.ignore_tlog and self.required_logs > 1,
                "Several logs are required (required_logs) and none (insecure_ignore_tlog); leave one out.",
            ),
            (
                self.required_signatures > self._possible,
                f"{self.required_signatures} signatures are required, but only {self._possible} who may sign are "
                "named; name more.",
            ),
            (
                self.match_reference not in MATCH_REFERENCE,
                f"The option match_reference must be one of {MATCH_REFERENCE}.",
            ),
            (self.predicate_types == (), "No predicate type is accepted; name one."),
            (
                not self.check_claims and bool(self.annotations or self.match_reference != "none"),
                "Claims are to be checked (annotations, match_reference) and not to be checked (check_claims: false); "
                "leave one out.",
            ),
            (
                self.ignore_timestamps and self.use_signed_timestamps,
                "Timestamps are demanded and ignored; leave one out.",
            ),
            (
                not self.identities and bool(self.certificate or self.detached_sct),
                "The options certificate and sct speak of certificates, and only keys are named; leave them out, or "
                "give certificate_identity and certificate_oidc_issuer.",
            ),
            (
                self.ignore_sct and self.detached_sct is not None,
                "A certificate timestamp is given (sct) and ignored (insecure_ignore_sct); leave one out.",
            ),
        ):
            if wrong:
                raise Rejection("POLICY_UNSUPPORTED", message)

    @property
    def _possible(self) -> float:
        """How many different signers there can be: one for each rule, or of a single one as many as fit it."""
        if len(self.signers) > 1:
            return len(self.signers)
        if not self.identities:
            return len({key.spki for key in self.keys})
        (rule,) = self.identities
        return math.inf if rule.identity_pattern or rule.issuer_pattern else 1

    @property
    def keys(self) -> tuple[PublicKey, ...]:
        return tuple(key for rule in self.signers if isinstance(rule, KeyRule) for key in rule.keys)

    @property
    def identities(self) -> tuple[IdentityRule, ...]:
        return tuple(rule for rule in self.signers if isinstance(rule, IdentityRule))

    def counts(self, predicate_type: str | None) -> bool:
        """Whether a bundle of this predicate type counts. One that does not need not be downloaded."""
        return not self.check_claims or self.predicate_types is None or predicate_type in self.predicate_types


def _is_no_count(number: t.Any) -> bool:
    return isinstance(number, bool) or number < 1
