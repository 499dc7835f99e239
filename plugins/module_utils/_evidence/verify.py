# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import Certificate
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.chain import build_chain
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.claims import check_claims
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.identity import check_identity
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.log import (
    MAX_AHEAD,
    Logged,
    count_logs,
    verify_entries,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import BUNDLE, Evidence
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import KeyRule, Policy
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.read import other_type
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.sct import check_scts
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.signer import Signer, find_signer
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.timestamp import (
    Timestamp,
    verify_timestamps,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import TrustedRoot, show_time
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verdict import (
    Accepted,
    Outcome,
    Refused,
    Verdict,
    conclude,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import check_digest

_BY_TRUST = ("TRUST_ROOT", "CHAIN_INVALID", "SCT_INVALID", "TSA_INVALID")
NOW_INSTEAD = "The certificate was checked at the current time, since nothing proves when the signature was made."


def needs_trust(one: Evidence, policy: Policy) -> bool:
    """Whether judging this needs a trusted root. A signature by key, in no log and without timestamp, does not, nor
    what somebody else put beside it."""
    if one.error or (one.predicate_type is not None and not policy.counts(one.predicate_type)):
        return False
    needed = (one.timestamps and not policy.ignore_timestamps) or (one.log_entries and not policy.ignore_tlog)
    if policy.identities:
        return bool(needed or one.certificates or policy.certificate)
    return bool(needed) and any(key.verify(one.signature, one.signed, one.prehashed) for key in policy.keys)


def verify(
    subject_digest: str,
    evidence: t.Iterable[Evidence],
    policy: Policy,
    trust: TrustedRoot | None,
    now: datetime.datetime,
    reference: str = "",
) -> Verdict:
    """Judge the signatures that were found for `subject_digest` by `policy`; no I/O, no clock.

    `trust` may be None where no evidence `needs_trust`; `now` is an aware time. `reference` is the image as it was
    asked for, which `match_reference` compares. Raises nothing but MALFORMED, for a `subject_digest` that is none.
    """
    check_digest(subject_digest, "digest to verify")
    judged = [judge_one(one, subject_digest, policy, trust, now, reference) for one in evidence]
    return conclude(subject_digest, policy, judged)


def judge_one(
    one: Evidence,
    subject_digest: str,
    policy: Policy,
    trust: TrustedRoot | None,
    now: datetime.datetime,
    reference: str = "",
) -> Outcome:
    """The same for one signature, of which little is kept if it is refused: anybody may attach many that are large."""
    try:
        return _check(one, subject_digest, policy, trust or TrustedRoot(), now, reference)
    except Rejection as rejection:
        kept = dataclasses.replace(one, payload=b"", signed=b"", envelope=b"", predicate=None)
        return Refused(kept, _naming(trust, one, rejection))


def _naming(trust: TrustedRoot | None, one: Evidence, rejection: Rejection) -> Rejection:
    """The same, saying what was trusted where that may be what is wrong."""
    if one.error or not trust or not trust.name or rejection.code not in _BY_TRUST:
        return rejection
    return Rejection(rejection.code, f"{rejection.message} Trusted is the {trust.name}.")


def _check(
    one: Evidence, digest: str, policy: Policy, trust: TrustedRoot, now: datetime.datetime, reference: str
) -> Accepted:
    """The only place where a signature is accepted: after all checks."""
    if one.error:
        raise one.error
    if one.predicate_type is not None and not policy.counts(one.predicate_type):
        raise other_type(one.predicate_type)
    signer = find_signer(one, policy)
    timestamps = _timestamps(one, policy, trust)
    logged = _logged(one, signer, policy, trust, timestamps, now)
    times = [stamp.time for stamp in timestamps] + [entry.time for entry in logged if entry.time]
    notes = _check_clock(times, now)
    rules: tuple[int, ...]
    rules = _rules_of_key(signer, policy)
    names: tuple[str, ...] = ()
    if signer.certificate is not None:
        if not times:
            times = [_current_time(one, signer.certificate, policy, now)]
            notes.append(NOW_INSTEAD)
        rules, names = _check_certificate(one, signer, policy, trust, times)
    subject = check_claims(one, digest, policy, reference)
    return Accepted(one, signer, subject, rules, names, logged, timestamps, tuple(notes))


def _rules_of_key(signer: Signer, policy: Policy) -> tuple[int, ...]:
    return tuple(
        number
        for number, rule in enumerate(policy.signers)
        if isinstance(rule, KeyRule) and any(key.spki == signer.key.spki for key in rule.keys)
    )


def _timestamps(one: Evidence, policy: Policy, trust: TrustedRoot) -> tuple[Timestamp, ...]:
    """The verified timestamps: of those that are there one at least, whatever else proves the time."""
    if policy.ignore_timestamps:
        return ()
    if one.timestamps:
        return verify_timestamps(one.timestamps, one.stamped, trust.timestamp_authorities)
    if policy.use_signed_timestamps:
        raise Rejection(
            "NO_TRUSTED_TIME",
            "The signature carries no timestamp, and one is demanded (use_signed_timestamps); sign with a timestamp "
            "authority.",
        )
    return ()


def _logged(
    one: Evidence,
    signer: Signer,
    policy: Policy,
    trust: TrustedRoot,
    timestamps: t.Sequence[Timestamp],
    now: datetime.datetime,
) -> tuple[Logged, ...]:
    if policy.ignore_tlog:
        return ()
    certificates: list[bytes | None] = [*one.certificates[:1]] or [None]
    if policy.certificate and signer.certificate and not one.certificates:
        # It was given apart: whoever signed logged either it or its key.
        certificates = [policy.certificate.der, None]
    times = [stamp.time for stamp in timestamps]
    logged = verify_entries(one, signer.key, signer.hash_name, certificates, trust.logs, times, now)
    count = count_logs(logged)
    if count < policy.required_logs:
        raise Rejection(
            "THRESHOLD",
            f"The signature is in {count} of the trusted logs, and {policy.required_logs} are required; sign with more "
            "logs.",
        )
    return logged


def _check_clock(times: t.Sequence[datetime.datetime], now: datetime.datetime) -> list[str]:
    latest = max(times, default=now)
    if latest > now + MAX_AHEAD:
        raise Rejection(
            "CERT_TIME",
            f"The signature was made at {show_time(latest)}, and this machine's clock says {show_time(now)}; set it.",
        )
    if latest > now:
        return [
            f"A signature was made {(latest - now).total_seconds():.0f} seconds ahead of this machine's clock; set it."
        ]
    return []


def _check_certificate(
    one: Evidence, signer: Signer, policy: Policy, trust: TrustedRoot, times: t.Sequence[datetime.datetime]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Whose certificate it is, once it is known to be one: the rules that it fits, and the names by which it does."""
    leaf = t.cast(Certificate, signer.certificate)
    if one.format == BUNDLE and any(certificate.is_self_issued for certificate in signer.attached):
        raise Rejection("CHAIN_INVALID", "The bundle carries a root certificate, which it must not; sign anew.")
    chain = build_chain(leaf, signer.attached, trust.certificate_authorities, times)
    if not policy.ignore_sct:
        check_scts(chain, trust.ct_logs, policy.detached_sct)
    return _check_identities(leaf, policy)


def _current_time(one: Evidence, leaf: Certificate, policy: Policy, now: datetime.datetime) -> datetime.datetime:
    """Now, for signatures that prove no time: only where neither a log nor Fulcio, whose certificates live for
    minutes, is meant to be there."""
    remedy = "sign with a timestamp authority"
    if policy.ignore_tlog and one.log_entries:
        remedy = "leave out insecure_ignore_tlog, since it is in a log"
    if not (policy.ignore_tlog and policy.ignore_sct):
        raise Rejection(
            "NO_TRUSTED_TIME",
            "Nothing proves when the signature was made (a timestamp, or a log entry with the log's promise), so it "
            f"cannot be told whether its certificate was valid; {remedy}.",
        )
    if not leaf.not_before <= now <= leaf.not_after:
        raise Rejection(
            "NO_TRUSTED_TIME",
            f"The certificate is valid from {show_time(leaf.not_before)} until {show_time(leaf.not_after)}, and "
            f"nothing proves that the signature was made then; {remedy}.",
        )
    return now


def _check_identities(leaf: Certificate, policy: Policy) -> tuple[tuple[int, ...], tuple[str, ...]]:
    fitting: dict[int, tuple[str, ...]] = {}
    refusals = []
    for number, rule in enumerate(policy.signers):
        if isinstance(rule, KeyRule):
            continue
        try:
            # Fulcio vouches for exactly one name; a CA of one's own, which needs no SCT, for as many as it likes.
            fitting[number] = check_identity(rule, leaf, one_name=not policy.ignore_sct)
        except Rejection as rejection:
            refusals.append(rejection)
    if fitting:
        return tuple(fitting), tuple(sorted({name for names in fitting.values() for name in names}))
    nearest = min(refusals, key=lambda rejection: rejection.code != "ISSUER_MISMATCH")
    more = " None of the others that are named signed it either." if len(refusals) > 1 else ""
    raise Rejection(nearest.code, nearest.message + more)
