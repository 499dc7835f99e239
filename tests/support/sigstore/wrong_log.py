# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cases: what is wrong with log entries, promises, proofs, checkpoints; and signatures put together from two."""

from __future__ import annotations

import base64
import typing as t
from datetime import UTC, datetime, timedelta

from tests.support.sigstore.case import (
    ARTIFACT,
    DROP,
    ENTRY,
    ENVELOPE,
    IMAGE,
    MATERIAL,
    NOBODY,
    PROOF,
    STAMPS,
    Case,
    Make,
    digest_of,
    edited,
    entered,
    flip_base64,
    key,
    keyed,
    logged,
    note,
    part,
    put,
    rooted,
    signed,
    swapped,
)
from tests.support.sigstore.rekor import Json, RekorV1, RekorV2, signature_line
from tests.support.sigstore.virtual import (
    AT,
    Made,
    VirtualSigstore,
    b64,
    pae,
    public_pem,
    statement,
)
from tests.support.sigstore.x509 import pem

FILE: Json = {"artifact": ARTIFACT, "digest": digest_of(ARTIFACT)}
UNKNOWN_LOG = RekorV1(seed="nobody's", url="https://rekor.nobody.test")
UNKNOWN_LOG_2 = RekorV2(seed="nobody's", url="https://log.nobody.test", origin="log.nobody.test")


# Swapped parts

_SWAPS: tuple[tuple[str, str, Json, str, str], ...] = (
    # what of the second one is moved into the first; the form; how both are made; the path; the answer
    ("log entry", "bundle", {}, f"{MATERIAL}.tlogEntries", "TLOG_MISMATCH"),
    ("log entry", "bundle", {"log": "v2"}, f"{MATERIAL}.tlogEntries", "TLOG_MISMATCH"),
    ("log entry", "legacy", {}, "bundle", "TLOG_MISMATCH"),
    ("log entry", "file", {}, f"{MATERIAL}.tlogEntries", "TLOG_MISMATCH"),
    ("log body", "bundle", {}, f"{ENTRY}.canonicalizedBody", "TLOG_MISMATCH"),
    ("promise", "bundle", {}, f"{ENTRY}.inclusionPromise", "SET_INVALID"),
    ("proof", "bundle", {}, PROOF, "INCLUSION_INVALID"),
    ("proof", "bundle", {"log": "v2"}, PROOF, "INCLUSION_INVALID"),
    ("checkpoint", "bundle", {}, f"{PROOF}.checkpoint", "CHECKPOINT_INVALID"),
    ("checkpoint", "bundle", {"log": "v2"}, f"{PROOF}.checkpoint", "CHECKPOINT_INVALID"),
    ("log index", "bundle", {}, f"{ENTRY}.logIndex", "SET_INVALID"),
    ("certificate", "bundle", {}, f"{MATERIAL}.certificate", "SIG_INVALID"),
    ("certificate", "bundle", {"log": "v2"}, f"{MATERIAL}.certificate", "SIG_INVALID"),
    ("certificate", "legacy", {}, "certificate", "SIG_INVALID"),
    ("timestamp", "bundle", {"log": "v2"}, STAMPS, "TSA_INVALID"),
    ("timestamp", "bundle", {"log": None}, STAMPS, "TSA_INVALID"),
    ("timestamp", "legacy", {"log": None}, "rfc3161timestamp", "TSA_INVALID"),
    ("signature", "bundle", {}, f"{ENVELOPE}.signatures", "SIG_INVALID"),
    ("signature", "legacy", {}, "signature", "SIG_INVALID"),
    ("signature", "file", {}, "messageSignature.signature", "SIG_INVALID"),
)
_SAME_KEY_SWAPS: tuple[tuple[str, str, Json, str, str], ...] = (
    # the same of two certificates and signatures by one key
    ("log entry", "bundle", {}, f"{MATERIAL}.tlogEntries", "TLOG_MISMATCH"),
    ("log entry", "legacy", {}, "bundle", "TLOG_MISMATCH"),
    ("certificate", "bundle", {}, f"{MATERIAL}.certificate", "TLOG_MISMATCH"),
    ("certificate", "bundle", {"log": "v2"}, f"{MATERIAL}.certificate", "TLOG_MISMATCH"),
    ("certificate", "legacy", {}, "certificate", "TLOG_MISMATCH"),
    ("signature", "bundle", {}, f"{ENVELOPE}.signatures", "TLOG_MISMATCH"),
    ("signature", "bundle", {"log": "v2"}, f"{ENVELOPE}.signatures", "TSA_INVALID"),
    ("signature", "bundle", {"log": None}, f"{ENVELOPE}.signatures", "TSA_INVALID"),
    ("signature", "legacy", {}, "signature", "TLOG_MISMATCH"),
)
_UPSTREAM = ("CVE-2022-23649", "CVE-2022-36056", "CVE-2026-22703")


