# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import datetime
import functools
import hashlib
import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.checkpoint import (
    host_of,
    is_signed_by,
    parse_checkpoint,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.distinct import distinct
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.merkle import leaf_hash, root_hash
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import LEGACY, Evidence
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import Log, show_time
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import InclusionProof, LogEntry
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.dsse import IN_TOTO, pae
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.log_body import (
    Hash,
    LogBody,
    parse_log_body,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import PURE, PublicKey
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import encode_base64

MAX_AHEAD = datetime.timedelta(minutes=5)
"""How far a log's time may be ahead of this clock: clocks differ."""

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

# protobuf-specs, PublicKeyDetails: what Rekor v2 says of a key and the hash that it signs with.
_DETAILS = {
    ("ecdsa-p256", "sha256"): "PKIX_ECDSA_P256_SHA_256",
    ("ecdsa-p384", "sha384"): "PKIX_ECDSA_P384_SHA_384",
    ("ecdsa-p384", "sha256"): "PKIX_ECDSA_P384_SHA_256",
    ("ecdsa-p521", "sha512"): "PKIX_ECDSA_P521_SHA_512",
    ("ecdsa-p521", "sha256"): "PKIX_ECDSA_P521_SHA_256",
    ("rsa-2048", "sha256"): "PKIX_RSA_PKCS1V15_2048_SHA256",
    ("rsa-3072", "sha256"): "PKIX_RSA_PKCS1V15_3072_SHA256",
    ("rsa-4096", "sha256"): "PKIX_RSA_PKCS1V15_4096_SHA256",
    ("ed25519", PURE): "PKIX_ED25519",
}


@dataclass(frozen=True)
class Logged:
    """That a trusted log holds the signature: where (`index` in the log), as what (`kind` and its version), and since
    when. `time` is None where no promise of the log says so: a number beside a proof is signed by nobody."""

    log: Log
    index: int
    time: datetime.datetime | None
    kind: str


def key_details(kind: str, hash_name: str) -> str | None:
    """What protobuf-specs calls keys of this kind that sign with this hash (PURE for none), if it has a name."""
    return _DETAILS.get((kind, hash_name))


def verify_entries(
    one: Evidence,
    key: PublicKey,
    hash_name: str,
    certificates: t.Collection[bytes | None],
    logs: t.Sequence[Log],
    timestamps: t.Sequence[datetime.datetime],
    now: datetime.datetime,
) -> tuple[Logged, ...]:
    """Verify the log entries of a signature that verified with `key` and `hash_name`; `count_logs` says how many logs
    they are in. `certificates` (DER) are what it may be logged with, None: with the key itself.

    `timestamps` are the signature's verified times, `now` the clock's. Entries of unknown logs are left out, but not
    all of them; one that a known log does not vouch for refuses the signature. Raises TLOG_MISSING (no entry),
    TRUST_ROOT (no known log, or it was not trusted at that time), TLOG_MISMATCH (logged for something else),
    SET_INVALID, INCLUSION_INVALID, CHECKPOINT_INVALID, CERT_TIME (a time ahead of the clock), MALFORMED,
    NON_CANONICAL, DUPLICATE_KEY, LIMIT_EXCEEDED.
    """
    if not one.log_entries:
        raise Rejection(
            "TLOG_MISSING",
            "The signature is in no transparency log; sign with one, or set insecure_ignore_tlog where none is wanted.",
        )
    signed = _Signed(one, key, hash_name, certificates)
    found = []
    for entry in dict.fromkeys(one.log_entries):
        known = [log for log in logs if log.log_id == entry.log_id]
        if known:
            found.append(_verify_entry(entry, signed, known, timestamps, now))
    if not found:
        raise Rejection(
            "TRUST_ROOT",
            "The signature is in a log that the trusted root does not know "
            f"(id {', '.join(entry.log_id.hex()[:64] for entry in one.log_entries[:3])}); give the trusted root that "
            "has this log.",
        )
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Signed:
    """What an entry must be about."""

    one: Evidence
    key: PublicKey
    hash_name: str
    certificates: t.Collection[bytes | None]

    @functools.cached_property
    def data_hash(self) -> Hash:
        if self.one.prehashed:
            return Hash(self.one.prehashed, self.one.signed)
        # A pure signature is over no hash: no log could have verified one that it has only the hash of.
        pure = self.hash_name == PURE
        return Hash(self.hash_name, b"" if pure else hashlib.new(self.hash_name, self.one.signed).digest())

    @functools.cached_property
    def payload_hash(self) -> Hash:
        return Hash("sha256", hashlib.sha256(self.one.payload).digest())

    @functools.cached_property
    def envelope_hash(self) -> Hash | None:
        return Hash("sha256", hashlib.sha256(self.one.envelope).digest()) if self.one.envelope else None


def _verify_entry(
    entry: LogEntry,
    signed: _Signed,
    logs: t.Sequence[Log],
    timestamps: t.Sequence[datetime.datetime],
    now: datetime.datetime,
) -> Logged:
    if entry.integrated_time < 0 or entry.log_index < 0:
        raise Rejection("MALFORMED", "The log entry has a negative time or index.")
    body = parse_log_body(entry.body)
    # The id of a log of v2 holds its name too, which is then to be checked whatever the entry calls itself.
    fitting = [log for log in logs if body.is_v2 or log.log_id == hashlib.sha256(log.key.spki).digest()]
    if not fitting:
        raise Rejection(
            "TLOG_MISMATCH",
            f"The log entry is a {body.kind} {body.version}, which only a log of Rekor v1 holds, and {_name(logs[0])} "
            "is none: its id is not that of its key alone; sign anew.",
        )
    for part in _differences(entry, body, signed):
        raise Rejection(
            "TLOG_MISMATCH",
            f"The log entry was made for something else: {part} is not this signature's; sign anew, or take the "
            "signature from where it was made.",
        )
    if body.is_v2 and (entry.set or entry.integrated_time):
        raise Rejection(
            "MALFORMED", "The log entry is one of Rekor v2 with a time or promise, which that does not give."
        )
    proof, must_prove = entry.inclusion_proof, body.is_v2 or signed.one.inclusion
    if must_prove and not (proof and proof.checkpoint):
        raise Rejection(
            "INCLUSION_INVALID", "The log entry has no inclusion proof with a checkpoint; it must come with one."
        )
    promise = _verify_set(entry, fitting, now) if entry.set else None
    times = (promise[1],) if promise else timestamps
    included = _verify_inclusion(entry.body, proof, body.is_v2, fitting, times, now) if proof else None
    if body.is_v2 and proof and entry.log_index != proof.log_index:
        raise Rejection(
            "INCLUSION_INVALID",
            f"The log entry says that it is number {entry.log_index}, and its proof is of {proof.log_index}; take the "
            "signature from where it was made.",
        )
    kind = f"{body.kind} {body.version}"
    if promise:
        return Logged(promise[0], entry.log_index, promise[1], kind)
    if included and proof and must_prove:
        return Logged(included, proof.log_index, None, kind)
    raise Rejection("SET_INVALID", "The log entry has no signed entry timestamp; it must come with one.")


def _differences(entry: LogEntry, body: LogBody, signed: _Signed) -> t.Iterator[str]:
    """What of the entry is not what was signed here, as words for a message."""
    one = signed.one
    # Legacy annotations name no kind.
    if one.format != LEGACY and (entry.kind, entry.version) != (body.kind, body.version):
        yield f"its kind ({body.kind} {body.version})"
    # An entry that names no signature is bound to it by the envelope, or not at all.
    if one.signature != body.signature if body.signature is not None else not one.envelope:
        yield "its signature"
    wanted = [(False, signed.key.spki) if one is None else (True, one) for one in signed.certificates]
    if body.verifier[:2] not in wanted:
        yield "its certificate" if body.verifier.is_certificate else "its key"
    if body.is_v2 and body.verifier.details != key_details(signed.key.kind, signed.hash_name):
        yield f"its algorithm ({body.verifier.details[:64]!r})"
    if body.data_hash:
        # Rekor v1 has kinds of its own for envelopes: this one may be of a file that looks like what an envelope signs.
        if not body.is_v2 and one.predicate_type is not None:
            yield f"its kind ({body.kind} {body.version})"
        if body.data_hash != signed.data_hash:
            yield f"its {body.data_hash.algorithm} digest"
        return
    if one.signed != pae(IN_TOTO if body.payload_type is None else body.payload_type, one.payload):
        yield "its payload type"
    if body.payload_hash not in (None, signed.payload_hash) or body.payload not in (None, one.payload):
        yield "its payload"
    if signed.envelope_hash and body.envelope_hash not in (None, signed.envelope_hash):
        yield "its envelope"


def _verify_set(entry: LogEntry, logs: t.Sequence[Log], now: datetime.datetime) -> tuple[Log, datetime.datetime]:
    """Which log promised to hold the entry, and when: its signature is over these four values as RFC 8785 writes
    them, whatever else stood beside them."""
    promised = b'{"body":"%b","integratedTime":%d,"logID":"%b","logIndex":%d}' % (
        encode_base64(entry.body).encode("ascii"),
        entry.integrated_time,
        entry.log_id.hex().encode("ascii"),
        entry.log_index,
    )
    signers = [log for log in logs if log.key.verify(entry.set, promised)]
    if not signers:
        raise Rejection(
            "SET_INVALID",
            f"The signed entry timestamp is not by the log {_name(logs[0])}, or not for this entry, index and time; "
            "sign anew, or take the signature from where it was made.",
        )
    # Before it becomes a time: what the calendar does not hold is ahead too.
    if entry.integrated_time > (now + MAX_AHEAD - _EPOCH).total_seconds():
        raise Rejection(
            "CERT_TIME",
            f"The log says that it took the signature at {entry.integrated_time} s after 1970, which is ahead of this "
            f"machine's clock ({show_time(now)}); set the clock right.",
        )
    time = _EPOCH + datetime.timedelta(seconds=entry.integrated_time)
    return _in_window(signers, (time,), now), time


def _verify_inclusion(
    body: bytes,
    proof: InclusionProof,
    is_v2: bool,
    logs: t.Sequence[Log],
    times: t.Sequence[datetime.datetime],
    now: datetime.datetime,
) -> Log | None:
    """Which log holds the entry, by its own checkpoint. None: the proof came without, as early bundles have it; that
    says nothing."""
    if root_hash(leaf_hash(body), proof.log_index, proof.tree_size, proof.hashes) != proof.root_hash:
        raise Rejection(
            "INCLUSION_INVALID",
            "The inclusion proof does not lead to the root that it names; take the signature from where it was made.",
        )
    if not proof.checkpoint:
        return None
    checkpoint = parse_checkpoint(proof.checkpoint)
    # A log of v2 is known by its name too, which only its URL tells.
    named = [(log, host_of(log.url) if is_v2 else None) for log in logs]
    if all(origin == "" for dummy, origin in named):
        raise Rejection("TRUST_ROOT", "The trusted root has no URL for the log of the signature; give one that has it.")
    signers = [log for log, origin in named if is_signed_by(checkpoint, log, origin)]
    if not signers:
        raise Rejection(
            "CHECKPOINT_INVALID",
            f"The checkpoint ({checkpoint.origin[:100]!r}) is not signed by the log {_name(logs[0])}; take the "
            "signature from where it was made.",
        )
    if (checkpoint.size, checkpoint.root) != (proof.tree_size, proof.root_hash):
        raise Rejection(
            "CHECKPOINT_INVALID",
            f"The checkpoint is of another tree (size {checkpoint.size}) than the inclusion proof (size "
            f"{proof.tree_size}); take the signature from where it was made.",
        )
    return _in_window(signers, times, now)


def _in_window(logs: t.Sequence[Log], times: t.Sequence[datetime.datetime], now: datetime.datetime) -> Log:
    """The first that is trusted at all these times; where no time is known, one that is in use by now."""
    for log in logs:
        if all(map(log.window.holds, times)) if times else log.window.start <= now:
            return log
    when = ", ".join(map(show_time, times)) or f"{show_time(now)}, by this clock"
    raise Rejection(
        "TRUST_ROOT",
        f"The log {_name(logs[0])} is not trusted at the time of the signature ({when}); give the trusted root "
        "that holds for it.",
    )


def _name(log: Log) -> str:
    return log.url or log.log_id.hex()


def count_logs(found: t.Sequence[Logged]) -> int:
    """In how many distinct logs, however many entries, URLs or keys each has: its operator's name or else its host, its
    id and its key all tell that two are one."""
    known_by = (
        {one.log.operator or host_of(one.log.url).lower() or one.log.log_id, one.log.log_id, one.log.key.spki}
        for one in found
    )
    return len(distinct(known_by))
