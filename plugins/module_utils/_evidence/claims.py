# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import Evidence
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import Policy
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.reference import same_reference
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.statement import Subject


def check_claims(one: Evidence, digest: str, policy: Policy, reference: str) -> Subject:
    """The subject of a signature that is the image, and says of it what the policy wants.

    Raises DIGEST_MISMATCH or SUBJECT_MISMATCH whatever the policy, ANNOTATION_MISMATCH and REFERENCE_MISMATCH unless
    claims are not to be checked.
    """
    subject = _subject(one, digest, policy)
    if policy.check_claims:
        _check_annotations(subject, policy)
        _check_reference(one, digest, policy, reference)
    return subject


def _subject(one: Evidence, digest: str, policy: Policy) -> Subject:
    """The subject that is the image; of several the one that has the wanted annotations."""
    named = [subject for subject in one.subjects if subject.names(digest)]
    if not named:
        raise Rejection(
            "DIGEST_MISMATCH" if one.predicate_type is None else "SUBJECT_MISMATCH",
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
            f"The annotation {key!r} should be {policy.annotations[key]!r}, and the signature {has}; sign with that "
            "annotation.",
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