def _swaps() -> t.Iterator[Case]:
    for swaps, owner in ((_SWAPS, "another key"), (_SAME_KEY_SWAPS, "the same key")):
        for what, form, how, path, code in swaps:
            same: Json = {"key": lambda v: key()} if owner == "the same key" else {}
            name = f"swapped {what} of a signature by {owner}, {form} {how.get('log', 'v1') or 'no log'}"
            rows = {"timestamp": ("AT-31a",), "promise": ("AT-26a",), "proof": ("AT-27",), "checkpoint": ("AT-27",)}
            more: Json = FILE if form == "file" else {}
            policy = {"ignore_tlog": True} if "log" in how and how["log"] is None else {}
            make = swapped(part(path), form, **how, **same)
            yield Case(name, (*rows.get(what, ("AT-25",)), *_UPSTREAM), code, make, policy=policy, **more)
    for form in ("bundle", "legacy"):
        make = _offline_with_entry(form)
        yield Case(
            f"a {form} that was never logged, with another one's entry",
            ("AT-26a", "AT-25", *_UPSTREAM),
            "TLOG_MISMATCH",
            make,
        )
        make = _offline_with_entry(form, key=lambda v: key(), keyless=False)
        name = f"a {form} by key that was never logged, with another one's entry"
        yield Case(name, ("AT-26a", "AT-25", *_UPSTREAM), "TLOG_MISMATCH", make, ("p256",), NOBODY)
    hint = swapped(part(f"{MATERIAL}.publicKey"), key=None, keyless=False)
    yield Case("the hint of another key", ("AT-37c",), "KEY_MISMATCH", hint, ("p256",), NOBODY)


def _offline_with_entry(form: str, **how: t.Any) -> Make:
    def make(virtual: VirtualSigstore) -> Made:
        ours = signed(form, log=None, timestamp=False, **how)(virtual)
        other = signed(form, **how)(virtual)
        part("bundle" if form == "legacy" else f"{MATERIAL}.tlogEntries")(ours, other)
        return ours

    return make


# Bodies: one thing of the entry is not what was signed

X = b"something else"
_BODIES: tuple[tuple[str, str, Json, Json], ...] = (
    ("signature", "bundle", {}, {"signature": X}),
    ("payload", "bundle", {}, {"payload": X}),
    ("verifier", "bundle", {}, {"verifier": public_pem(key())}),
    ("signature", "legacy", {}, {"signature": X}),
    ("data", "legacy", {}, {"data": X}),
    ("hash", "legacy", {}, {"algorithm": "sha512"}),
    ("verifier", "legacy", {}, {"verifier": public_pem(key())}),
    ("signature", "file", {}, {"signature": X}),
    ("data", "file", {}, {"data": X}),
    ("signature", "bundle", {"log": "v2"}, {"signature": X}),
    ("data", "bundle", {"log": "v2"}, {"data": X}),
    ("payload in place of its encoding", "bundle", {"log": "v2"}, {"data": statement(IMAGE)}),
    ("hash", "bundle", {"log": "v2"}, {"algorithm": "sha512"}),
    ("verifier", "bundle", {"log": "v2"}, {"verifier": public_pem(key())}),
    ("algorithm", "bundle", {"log": "v2"}, {"details": "PKIX_ECDSA_P384_SHA_384"}),
    ("algorithm", "bundle", {"log": "v2"}, {"details": "PKIX_ED25519_PH"}),
    ("algorithm", "bundle", {"log": "v2"}, {"details": ""}),
)


def _bodies() -> t.Iterator[Case]:
    for what, form, how, other in _BODIES:
        more: Json = FILE if form == "file" else {}
        name = f"logged with another {what}, {form} {how.get('log', 'v1')} {' '.join(map(str, other))}"
        name += f" {other['details'] or 'none'}" if "details" in other else ""
        yield Case(name, ("AT-25",), "TLOG_MISMATCH", signed(form, logged=other, **how), **more)
    for name, form, how, kinds in (
        ("another kind", "bundle", {}, ("hashedrekord", "0.0.1")),
        ("another version", "bundle", {}, ("dsse", "0.0.2")),
        ("the kind of v2", "file", {}, ("hashedrekord", "0.0.2")),
        ("the version of v1", "bundle", {"log": "v2"}, ("hashedrekord", "0.0.1")),
        ("another kind", "bundle", {"log": "v2"}, ("dsse", "0.0.2")),
    ):
        make = signed(form, entry={"kind_version": kinds}, **how)
        more = FILE if form == "file" else {}
        yield Case(
            f"an entry that says {name}, {form} {how.get('log', 'v1')}", ("AT-25",), "TLOG_MISMATCH", make, **more
        )
    yield from _verifiers()
    yield from _written_bodies()


