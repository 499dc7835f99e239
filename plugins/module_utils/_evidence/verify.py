# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import datetime
import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import BUNDLE, LEGACY, Evidence
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import Policy
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.read import other_type
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.reference import same_reference
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import PublicKey
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import COULD_NOT_LOOK, Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.statement import Subject
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import check_digest


@dataclass(frozen=True)
class Accepted:
    """A signature that passed every check: by which key, with which hash, and what it says of the image."""

    evidence: Evidence
    key: PublicKey
    hash_name: str
    subject: Subject


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


def verify(
    subject_digest: str,
    evidence: t.Sequence[Evidence],
    policy: Policy,
    trust: None,
    now: datetime.datetime,
    reference: str = "",
) -> Verdict:
    """Judge the signatures that were found for `subject_digest` by `policy`; no I/O, no clock.

    `trust` is the trusted root that certificates and logs will need, `now` an aware time; keys need neither.
    `reference` is the image as it was asked for, which `match_reference` compares. Raises nothing but MALFORMED, for a
    `subject_digest` that is none.
    """
    check_digest(subject_digest, "digest to verify")
    accepted: list[Accepted] = []
    rejected: list[Refused] = []
    for one in evidence:
        try:
            accepted.append(_check(one, subject_digest, policy, reference))
        except Rejection as rejection:
            rejected.append(Refused(one, rejection))
    refusal = _refusal(subject_digest, policy, accepted, rejected)
    return Verdict(tuple(accepted), tuple(rejected), refusal, () if refusal else _checks(policy))


def exact_annotations(accepted: Accepted, wanted: t.Mapping[str, str]) -> bool:
    """Whether it carries these annotations and no others: then signing with them again would change nothing."""
    return dict(accepted.subject.annotations) == dict(wanted)


def _check(one: Evidence, digest: str, policy: Policy, reference: str) -> Accepted:
    """The only place where a signature is accepted: after all checks."""
    if one.error:
        raise one.error
    if one.format == BUNDLE and not policy.counts(one.predicate_type):
        raise other_type(str(one.predicate_type))
    key, hash_name = _signer(one, policy)
    _check_log(one, policy)
    subject = _subject(one, digest, policy)
    if policy.check_claims:
        _check_annotations(subject, policy)
        _check_reference(one, digest, policy, reference)
    return Accepted(one, key, hash_name, subject)


def _signer(one: Evidence, policy: Policy) -> tuple[PublicKey, str]:
    for key in policy.keys:
        hash_name = key.verify(one.signature, one.signed)
        if hash_name:
            return key, hash_name
    if one.certificates:
        raise Rejection(
            "KEY_MISMATCH",
            "The signature carries a certificate and does not verify with a given key; check who signed.",
        )
    # The hint decides nothing but the word for the refusal.
    if one.key_hint and one.key_hint not in [key.key_id for key in policy.keys]:
        raise Rejection(
            "KEY_MISMATCH",
            f"The signature says it is by the key {one.key_hint[:64]!r} and does not verify with "
            f"{' or '.join(key.key_id for key in policy.keys)}; check which key signed.",
        )
    # Ed25519ph cannot be told from a wrong signature: `cryptography` does not have it.
    prehashed = len(one.signature) == 64 and any(key.kind == "ed25519" for key in policy.keys)
    raise Rejection(
        "SIG_INVALID",
        "The signature does not verify with a given key: another key signed, or what was signed is not what is here; "
        "check which key signed."
        + (
            " cosign 3 signs with Ed25519ph, which is not supported; sign with another key or tool."
            if prehashed
            else ""
        ),
    )


def _check_log(one: Evidence, policy: Policy) -> None:
    if one.timestamps:
        raise Rejection(
            "POLICY_UNSUPPORTED", "The signature carries a timestamp, and timestamps are not yet verified here."
        )
    if policy.ignore_tlog:
        return
    if one.log_entries:
        raise Rejection(
            "POLICY_UNSUPPORTED",
            "The signature carries a transparency log entry, and these are not yet verified here; "
            "set insecure_ignore_tlog to do without.",
        )
    raise Rejection(
        "TLOG_MISSING",
        "The signature is in no transparency log; sign with one, or set insecure_ignore_tlog where none is wanted.",
    )


def _subject(one: Evidence, digest: str, policy: Policy) -> Subject:
    """The subject that is the image; of several the one that has the wanted annotations."""
    named = [subject for subject in one.subjects if subject.names(digest)]
    if not named:
        raise Rejection(
            "DIGEST_MISMATCH" if one.format == LEGACY else "SUBJECT_MISMATCH",
            f"The signature is for {_named(one)}, not for {digest}; it was made for another image.",
        )
    return next((subject for subject in named if not _missing(subject, policy)), named[0])


def _named(one: Evidence) -> str:
    found = [f"{algorithm}:{value}" for subject in one.subjects[:3] for algorithm, value in subject.digests.items()]
    return ", ".join(found)[:300]


def _missing(subject: Subject, policy: Policy) -> list[str]:
    return [key for key, value in policy.annotations.items() if subject.annotations.get(key) != value]


def _check_annotations(subject: Subject, policy: Policy) -> None:
    for key in _missing(subject, policy):
        found = subject.annotations.get(key)
        has = "has none of that name" if found is None else f"says {str(found)[:100]!r}"
        raise Rejection(
            "ANNOTATION_MISMATCH",
            f"The annotation {key!r} should be {policy.annotations[key]!r}, and the signature {has}; sign with it.",
        )


def _check_reference(one: Evidence, digest: str, policy: Policy, reference: str) -> None:
    if policy.match_reference == "none":
        return
    if one.docker_reference is None:
        raise Rejection(
            "REFERENCE_MISMATCH",
            "A bundle names no image, so only a legacy signature can satisfy match_reference; sign with "
            "signature_format=both, or leave match_reference out.",
        )
    if not same_reference(one.docker_reference, reference, digest, policy.match_reference):
        raise Rejection(
            "REFERENCE_MISMATCH",
            f"The signature is for {one.docker_reference[:200]!r}, wanted {reference!r} "
            f"(match_reference: {policy.match_reference}); check where the image came from.",
        )


def _refusal(
    digest: str, policy: Policy, accepted: t.Sequence[Accepted], rejected: t.Sequence[Refused]
) -> Rejection | None:
    signers = len({one.key.spki for one in accepted})
    if signers >= policy.required_signatures:
        return None
    details = [one.as_dict() for one in rejected]
    # What could not be looked at might have been the one: that is never "unsigned" or "refused".
    unseen = [one.rejection for one in rejected if one.rejection.code in COULD_NOT_LOOK]
    if unseen:
        return Rejection(unseen[0].code, unseen[0].message, rejected=details)
    if accepted:
        return Rejection(
            "THRESHOLD",
            f"{digest} is signed by {signers} of the given keys, and {policy.required_signatures} are required; "
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
    codes = sorted({one.code for one in relevant})
    message = relevant[0].message
    if len(relevant) > 1:
        message = f"None of {len(relevant)} signatures of {digest} is accepted ({', '.join(codes)}). {message}"
    return Rejection(codes[0] if len(codes) == 1 else "NO_MATCHING_SIGNATURE", message, rejected=details)


def _checks(policy: Policy) -> tuple[str, ...]:
    return (
        *(["The specified annotations were verified."] if policy.annotations else []),
        *(["The cosign claims were validated"] if policy.check_claims else []),
        "The signatures were verified against the specified public key",
    )
