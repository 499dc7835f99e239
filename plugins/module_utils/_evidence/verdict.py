# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.distinct import count_places, distinct
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.log import Logged
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import Evidence
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import Policy
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.signer import Signer
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.timestamp import Timestamp
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import COULD_NOT_LOOK, Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.statement import Subject

_BY_OTHERS = ("KEY_MISMATCH", "IDENTITY_MISMATCH", "ISSUER_MISMATCH")


@dataclass(frozen=True)
class Accepted:
    """A signature that passed every check: by whom (`rules` of the policy it fits, by number; `names` of the
    certificate that were wanted), what it says of the image, in which logs it is, and what was proved of its time.
    `notes` are what a person should know although it was accepted."""

    evidence: Evidence
    signer: Signer
    subject: Subject
    rules: tuple[int, ...]
    names: tuple[str, ...] = ()
    logged: tuple[Logged, ...] = ()
    timestamps: tuple[Timestamp, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def who(self) -> tuple[t.Hashable, ...]:
        """What tells one signer from another: a key, or identities and who vouched for them."""
        if self.signer.certificate is None:
            return (("key", self.signer.key.fingerprint),)
        return tuple(("identity", name, self.signer.certificate.oidc_issuer) for name in self.names)


@dataclass(frozen=True)
class Refused:
    """A signature that did not, and why."""

    evidence: Evidence
    rejection: Rejection

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "code": self.rejection.code,
            "message": self.rejection.message,
            "format": self.evidence.format,
            "location": str(self.evidence.location),
        }


Outcome = t.Union[Accepted, Refused]


@dataclass(frozen=True)
class Verdict:
    """What `verify` found: `refusal` is None where the policy is satisfied, else what to raise.

    `checks` are the sentences that cosign prints for what was checked on each accepted signature.
    """

    accepted: tuple[Accepted, ...]
    rejected: tuple[Refused, ...]
    refusal: Rejection | None
    checks: tuple[str, ...]

    @property
    def verified(self) -> bool:
        return self.refusal is None


def conclude(subject_digest: str, policy: Policy, judged: t.Sequence[Outcome]) -> Verdict:
    """The verdict on an image of whose signatures these became."""
    accepted = tuple(one for one in judged if isinstance(one, Accepted))
    rejected = tuple(one for one in judged if isinstance(one, Refused))
    refusal = _refusal(subject_digest, policy, accepted, rejected)
    return Verdict(accepted, rejected, refusal, () if refusal else _checks(policy, accepted))


def exact_annotations(accepted: Accepted, wanted: t.Mapping[str, str]) -> bool:
    """Whether it carries these annotations and no others: then signing with them again would change nothing."""
    return dict(accepted.subject.annotations) == dict(wanted)


def _count_signers(policy: Policy, accepted: t.Sequence[Accepted]) -> int:
    """How many of those who may have signed: different keys or identities where one rule says who may, and rules that
    are fulfilled, each by a signer of its own, where there are several."""
    signers = distinct(one.who for one in accepted)
    if len(policy.signers) == 1:
        return len(signers)
    return count_places(
        [{rule for one in accepted if not signer.isdisjoint(one.who) for rule in one.rules} for signer in signers]
    )


def _refusal(
    digest: str, policy: Policy, accepted: t.Sequence[Accepted], rejected: t.Sequence[Refused]
) -> Rejection | None:
    signers = _count_signers(policy, accepted)
    if signers >= policy.required_signatures:
        return None
    details = [one.as_dict() for one in rejected]
    # What could not be looked at might have been the one: that is never "unsigned" or "refused".
    unseen = [one.evidence.error for one in rejected if one.evidence.error]
    unseen = [error for error in unseen if error.code in COULD_NOT_LOOK]
    if unseen:
        return Rejection(unseen[0].code, unseen[0].message, rejected=details)
    if accepted:
        return Rejection(
            "THRESHOLD",
            f"{digest} is signed by {signers} of those who may, and {policy.required_signatures} are required; "
            "have it signed by more.",
            rejected=details,
        )
    if not rejected:
        return Rejection(
            "NO_SIGNATURE", f"{digest} has no signature; sign it, or check that this is the image you mean."
        )
    # Attestations beside a signature that was refused are not what a person has to know.
    relevant = [one.rejection for one in rejected if one.rejection.code != "PREDICATE_TYPE"]
    relevant = relevant or [one.rejection for one in rejected]
    # What is wrong with a signature of those who may sign is told before that others signed too.
    relevant.sort(key=lambda rejection: rejection.code in _BY_OTHERS)
    codes = sorted({one.code for one in relevant})
    message = relevant[0].message
    if len(relevant) > 1:
        message = f"None of {len(relevant)} signatures of {digest} is accepted ({', '.join(codes)}). {message}"
    return Rejection(codes[0] if len(codes) == 1 else "NO_MATCHING_SIGNATURE", message, rejected=details)


def _checks(policy: Policy, accepted: t.Sequence[Accepted]) -> tuple[str, ...]:
    by_certificate = any(one.signer.certificate for one in accepted)
    by_key = any(not one.signer.certificate for one in accepted)
    sentences = (
        (bool(policy.annotations), "The specified annotations were verified."),
        (policy.check_claims, "The cosign claims were validated"),
        (not policy.ignore_tlog, "Existence of the claims in the transparency log was verified offline"),
        (by_key, "The signatures were verified against the specified public key"),
        (
            by_certificate,
            "The code-signing certificate was verified using trusted certificate authority certificates",
        ),
    )
    return tuple(sentence for wanted, sentence in sentences if wanted)