def _verifiers() -> t.Iterator[Case]:
    """Who is logged to have signed, and how that is written."""
    of_key: tuple[tuple[str, bytes, str | None], ...] = (
        ("as PEM with other line ends", public_pem(key()).replace(b"\n", b"\r\n"), None),
        ("as PEM without a newline at its end", public_pem(key()).strip(), None),
        ("as PEM with text before", b"A note\n" + public_pem(key()), "NON_CANONICAL"),
        ("twice", public_pem(key()) * 2, "MALFORMED"),
        ("as something else", public_pem(key()).replace(b"PUBLIC KEY", b"NOTHING"), "MALFORMED"),
        ("as no PEM", b"a key", "MALFORMED"),
        ("as another key", public_pem(key("p256", "theirs")), "TLOG_MISMATCH"),
        ("as a key of another kind", public_pem(key("p384")), "TLOG_MISMATCH"),
    )
    for name, verifier, code in of_key:
        for form in ("bundle", "legacy"):
            make = keyed(form, logged={"verifier": verifier})
            yield Case(f"a key is logged {name}, {form}", ("AT-25",), code, make, ("p256",), NOBODY)
    as_certificate = keyed(logged=lambda v: {"verifier": pem(v.ca.issue(key().public_key(), AT))})
    yield Case("a key is logged as a certificate of it", ("AT-25",), "TLOG_MISMATCH", as_certificate, ("p256",), NOBODY)


def body_of(
    change: t.Callable[[VirtualSigstore, Made], Json | bytes], form: str = "bundle", log: str = "v1", **entry: t.Any
) -> Make:
    """A keyless signature whose log entry has the body that `change` makes."""

    def make(virtual: VirtualSigstore) -> Made:
        made = signed(form, log=None, timestamp=log == "v2", key=key())(virtual)
        rekor: t.Any = virtual.rekor if log == "v1" else virtual.rekor2
        at = {"at": virtual.at} if log == "v1" else {}
        entered(made, [rekor.log(change(virtual, made), **at, **entry)])
        return made

    return make


def _arguments(made: Made, **changes: t.Any) -> Json:
    return {"signature": made.signature, "verifier": pem(made.certificate), "payload": made.payload, **changes}


def _hashed_1(virtual: VirtualSigstore, made: Made) -> Json:
    return virtual.rekor.hashedrekord(made.signature, pem(made.certificate), pae(made.payload))


def _intoto(**changes: t.Any) -> Make:
    return body_of(lambda v, made: v.rekor.intoto(**_arguments(made, **changes)))


def _dsse_2(**changes: t.Any) -> Make:
    return body_of(lambda v, made: v.rekor2.dsse(**_arguments(made, **changes)), log="v2")


def _dsse(change: t.Callable[[Json], t.Any], **entry: t.Any) -> Make:
    def body(virtual: VirtualSigstore, made: Made) -> Json:
        found = virtual.rekor.dsse(**_arguments(made))
        change(found)
        return found

    return body_of(body, **entry)


def _raw(data: bytes, **entry: t.Any) -> Make:
    return body_of(lambda v, made: data, kind_version=("dsse", "0.0.1"), **entry)


def _hashed_2(change: t.Callable[[Json], t.Any], **entry: t.Any) -> Make:
    def body(virtual: VirtualSigstore, made: Made) -> Json:
        found = virtual.rekor2.hashedrekord(made.signature, pem(made.certificate), pae(made.payload))
        change(found)
        return found

    return body_of(body, log="v2", **entry)


def _written_bodies() -> t.Iterator[Case]:
    cases: tuple[tuple[str, str | None, Make], ...] = (
        ("an intoto 0.0.2", None, _intoto()),
        ("an intoto 0.0.2 with its payload", None, _intoto(with_payload=True)),
        ("an intoto 0.0.2 of another signature", "TLOG_MISMATCH", _intoto(signature=X)),
        ("an intoto 0.0.2 of another payload", "TLOG_MISMATCH", _intoto(payload=X)),
        ("an intoto 0.0.2 of another payload type", "TLOG_MISMATCH", _intoto(payload_type="text/plain")),
        ("an intoto 0.0.2 of a key", "TLOG_MISMATCH", _intoto(verifier=public_pem(key()))),
        ("an intoto 0.0.1, which names no signature", "TLOG_MISMATCH", _intoto(version="0.0.1")),
        ("a hashedrekord of what an envelope signs", "TLOG_MISMATCH", body_of(_hashed_1)),
        ("a dsse of v2", None, _dsse_2()),
        ("a dsse of v2 of another payload", "TLOG_MISMATCH", _dsse_2(payload=X)),
        ("a dsse of v2 of another signature", "TLOG_MISMATCH", _dsse_2(signature=X)),
        (
            "a dsse of two signatures",
            "MALFORMED",
            _dsse(lambda body: body["spec"]["signatures"].append(body["spec"]["signatures"][0])),
        ),
        ("a dsse without signatures", "MALFORMED", _dsse(lambda body: body["spec"].update(signatures=[]))),
        ("a dsse with more in it", "MALFORMED", _dsse(lambda body: body["spec"].update(note=1))),
        ("a dsse with more beside it", "MALFORMED", _dsse(lambda body: body.update(note=1))),
        ("a dsse of a version that is not known", "MALFORMED", _dsse(lambda body: body.update(apiVersion="0.0.9"))),
        ("a rekord", "MALFORMED", _dsse(lambda body: body.update(kind="rekord"))),
        ("a hashedrekord of v2 in version 0.0.1", "MALFORMED", _hashed_2(lambda body: body.update(apiVersion="0.0.1"))),
        ("a kind of v2 that is not known", "MALFORMED", _hashed_2(lambda body: body.update(kind="foo"))),
        ("a hashedrekord of v2 in version 0.0.3", "MALFORMED", _hashed_2(lambda body: body.update(apiVersion="0.0.3"))),
        ("null", "MALFORMED", _raw(b"null")),
        ("nothing", "MALFORMED", _raw(b"")),
        ("a number", "MALFORMED", _raw(b"7")),
        ("an object without anything", "MALFORMED", _raw(b"{}")),
        ("a text that ends early", "MALFORMED", _raw(b'{"kind":')),
        (
            "a kind twice",
            "DUPLICATE_KEY",
            _raw(b'{"kind":"dsse","kind":"hashedrekord","apiVersion":"0.0.1","spec":{}}'),
        ),
        ("a kind that is a list", "MALFORMED", _raw(b'{"kind":[],"apiVersion":"0.0.1","spec":{}}')),
    )
    for name, code, make in cases:
        yield Case(f"the log holds {name}", ("AT-25", "AT-24"), code, make)
    yield Case(
        "Ed25519 is logged as a hash by v2",
        ("AT-37d",),
        "TLOG_MISMATCH",
        keyed(kind="ed25519", log="v2"),
        ("ed25519",),
        NOBODY,
    )
    yield Case(
        "Ed25519 is logged as a hash, legacy",
        ("AT-37d",),
        "TLOG_MISMATCH",
        keyed("legacy", "ed25519"),
        ("ed25519",),
        NOBODY,
    )


# Promises

SECONDS = int(AT.timestamp())


def _promises() -> t.Iterator[Case]:
    rows: tuple[str, ...]
    for form in ("bundle", "legacy"):
        for name, row, entry, code in (
            ("is garbage", "CVE-2022-36056", {"promise": b"x"}, "SET_INVALID"),
            ("is over another body", "AT-26a", {"promised": {"body": b64(X)}}, "SET_INVALID"),
            ("is over another index", "AT-26g", {"promised": {"logIndex": 5}}, "SET_INVALID"),
            ("is over another log", "AT-26g", {"promised": {"logID": "00" * 32}}, "SET_INVALID"),
            ("is over another time", "AT-26c", {"promised": {"integratedTime": SECONDS + 1}}, "SET_INVALID"),
            ("comes with a later time", "AT-26c", {"integrated_time": SECONDS + 1}, "SET_INVALID"),
            ("comes with an earlier time", "AT-26c", {"integrated_time": SECONDS - 1}, "SET_INVALID"),
            ("comes with no time", "AT-26c", {"integrated_time": 0}, "SET_INVALID"),
            ("comes with another index", "AT-26g", {"log_index": 7}, "SET_INVALID"),
            ("comes with the id of no log", "AT-26d", {"log_id": b"\0" * 32}, "TRUST_ROOT"),
            ("comes with a short id", "AT-26d", {"log_id": b"\0" * 4}, "TRUST_ROOT"),
        ):
            yield Case(f"the promise of a {form} {name}", ("AT-26", row), code, signed(form, entry=entry))
        yield Case(
            f"the promise of a {form} names another known log", ("AT-26g",), "TLOG_MISMATCH", _with_id_of_v2(form)
        )
        yield Case(
            f"the promise of a {form} is by a key of nobody", ("AT-26d",), "TRUST_ROOT", _in_log(UNKNOWN_LOG, form)
        )
        yield Case(
            f"the promise of a {form} is by nobody in a known log's name",
            ("AT-26d", "CVE-2023-47122"),
            "SET_INVALID",
            _in_name_of_known(form),
        )
        answer: str | None
        for name, start, end, answer in (
            ("only later", AT + timedelta(seconds=1), None, "TRUST_ROOT"),
            ("no longer", AT - timedelta(days=9), AT - timedelta(seconds=1), "TRUST_ROOT"),
            ("from that second", AT, None, None),
            ("until that second", AT - timedelta(days=9), AT, None),
        ):
            rows = ("AT-26d", "AT-33a") if answer else ("AT-33c",)
            yield Case(
                f"the log of a {form} is trusted {name}", rows, answer, signed(form), root=_rekor_window(start, end)
            )
    yield from _without_promise()
    yield from _promise_times()
    yield from _legacy_annotations()


def _with_id_of_v2(form: str) -> Make:
    return lambda virtual: signed(form, entry={"log_id": virtual.rekor2.log_id})(virtual)


def _in_log(rekor: RekorV1, form: str) -> Make:
    """Logged by a log that nobody trusts."""

    def make(virtual: VirtualSigstore) -> Made:
        ours, virtual.rekor = virtual.rekor, rekor
        try:
            return signed(form)(virtual)
        finally:
            virtual.rekor = ours

    return make


def _in_name_of_known(form: str) -> Make:
    def make(virtual: VirtualSigstore) -> Made:
        made = _in_log(UNKNOWN_LOG, form)(virtual)
        ours = virtual.rekor.log_id
        (logged("Payload.logID", ours.hex()) if form == "legacy" else put(f"{ENTRY}.logId.keyId", b64(ours)))(made)
        return made

    return make


def _rekor_window(start: datetime, end: datetime | None) -> t.Callable[[VirtualSigstore], Json]:
    return lambda v: v.trusted_root(tlogs=[v.rekor.trusted(start, end)])


def _without_promise() -> t.Iterator[Case]:
    bare = {"with_promise": False}
    yield Case("a proof without promise proves no time", ("AT-26b",), "NO_TRUSTED_TIME", signed(entry=bare))
    yield Case("a proof without promise, with a timestamp", ("AT-26b",), None, signed(entry=bare, timestamp=True))
    yield Case("a proof without promise, by key", ("AT-26b",), None, keyed(entry=bare), ("p256",), NOBODY)
    neither = {**bare, "with_proof": False}
    yield Case("neither promise nor proof", ("AT-26a2",), "INCLUSION_INVALID", keyed(entry=neither), ("p256",), NOBODY)
    early = keyed(entry=neither, version="0.1")
    yield Case("neither promise nor proof, version 0.1", ("AT-26a2",), "SET_INVALID", early, ("p256",), NOBODY)
    bare_proof = keyed(entry={**bare, "with_checkpoint": False}, version="0.1")
    yield Case(
        "a proof without promise and checkpoint, version 0.1", ("AT-26b",), "SET_INVALID", bare_proof, ("p256",), NOBODY
    )
    for form in ("bundle", "legacy"):
        for keyless, keys in ((True, ()), (False, ("p256",))):
            make = signed(form, log=None, timestamp=False) if keyless else keyed(form, log=None)
            who = {} if keyless else {"keys": keys, "identity": NOBODY}
            name = f"a {form} {'by certificate' if keyless else 'by key'} in no log"
            yield Case(name, ("AT-26a2", "AT-15f"), "TLOG_MISSING", make, **t.cast(Json, who))
    dropped = edited(signed(), put(f"{MATERIAL}.tlogEntries", []))
    yield Case("the log entries were taken out", ("AT-26a2",), "TLOG_MISSING", dropped)
    kept = edited(signed("legacy"), note("bundle", DROP))
    yield Case("the log annotation was taken out", ("AT-26a2",), "TLOG_MISSING", kept)
    for form in ("bundle", "legacy"):
        make = signed(form)
        yield Case(
            f"the log of a {form} is ignored, and proves no time",
            ("AT-26h", "AT-15f"),
            "NO_TRUSTED_TIME",
            make,
            policy={"ignore_tlog": True},
        )
        wrong = signed(form, entry={"promise": b"x"}, timestamp=True)
        yield Case(f"the log of a {form} is ignored, and wrong", ("AT-26h",), None, wrong, policy={"ignore_tlog": True})
    promised = signed(log="v2", entry={"promise": b"x" * 70})
    yield Case("v2 with a promise", ("AT-26b",), "MALFORMED", promised)
    yield Case("v2 with a time", ("AT-26b",), "MALFORMED", signed(log="v2", entry={"integrated_time": SECONDS}))
    yield Case("v2 without its timestamp", ("AT-38h", "AT-26b"), "NO_TRUSTED_TIME", signed(log="v2", timestamp=False))
    stripped = edited(signed(log="v2"), put(f"{MATERIAL}.timestampVerificationData", DROP))
    yield Case("v2 whose timestamp was taken out", ("AT-38h",), "NO_TRUSTED_TIME", stripped)


def _promise_times() -> t.Iterator[Case]:
    for name, now, code in (
        ("of now", AT, None),
        ("four minutes ahead", AT - timedelta(minutes=4), None),
        ("six minutes ahead", AT - timedelta(minutes=6), "CERT_TIME"),
        ("ahead of a clock of 1970", datetime(1970, 1, 1, tzinfo=UTC), "CERT_TIME"),
        ("long past for a clock of 2099", datetime(2099, 1, 1, tzinfo=UTC), None),
    ):
        for form in ("bundle", "legacy"):
            yield Case(f"a time of the log that is {name}, {form}", ("AT-26e", "AT-33j"), code, signed(form), now=now)
    for seconds in (2**40, 2**62, 253402300800):
        make = signed(entry={"integrated_time": seconds, "promised": {"integratedTime": seconds}})
        yield Case(f"a time of the log of {seconds} seconds", ("AT-26e",), "CERT_TIME", make)


def _legacy_annotations() -> t.Iterator[Case]:
    row = ("AT-26f",)
    for name, path, value, code in (
        ("with more in its payload", "Payload.note", 1, "MALFORMED"),
        ("with more beside", "note", 1, "MALFORMED"),
        ("with a body that is a number", "Payload.body", 7, "MALFORMED"),
        ("with a body that is null", "Payload.body", None, "MALFORMED"),
        ("with a body that is empty", "Payload.body", "", "MALFORMED"),
        ("with a time that is a text", "Payload.integratedTime", str(SECONDS), "MALFORMED"),
        ("with a time that is a fraction", "Payload.integratedTime", float(SECONDS), "MALFORMED"),
        ("with a time that is true", "Payload.integratedTime", True, "MALFORMED"),
        ("with a time before 1970", "Payload.integratedTime", -1, "MALFORMED"),
        ("with a time that is huge", "Payload.integratedTime", 10**30, "LIMIT_EXCEEDED"),
        ("with an index below zero", "Payload.logIndex", -1, "MALFORMED"),
        ("without a time", "Payload.integratedTime", DROP, "MALFORMED"),
        ("without a promise", "SignedEntryTimestamp", DROP, "MALFORMED"),
        ("with a promise that is null", "SignedEntryTimestamp", None, "MALFORMED"),
        ("without a payload", "Payload", DROP, "MALFORMED"),
    ):
        yield Case(f"a log annotation {name}", (*row, "AT-24"), code, edited(signed("legacy"), logged(path, value)))
    twice = edited(signed("legacy"), note("bundle", lambda text: text.replace('"Payload":', '"Payload":{},"Payload":')))
    yield Case("a log annotation with its payload twice", row, "DUPLICATE_KEY", twice)
    case = edited(signed("legacy"), note("bundle", lambda text: text.replace('"Payload":', '"payload":{},"Payload":')))
    yield Case("a log annotation with keys that differ in case", (*row, "AT-05b"), "DUPLICATE_KEY", case)
    for value in ("{}", "null", "[]", "x", " "):
        yield Case(
            f"a log annotation that is {value!r}",
            (*row, "AT-24"),
            "MALFORMED",
            edited(signed("legacy"), note("bundle", value)),
        )


# Proofs and checkpoints


def _proofs() -> t.Iterator[Case]:
    for log in ("v1", "v2"):
        for name, entry, code in (
            ("without a proof", {"with_proof": False}, "INCLUSION_INVALID"),
            ("without a checkpoint", {"with_checkpoint": False}, "INCLUSION_INVALID"),
            ("with an empty checkpoint", {"checkpoint": ""}, "INCLUSION_INVALID"),
            ("with another root", {"root": b"\0" * 32}, "INCLUSION_INVALID"),
            ("with a short root", {"root": b"\0" * 31}, "INCLUSION_INVALID"),
            ("with no hashes", {"path": []}, "INCLUSION_INVALID"),
            ("with hashes of zeros", {"path": [b"\0" * 32] * 3}, "INCLUSION_INVALID"),
            ("with 65 hashes", {"path": [b"\0" * 32] * 65}, "LIMIT_EXCEEDED"),
            ("with another index", {"proof_index": 1}, "INCLUSION_INVALID"),
            ("with an index past the end", {"proof_index": 10**6}, "INCLUSION_INVALID"),
            ("with the index of the size", {"proof_index": 9, "tree_size": 9}, "INCLUSION_INVALID"),
            ("of no entries", {"tree_size": 0}, "INCLUSION_INVALID"),
            ("of one entry", {"tree_size": 1}, "INCLUSION_INVALID"),
            ("of 2**63-1 entries", {"tree_size": 2**63 - 1}, "INCLUSION_INVALID"),
            ("of 2**64-1 entries", {"tree_size": 2**64 - 1}, "NON_CANONICAL"),
        ):
            yield Case(f"{log} {name}", ("AT-27",), code, signed(log=log, entry=entry))
        for name, change in (
            ("a bit of a hash turned", lambda found: [flip_base64(found[0]), *found[1:]]),
            ("its hashes in reverse", lambda found: list(reversed(found))),
            ("a hash more", lambda found: [*found, found[0]]),
            ("a hash less", lambda found: found[:-1]),
            ("a short hash", lambda found: [b64(base64.b64decode(found[0])[:-1]), *found[1:]]),
        ):
            make = edited(signed(log=log), put(f"{PROOF}.hashes", change))
            yield Case(f"{log} with {name}", ("AT-27", "CVE-2022-36056"), "INCLUSION_INVALID", make)
        size = edited(signed(log=log), put(f"{PROOF}.treeSize", lambda text: str(int(text) * 2)))
        yield Case(f"{log} of twice as many entries", ("AT-27",), "INCLUSION_INVALID", size)
    yield Case("the last of five, by its short path", ("AT-27",), None, _last_of_five(4))
    yield Case(
        "the last of five as another, whose path would be longer", ("AT-27",), "INCLUSION_INVALID", _last_of_five(1)
    )
    yield Case(
        "v2 without proof is not looked up",
        ("AT-29e",),
        "INCLUSION_INVALID",
        signed(log="v2", entry={"with_proof": False}),
    )
    another = signed(log="v2", entry={"log_index": 99})
    yield Case("v2 with another index beside", ("AT-27",), "INCLUSION_INVALID", another)
    yield Case("v2 with the id of no log", ("AT-27",), "TRUST_ROOT", signed(log="v2", entry={"log_id": b"\1" * 32}))
    yield Case("v2 with the id of the other log", ("AT-27",), "CHECKPOINT_INVALID", _v2_in_name_of_v1)
    yield from _checkpoints()


def _last_of_five(index: int) -> Make:
    """The last entry of a tree has a short path, which leads to the same root from another index too."""

    def make(virtual: VirtualSigstore) -> Made:
        ours = virtual.rekor2
        virtual.rekor2 = RekorV2(url=ours.url, origin=ours.origin, before=4, after=0)
        virtual.rekor2.key, virtual.rekor2.log_id = ours.key, ours.log_id
        try:
            return signed(log="v2", entry={"proof_index": index, "log_index": index})(virtual)
        finally:
            virtual.rekor2 = ours

    return make


def _v2_in_name_of_v1(virtual: VirtualSigstore) -> Made:
    return edited(signed(log="v2"), put(f"{ENTRY}.logId.keyId", b64(virtual.rekor.log_id)))(virtual)


ENVELOPE_OF = f"{PROOF}.checkpoint.envelope"
WITNESS = signature_line("witness.test", b"abcd", b"x" * 64)


def _checkpoints() -> t.Iterator[Case]:
    for log in ("v1", "v2"):
        bound = "CHECKPOINT_INVALID" if log == "v2" else None
        for name, wrong, code in (
            ("of another origin", {"origin": "log.nobody.test"}, bound),
            ("of an origin that looks alike", {"origin": "log.sig\u0455tore.test"}, bound),
            ("of an origin with another case", {"origin": "LOG.sigstore.test"}, bound),
            ("signed under another name", {"name": "log.nobody.test"}, bound),
            ("with another hint", {"hint": b"\0" * 4}, "CHECKPOINT_INVALID"),
            ("with another signature", {"signature": b"x" * 64}, "CHECKPOINT_INVALID"),
            ("with an empty signature", {"signature": b""}, "CHECKPOINT_INVALID"),
            ("of another size", {"size": 3}, "CHECKPOINT_INVALID"),
            ("of another root", {"root": b"\0" * 32}, "CHECKPOINT_INVALID"),
            ("of a short root", {"root": b"\0" * 16}, "CHECKPOINT_INVALID"),
            ("with a line more", {"extension": ["more"]}, None),
            ("with a witness before", {"before": [WITNESS]}, None),
            ("with a witness after", {"after": [WITNESS]}, None),
            ("with a witness of an odd name", {"after": [signature_line("(.*)*x", b"abcd", b"x" * 64)]}, None),
            ("with 65 signatures", {"after": [WITNESS] * 64}, "LIMIT_EXCEEDED"),
            ("with a line that is no signature", {"after": ["more"]}, "CHECKPOINT_INVALID"),
            ("that is empty", {"text": ""}, "CHECKPOINT_INVALID"),
            ("without a root", {"text": "log.sigstore.test\n5\n"}, "CHECKPOINT_INVALID"),
            ("with a size that is none", {"text": "log.sigstore.test\nx\nAAAA\n"}, "CHECKPOINT_INVALID"),
            (
                "with a size with a zero before",
                {"text": f"log.sigstore.test\n05\n{b64(bytes(32))}\n"},
                "CHECKPOINT_INVALID",
            ),
            ("of 70 000 bytes", {"extension": ["x" * 70_000]}, "LIMIT_EXCEEDED"),
        ):
            yield Case(f"a checkpoint of {log} {name}", ("AT-27",), code, signed(log=log, entry={"note": wrong}))
        for name, change, code in (
            ("with line ends as on Windows", lambda text: text.replace("\n", "\r\n"), "CHECKPOINT_INVALID"),
            ("with two blank lines", lambda text: text.replace("\n\n", "\n\n\n"), "CHECKPOINT_INVALID"),
            ("without its signatures", lambda text: text.split("\n\n")[0] + "\n\n", "CHECKPOINT_INVALID"),
            ("without a blank line", lambda text: text.replace("\n\n", "\n"), "CHECKPOINT_INVALID"),
            ("without a newline at its end", lambda text: text[:-1], "CHECKPOINT_INVALID"),
            ("with its signature twice", lambda text: text + text.split("\n\n")[1], None),
            ("with another time", lambda text: text.replace("\n\n", "\nmore\n\n"), "CHECKPOINT_INVALID"),
            ("with NUL in it", lambda text: text.replace("\n", "\0\n", 1), "CHECKPOINT_INVALID"),
        ):
            make = edited(signed(log=log), put(ENVELOPE_OF, change))
            yield Case(f"a checkpoint of {log} {name}", ("AT-27",), code, make)
        by_nobody = signed(log=log, entry=_signed_by_nobody(log))
        yield Case(f"a checkpoint of {log} by nobody", ("AT-27",), "CHECKPOINT_INVALID", by_nobody)
    known = rooted(tlogs=lambda v: [{**v.rekor2.trusted(), "baseUrl": "https://other.test"}])
    yield Case("v2 at another URL than its origin", ("AT-27",), "CHECKPOINT_INVALID", signed(log="v2"), root=known)
    nameless = rooted(tlogs=lambda v: [{**v.rekor2.trusted(), "baseUrl": ""}])
    yield Case("v2 without a URL", ("AT-27",), "TRUST_ROOT", signed(log="v2"), root=nameless)


def _signed_by_nobody(log: str) -> Json:
    unknown: t.Any = UNKNOWN_LOG if log == "v1" else UNKNOWN_LOG_2
    return {"note": {"signature": unknown.sign(b"anything")}}


# Thresholds


def _several(
    *logs: str, change: t.Callable[[VirtualSigstore, list[Json]], list[Json]] | None = None, **how: t.Any
) -> Make:
    """A bundle with one entry of each of these logs."""

    def make(virtual: VirtualSigstore) -> Made:
        made = signed(log=None, timestamp=True, key=key(), **how)(virtual)
        entries = [_entry(virtual, made, log) for log in logs]
        entered(made, change(virtual, entries) if change else entries)
        return made

    return make


def _entry(virtual: VirtualSigstore, made: Made, log: str) -> Json:
    rekors: dict[str, t.Any] = {"v1": virtual.rekor, "v2": virtual.rekor2, "nobody": UNKNOWN_LOG}
    rekor, verifier = rekors[log], pem(made.certificate)
    if log == "v2":
        return t.cast(Json, rekor.log(rekor.hashedrekord(made.signature, verifier, pae(made.payload))))
    return t.cast(Json, rekor.log(rekor.dsse(made.signature, verifier, made.payload), at=virtual.at))


def _break(at: int) -> t.Callable[[VirtualSigstore, list[Json]], list[Json]]:
    def change(virtual: VirtualSigstore, entries: list[Json]) -> list[Json]:
        entries[at]["inclusionProof"]["rootHash"] = b64(b"\0" * 32)
        return entries

    return change


def _thresholds() -> t.Iterator[Case]:
    two, rows = {"required_logs": 2}, ("AT-28", "CVE-2026-49834")
    yield Case("two logs of two", rows, None, _several("v1", "v2"), policy=two)
    yield Case("one log of two", rows, "THRESHOLD", signed(), policy=two)
    yield Case("one log twice, of two", rows, "THRESHOLD", _several("v1", "v1"), policy=two)
    yield Case("one log of v2 twice, of two", rows, "THRESHOLD", _several("v2", "v2"), policy=two)
    same = _several("v1", change=lambda v, entries: entries * 2)
    yield Case("one entry twice, of two", rows, "THRESHOLD", same, policy=two)
    yield Case("a log and one of nobody, of two", rows, "THRESHOLD", _several("v1", "nobody"), policy=two)
    one_operator = rooted(tlogs=lambda v: [{**log.trusted(), "operator": "one.test"} for log in (v.rekor, v.rekor2)])
    yield Case(
        "two logs of one operator, of two", rows, "THRESHOLD", _several("v1", "v2"), policy=two, root=one_operator
    )
    two_urls = rooted(tlogs=lambda v: [v.rekor.trusted(), {**v.rekor.trusted(), "baseUrl": "https://mirror.test"}])
    yield Case("one log under two URLs, of two", rows, "THRESHOLD", _several("v1", "v1"), policy=two, root=two_urls)
    yield Case("a log and one of nobody", ("AT-28",), None, _several("v1", "nobody"))
    yield Case("one of nobody and a log", ("AT-28",), None, _several("nobody", "v1"))
    yield Case(
        "a good entry and a wrong one of a known log",
        ("AT-28",),
        "INCLUSION_INVALID",
        _several("v1", "v2", change=_break(1)),
    )
    yield Case(
        "a wrong entry of a known log and a good one",
        ("AT-28",),
        "INCLUSION_INVALID",
        _several("v1", "v2", change=_break(0)),
    )
    yield Case(
        "33 log entries",
        ("AT-28", "AT-04g", "CVE-2024-45395"),
        "LIMIT_EXCEEDED",
        _several("v1", change=lambda v, entries: entries * 33),
    )
    yield Case("32 log entries", ("AT-28", "AT-04g"), None, _several("v1", change=lambda v, entries: entries * 32))


CASES = [*_swaps(), *_bodies(), *_promises(), *_proofs(), *_thresholds()]
