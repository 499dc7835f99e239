# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cases: what is right, in every form; what is wrong with signatures and claims; and how they are written."""

from __future__ import annotations

import base64
import hashlib
import json
import typing as t
from datetime import timedelta

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from tests.support.sigstore import der
from tests.support.sigstore.case import (
    ARTIFACT,
    DROP,
    ENTRY,
    ENVELOPE,
    IMAGE,
    MATERIAL,
    NOBODY,
    OTHER_IMAGE,
    PROOF,
    STAMPS,
    Case,
    Change,
    Make,
    claimed,
    digest_of,
    edited,
    key,
    keyed,
    logged,
    note,
    put,
    rooted,
    said,
    signed,
)
from tests.support.sigstore.rekor import Json
from tests.support.sigstore.virtual import AT, IN_TOTO, SIGN_TYPE, Made, VirtualSigstore, b64, claims, pae, statement

NO_LOG = {"ignore_tlog": True}
OWN_CA = {"ignore_tlog": True, "ignore_sct": True}
KINDS = ("p256", "p384", "p521", "rsa2048", "rsa4096", "ed25519")
OWN_HASH = {"p384": "sha384", "p521": "sha512"}


# Right


def _right() -> t.Iterator[Case]:
    for kind in KINDS:
        for form in ("bundle", "legacy", "file"):
            for log in ("v1", "v2", None):
                for keyless in (False, True):
                    yield from _right_ones(kind, form, log, keyless)


def _right_ones(kind: str, form: str, log: str | None, keyless: bool) -> t.Iterator[Case]:
    if form == "legacy" and log == "v2":
        return
    own = OWN_HASH.get(kind)
    # What no cosign makes: Rekor v2 takes the curve's own hash, v1 SHA-256, and Ed25519 only in an envelope.
    made_by_none = {
        "v1": form != "bundle" and bool(own or kind == "ed25519"),
        "v2": kind == "ed25519",
    }
    if made_by_none.get(str(log)):
        return
    for hash_name in {"v1": ["sha256"], "v2": [own or "sha256"]}.get(str(log), ["sha256", *([own] if own else [])]):
        make: t.Any = {"form": form, "log": log, "hash_name": hash_name}
        name = f"right {form} {log or 'no log'} {kind} {hash_name} {'keyless' if keyless else 'keyed'}"
        common: Json = {
            "policy": {} if log else NO_LOG,
            "artifact": ARTIFACT if form == "file" else None,
            "digest": digest_of(ARTIFACT) if form == "file" else IMAGE,
        }
        rows = ("AT-37d",) if own or kind == "ed25519" else ()
        if keyless:
            yield Case(name, rows, None, signed(key=lambda v: key(kind), **make), **common)
            continue
        yield Case(name, rows, None, keyed(kind=kind, **make), (kind,), NOBODY, **common)
        if not log:
            yield Case(
                f"{name} stamped", rows, None, keyed(kind=kind, timestamp=True, **make), (kind,), NOBODY, **common
            )


def _right_versions() -> t.Iterator[Case]:
    for version in ("0.1", "0.2", "0.3"):
        for log in ("v1", "v2"):
            make = signed(log=log, version=version)
            yield Case(f"right bundle {version} on {log}", ("AT-38g",), None, make)
    yield Case(
        "right bundle 0.1 with a promise alone", ("AT-38g",), None, signed(version="0.1", entry={"with_proof": False})
    )
    yield Case(
        "right bundle 0.1 with a proof without checkpoint",
        ("AT-38g",),
        None,
        signed(version="0.1", entry={"with_checkpoint": False}),
    )
    yield Case(
        "bundle 0.1 on v2 needs its proof too",
        ("AT-38g",),
        "INCLUSION_INVALID",
        signed(version="0.1", log="v2", entry={"with_proof": False}),
    )
    yield Case(
        "right v1 bundle with a timestamp beside",
        (),
        None,
        signed(timestamp=True),
        policy={"use_signed_timestamps": True},
    )
    yield Case("right legacy with a timestamp beside", (), None, signed("legacy", timestamp=True))
    for form in ("bundle", "legacy"):
        for held, when in (("now", timedelta(minutes=5)), ("for a year", timedelta(days=100))):
            lives = {"ct": None, "not_after": AT + when * 2}
            yield Case(
                f"right {form} of one's own CA, valid {held}",
                ("AT-30g",),
                None,
                signed(form, log=None, timestamp=False, issue=lives),
                policy=OWN_CA,
                now=AT + when,
            )


# Claims


def _subject(value: t.Any, **changes: t.Any) -> Make:
    return said(subject=[{"digest": value, **changes}])


HEX = IMAGE.partition(":")[2]
OTHER_HEX = OTHER_IMAGE.partition(":")[2]
OURS_SUBJECT = {"digest": {"sha256": HEX}}


def _put_in(path: str, value: t.Any) -> Make:
    """A legacy payload of which one value is another ("" in the path: the payload's own)."""

    def change(payload: Json) -> None:
        *parents, last = path.split("/")
        found = payload
        for one in parents:
            found = found[one]
        if value is DROP:
            del found[last]
        else:
            found[last] = value

    return claimed(change)


DIGEST = "critical/image/docker-manifest-digest"

_LEGACY_PAYLOADS: tuple[tuple[str, str, str, Make], ...] = (
    ("of another image", "AT-16a", "DIGEST_MISMATCH", signed("legacy", OTHER_IMAGE)),
    ("without digest", "AT-16a", "MALFORMED", _put_in(DIGEST, DROP)),
    ("with an empty digest", "AT-16a", "MALFORMED", _put_in(DIGEST, "")),
    ("with a digest that is cut off", "AT-16a", "MALFORMED", _put_in(DIGEST, "sha256:")),
    ("with two digests", "AT-16a", "MALFORMED", _put_in(DIGEST, [IMAGE])),
    ("with a digest in upper case", "AT-16a", "MALFORMED", _put_in(DIGEST, f"sha256:{HEX.upper()}")),
    ("of another type", "AT-16b", "PAYLOAD_TYPE", _put_in("critical/type", "atomic container signature")),
    ("of a type in upper case", "AT-16b", "PAYLOAD_TYPE", _put_in("critical/type", "Cosign container image signature")),
    ("without a type", "AT-16b", "MALFORMED", _put_in("critical/type", DROP)),
    ("with more that is critical", "AT-05j", "MALFORMED", _put_in("critical/expires", "2020-01-01")),
    ("that is empty", "AT-24", "MALFORMED", signed("legacy", payload=b" ")),
    ("that is no JSON", "CVE-2026-39395", "MALFORMED", signed("legacy", payload=b"not-json")),
    ("that is null", "AT-24", "MALFORMED", signed("legacy", payload=b"null")),
    ("that is a list", "AT-24", "MALFORMED", signed("legacy", payload=b"[]")),
    ("that is an envelope's statement", "AT-21d", "MALFORMED", signed("legacy", payload=statement(IMAGE))),
    (
        "with its digest twice",
        "AT-05a",
        "DUPLICATE_KEY",
        signed(
            "legacy",
            payload=claims(IMAGE).replace(
                b'"docker-manifest', f'"docker-manifest-digest": "{OTHER_IMAGE}", "docker-manifest'.encode()
            ),
        ),
    ),
)

_STATEMENTS: tuple[tuple[str, str, str | None, Make], ...] = (
    ("without a subject", "AT-19a", "MALFORMED", said(subject=[])),
    ("whose subject is missing", "AT-19a", "MALFORMED", said(subject=None)),
    ("whose subject is null", "AT-19a", "MALFORMED", said(subject=[None])),
    ("of another image", "AT-19b", "SUBJECT_MISMATCH", signed(digest=OTHER_IMAGE)),
    ("of another image of that name", "AT-19f", "SUBJECT_MISMATCH", _subject({"sha256": OTHER_HEX}, name=IMAGE)),
    (
        "whose second subject is the image",
        "AT-19c",
        None,
        said(subject=[{"digest": {"sha256": OTHER_HEX}}, OURS_SUBJECT]),
    ),
    ("with SHA-512 alone", "AT-19d", "SUBJECT_MISMATCH", _subject({"sha512": "a" * 128})),
    ("with a commit alone", "AT-19d", "SUBJECT_MISMATCH", _subject({"gitCommit": HEX})),
    ("with the digest under another hash's name", "AT-19d", "SUBJECT_MISMATCH", _subject({"sha3_256": HEX})),
    ("with a digest in upper case", "AT-19e", "NON_CANONICAL", _subject({"sha256": HEX.upper()})),
    ("with a list for a digest", "AT-19g", "MALFORMED", _subject({"sha256": [HEX]})),
    ("with a digest of 63 digits", "AT-19g", "MALFORMED", _subject({"sha256": HEX[:-1]})),
    ("with a digest of 65 digits", "AT-19g", "MALFORMED", _subject({"sha256": f"{HEX}0"})),
    ("with a digest that starts with 0x", "AT-19g", "MALFORMED", _subject({"sha256": f"0x{HEX[2:]}"})),
    ("with an empty digest", "AT-19g", "MALFORMED", _subject({"sha256": ""})),
    ("without digests", "AT-19a", "MALFORMED", _subject({})),
    ("of version 0.1", "AT-19h", None, said(_type="https://in-toto.io/Statement/v0.1")),
    ("of version 2", "AT-19h", "PAYLOAD_TYPE", said(_type="https://in-toto.io/Statement/v2")),
    ("of a type in lower case", "AT-19h", "PAYLOAD_TYPE", said(_type="https://in-toto.io/statement/v1")),
    ("of a type with a slash", "AT-19h", "PAYLOAD_TYPE", said(_type="https://in-toto.io/Statement/v1/")),
    ("with 1025 subjects", "AT-19i", "LIMIT_EXCEEDED", said(subject=[OURS_SUBJECT] * 1025)),
    ("with 1024 subjects", "AT-19i", None, said(subject=[{"digest": {"sha256": OTHER_HEX}}] * 1023 + [OURS_SUBJECT])),
    (
        "with 33 digests of a subject",
        "CVE-2024-45395",
        "LIMIT_EXCEEDED",
        _subject({"sha256": HEX, **{f"x{i}": "a" for i in range(32)}}),
    ),
    ("that is no statement", "AT-19j", "MALFORMED", signed(payload=b'{"critical": {}}')),
    ("that is a legacy payload", "AT-21d", "MALFORMED", signed(payload=claims(IMAGE))),
    ("that is no JSON", "CVE-2026-39395", "MALFORMED", signed(payload=b"not-json")),
    (
        "with its subject twice",
        "AT-05a",
        "DUPLICATE_KEY",
        signed(payload=statement(OTHER_IMAGE)[:-1] + b', "subject": []}'),
    ),
    ("with keys that differ in case", "AT-05b", "DUPLICATE_KEY", said(Subject=[])),
    ("with a byte order mark", "AT-05d", "MALFORMED", signed(payload=b"\xef\xbb\xbf" + statement(IMAGE))),
    ("in UTF-16", "AT-05c", "MALFORMED", signed(payload=statement(IMAGE).decode().encode("utf-16"))),
    ("with NaN in it", "AT-05e", "MALFORMED", said(predicate=float("nan"))),
    ("with text after it", "AT-05g", "MALFORMED", signed(payload=statement(IMAGE) + b"{}")),
    (
        "about a vulnerability scan",
        "AT-20a",
        "PREDICATE_TYPE",
        said(predicateType="https://cosign.sigstore.dev/attestation/vuln/v1"),
    ),
    ("whose type ends with a slash", "AT-20c", "PREDICATE_TYPE", said(predicateType=f"{SIGN_TYPE}/")),
    ("whose type is in upper case", "AT-20c", "PREDICATE_TYPE", said(predicateType=SIGN_TYPE.upper())),
    ("whose type has another version", "AT-20c", "PREDICATE_TYPE", said(predicateType=SIGN_TYPE[:-1] + "2")),
    ("whose type is empty", "AT-20c", "MALFORMED", said(predicateType="")),
    ("whose type is null", "CVE-2026-39395", "MALFORMED", said(predicateType=None)),
    ("whose predicate is a text", "AT-20f", None, said(predicate="a text")),
    ("whose predicate is missing", "AT-20d", None, said(predicate=None)),
)


def _claims() -> t.Iterator[Case]:
    for name, row, code, make in _LEGACY_PAYLOADS:
        yield Case(f"legacy payload {name}", _rows(row), code, make)
    for name, row, wanted, make in _STATEMENTS:
        yield Case(f"statement {name}", _rows(row), wanted, make)
    yield from _more_claims()
    yield from _attestations()
    yield from _references()


def _rows(row: str) -> tuple[str, ...]:
    return ("AT-24", row) if row.startswith("CVE") else (row,)


def _more_claims() -> t.Iterator[Case]:
    free = {"check_claims": False}
    for form in ("bundle", "legacy"):
        code = "DIGEST_MISMATCH" if form == "legacy" else "SUBJECT_MISMATCH"
        of = f"a {form} signature"
        yield Case(
            f"{of} of another image, claims unchecked", ("AT-16a",), code, signed(form, OTHER_IMAGE), policy=free
        )
        yield Case(
            f"{of} of the index is none of its child", ("AT-18g",), code, signed(form), digest=digest_of(b"a child")
        )
        wanted = {"annotations": {"a": "1"}}
        for has, answer in (
            ({"a": "1", "b": "2"}, None),
            ({"a": "2"}, "ANNOTATION_MISMATCH"),
            ({"a": 1}, "ANNOTATION_MISMATCH"),
            ({"a": ["1"]}, "ANNOTATION_MISMATCH"),
            ({"A": "1"}, "ANNOTATION_MISMATCH"),
            ({}, "ANNOTATION_MISMATCH"),
        ):
            make = signed(form, annotations=has)
            yield Case(
                f"{of} with the annotations {json.dumps(has)}", ("AT-16f", "AT-39a"), answer, make, policy=wanted
            )
    yield Case(
        "a layer without signature", ("AT-16d",), "NO_SIGNATURE", edited(signed("legacy"), note("signature", DROP))
    )
    yield Case(
        "a layer with an empty signature", ("AT-16d",), "NO_SIGNATURE", edited(signed("legacy"), note("signature", ""))
    )
    yield Case(
        "a legacy payload that was written anew",
        ("AT-16c", "CVE-2026-44309"),
        "SIG_INVALID",
        edited(signed("legacy"), _rewritten),
    )
    yield Case("a legacy payload with a space more", ("AT-16c",), "SIG_INVALID", edited(signed("legacy"), _spaced))
    yield Case(
        "an envelope's payload with a space more",
        ("AT-16c",),
        "SIG_INVALID",
        edited(signed(), put(f"{ENVELOPE}.payload", _more_space)),
    )
    file: Json = {"artifact": ARTIFACT, "digest": digest_of(ARTIFACT)}
    message = "messageSignature.messageDigest"
    for name, path, value, code in (
        ("another digest", "digest", b64(hashlib.sha256(b"x").digest()), "DIGEST_MISMATCH"),
        ("the digest under another hash's name", "algorithm", "SHA2_512", "DIGEST_MISMATCH"),
        ("a digest of no hash", "algorithm", "HASH_ALGORITHM_UNSPECIFIED", "POLICY_UNSUPPORTED"),
    ):
        made = edited(signed("file"), put(f"{message}.{path}", value))
        yield Case(f"a file's bundle with {name}", ("AT-16h",), code, made, **file)
    envelope = pae(statement(IMAGE))
    as_file = signed("file", artifact=envelope)
    what: Json = {"artifact": envelope, "digest": digest_of(envelope)}
    yield Case("a file that is what an envelope signs", ("AT-21d",), "PAYLOAD_TYPE", as_file, **what)
    yield Case("a bundle of another file", ("AT-16h",), "DIGEST_MISMATCH", signed("file", artifact=b"another"), **file)
    yield Case(
        "a file's bundle without digest", ("AT-16h",), "MALFORMED", edited(signed("file"), put(message, DROP)), **file
    )
    over_other = "a file's bundle with a signature over another file"
    yield Case(over_other, ("AT-16h",), "SIG_INVALID", _file_over_other, **file)


def _file_over_other(virtual: VirtualSigstore) -> Made:
    made, other = signed("file")(virtual), signed("file", artifact=b"another")(virtual)
    made.bundle["messageSignature"]["signature"] = b64(other.signature)
    return made


def _rewritten(made: Made) -> None:
    made.payload = json.dumps(json.loads(made.payload), separators=(",", ":")).encode()


def _spaced(made: Made) -> None:
    made.payload += b"\n"


def _more_space(text: str) -> str:
    return b64(base64.b64decode(text) + b" ")


def _attestations() -> t.Iterator[Case]:
    """Where attestations are asked for."""
    slsa, vuln = "https://slsa.dev/provenance/v0.2", "https://cosign.sigstore.dev/attestation/vuln/v1"
    wanted = {"predicate_types": (slsa,)}
    upstream = ("CVE-2022-35929", "CVE-2022-35930")
    yield Case("an attestation of the wanted type", ("AT-20b",), None, said(predicateType=slsa), policy=wanted)
    yield Case(
        "an attestation of another type",
        ("AT-20b", *upstream),
        "PREDICATE_TYPE",
        said(predicateType=vuln),
        policy=wanted,
    )
    yield Case("a signature where an attestation is asked", ("AT-20b",), "PREDICATE_TYPE", signed(), policy=wanted)
    odd = said(predicateType=slsa, predicate={"builder": []})
    yield Case(
        "an attestation whose predicate is odd for its type", ("AT-20d", "CVE-2026-39395"), None, odd, policy=wanted
    )
    unchecked = said(predicateType=vuln)
    yield Case("any type, claims unchecked", ("AT-20a",), None, unchecked, policy={"check_claims": False})


def _references() -> t.Iterator[Case]:
    for reference, how, code in (
        ("registry.test/other", "none", None),
        ("registry.test/app", "repository", None),
        ("registry.test/app:1.2", "repository", None),
        (f"registry.test/app@{IMAGE}", "exact", None),
        ("registry.test/other", "repository", "REFERENCE_MISMATCH"),
        ("registry.test/app-evil", "repository", "REFERENCE_MISMATCH"),
        ("registry.test/ap", "repository", "REFERENCE_MISMATCH"),
        ("evil.registry.test/app", "repository", "REFERENCE_MISMATCH"),
        ("registry.test/\u0430pp", "repository", "REFERENCE_MISMATCH"),
        ("registry.test/app", "exact", "REFERENCE_MISMATCH"),
        ("registry.test/app:1.3", "exact", "REFERENCE_MISMATCH"),
        (f"registry.test/app@{OTHER_IMAGE}", "exact", "REFERENCE_MISMATCH"),
        ("", "none", None),
        ("", "repository", "REFERENCE_MISMATCH"),
        ("not a reference", "exact", "REFERENCE_MISMATCH"),
    ):
        yield Case(
            f"signed as {reference or 'nothing'!a}, match_reference {how}",
            ("AT-17",),
            code,
            signed("legacy", payload=claims(IMAGE, reference=reference)),
            policy={"match_reference": how},
            reference="registry.test/app:1.2",
        )
    for how in ("repository", "exact"):
        yield Case(
            f"a bundle, match_reference {how}",
            ("AT-17",),
            "REFERENCE_MISMATCH",
            signed(),
            policy={"match_reference": how},
        )


# Envelopes


def _envelopes() -> t.Iterator[Case]:
    signature = f"{ENVELOPE}.signatures"
    for kind in ("text/plain", "", f"{IN_TOTO}; charset=utf-8", IN_TOTO.upper(), "application/vnd.in-toto+j\u0455on"):
        over = pae(statement(IMAGE), kind)
        make = edited(signed(signed=over), put(f"{ENVELOPE}.payloadType", kind))
        yield Case(f"payload type {kind!a}, signed so", ("AT-21a", "AT-21b"), "PAYLOAD_TYPE", make)
    yield Case("payload type missing", ("AT-21a",), "MALFORMED", edited(signed(), put(f"{ENVELOPE}.payloadType", DROP)))
    yield Case(
        "a signature over another payload type", ("AT-21a",), "SIG_INVALID", signed(signed=pae(statement(IMAGE), "x"))
    )
    yield Case("a signature over the payload itself", ("AT-21c",), "SIG_INVALID", signed(signed=statement(IMAGE)))
    yield Case(
        "a legacy signature over an envelope's encoding",
        ("AT-21d",),
        "SIG_INVALID",
        signed("legacy", signed=pae(claims(IMAGE))),
    )
    yield Case(
        "an encoding that counts characters", ("AT-21b",), "SIG_INVALID", signed(payload=_WIDE, signed=_WIDE_COUNTED)
    )
    yield Case("a file's bundle for an image", ("AT-21d",), "PAYLOAD_TYPE", signed("file"))
    yield Case(
        "a signature over a file that is a statement, as an envelope", ("AT-21d",), "SIG_INVALID", _file_as_envelope
    )
    yield Case(
        "an image's bundle for a file",
        ("AT-21d",),
        "SUBJECT_MISMATCH",
        signed(),
        artifact=ARTIFACT,
        digest=digest_of(ARTIFACT),
    )
    for name, change in _SIGNATURES.items():
        yield Case(f"an envelope {name}", ("AT-22a", "AT-15b"), "MALFORMED", edited(signed(), put(signature, change)))
    yield Case(
        "an envelope without a list of signatures", ("AT-22a",), "MALFORMED", edited(signed(), put(signature, DROP))
    )
    yield Case(
        "an envelope with a key id", ("AT-22c",), None, edited(signed(), put(f"{signature}.0.keyid", "of somebody"))
    )
    yield Case("an empty signature", ("AT-22d",), "SIG_INVALID", edited(signed(), put(f"{signature}.0.sig", "")))
    yield Case("no signature in its place", ("AT-22d",), "MALFORMED", edited(signed(), put(f"{signature}.0.sig", DROP)))
    yield Case(
        "the signature of another envelope", ("AT-22d",), "SIG_INVALID", signed(signed=pae(statement(OTHER_IMAGE)))
    )
    yield Case("both an envelope and a message", ("AT-24",), "MALFORMED", _both)
    yield Case("neither envelope nor message", ("AT-24",), "MALFORMED", edited(signed(), put(ENVELOPE, DROP)))


_WIDE = json.dumps({**json.loads(statement(IMAGE)), "predicate": "\u00e9"}, ensure_ascii=False).encode()
_WIDE_COUNTED = b"DSSEv1 %d %b %d %b" % (len(IN_TOTO), IN_TOTO.encode(), len(_WIDE.decode()), _WIDE)

_OTHER_SIGNATURE = {"sig": b64(b"x" * 70)}
_SIGNATURES: dict[str, t.Callable[[list[Json]], list[Json]]] = {
    "without signatures": lambda found: [],
    "with its signature twice": lambda found: found * 2,
    "with a good signature and a bad one": lambda found: [*found, _OTHER_SIGNATURE],
    "with a bad signature and a good one": lambda found: [_OTHER_SIGNATURE, *found],
}


def _file_as_envelope(virtual: VirtualSigstore) -> Made:
    made = signed("file", artifact=statement(IMAGE))(virtual)
    del made.bundle["messageSignature"]
    made.bundle[ENVELOPE] = {
        "payload": b64(statement(IMAGE)),
        "payloadType": IN_TOTO,
        "signatures": [{"sig": b64(made.signature)}],
    }
    return made


def _both(virtual: VirtualSigstore) -> Made:
    made, file = signed()(virtual), signed("file")(virtual)
    made.bundle["messageSignature"] = file.bundle["messageSignature"]
    return made


# Encodings

_TEXTS: dict[str, t.Callable[[str], str]] = {
    "a newline": lambda text: f"{text}\n",
    "a newline inside": lambda text: f"{text[:4]}\n{text[4:]}",
    "a space before": lambda text: f" {text}",
    "junk inside": lambda text: f"{text[:4]}!{text[4:]}",
    "too much padding": lambda text: f"{text}====",
    "a character that is none of ASCII": lambda text: f"{text}\u00e9",
}
_BASE64_PLACES = {
    "payload": f"{ENVELOPE}.payload",
    "signature": f"{ENVELOPE}.signatures.0.sig",
    "certificate": f"{MATERIAL}.certificate.rawBytes",
    "log id": f"{ENTRY}.logId.keyId",
    "log body": f"{ENTRY}.canonicalizedBody",
    "promise": f"{ENTRY}.inclusionPromise.signedEntryTimestamp",
    "root hash": f"{PROOF}.rootHash",
    "hash of a proof": f"{PROOF}.hashes.0",
    "timestamp": f"{STAMPS}.0.signedTimestamp",
}
_NUMBERS: tuple[tuple[t.Any, str], ...] = (
    ("+5", "NON_CANONICAL"),
    ("05", "NON_CANONICAL"),
    (" 5", "NON_CANONICAL"),
    ("5\n", "NON_CANONICAL"),
    ("5.0", "NON_CANONICAL"),
    ("0x5", "NON_CANONICAL"),
    ("-5", "NON_CANONICAL"),
    ("\u0665", "NON_CANONICAL"),
    (str(2**63), "NON_CANONICAL"),
    ("9" * 5000, "NON_CANONICAL"),
    (5, "MALFORMED"),
    (5.0, "MALFORMED"),
    (True, "MALFORMED"),
)


def _encodings() -> t.Iterator[Case]:
    row = ("AT-23",)
    for place, path in _BASE64_PLACES.items():
        for name, change in _TEXTS.items():
            make = edited(signed(timestamp=True), put(path, change))
            yield Case(f"base64 of the {place} with {name}", row, "NON_CANONICAL", make)
    yield Case(
        "base64 in its alphabet for URLs",
        row,
        "NON_CANONICAL",
        edited(signed(payload=_WIDE + b" " * 1), put(f"{ENVELOPE}.payload", _for_urls)),
    )
    yield Case(
        "base64 with bits left over",
        row,
        "NON_CANONICAL",
        edited(signed(payload=_of_length(1)), put(f"{ENVELOPE}.payload", _left_over)),
    )
    yield Case(
        "base64 without padding",
        row,
        "NON_CANONICAL",
        edited(signed(payload=_of_length(1)), put(f"{ENVELOPE}.payload", lambda text: text.rstrip("="))),
    )
    for place in ("integratedTime", "inclusionProof.treeSize"):
        for value, code in _NUMBERS:
            yield Case(f"{place} written as {value!a:.20}", row, code, edited(signed(), put(f"{ENTRY}.{place}", value)))
    for name, change in _TEXTS.items():
        make = edited(signed("legacy"), note("signature", change))
        yield Case(f"base64 of a legacy signature with {name}", row, "NON_CANONICAL", make)
    pem_text: tuple[tuple[str, t.Any, str | None], ...] = (
        ("with text before", lambda text: f"A note\n{text}", "NON_CANONICAL"),
        ("with text after", lambda text: f"{text}A note\n", "NON_CANONICAL"),
        ("with lines that end as on Windows", lambda text: text.replace("\n", "\r\n"), None),
        ("with a header", lambda text: text.replace("-----\n", "-----\nA: b\n\n", 1), "NON_CANONICAL"),
        ("as a key", lambda text: text.replace("CERTIFICATE", "PUBLIC KEY"), "MALFORMED"),
        ("as white space", " \n", "MALFORMED"),
        ("as JSON", "{}", "MALFORMED"),
    )
    for name, value, wanted in pem_text:
        rows = ("AT-23", "AT-24") if name == "as white space" else row
        yield Case(f"a legacy certificate {name}", rows, wanted, edited(signed("legacy"), note("certificate", value)))
    yield Case(
        "a log id in upper case", row, "NON_CANONICAL", edited(signed("legacy"), logged("Payload.logID", str.upper))
    )
    yield from _signature_encodings()
    yield from _certificate_encodings()


def _of_length(rest: int) -> bytes:
    """A statement whose length leaves this rest when divided by three: its base64 is padded."""
    body = statement(IMAGE)
    while len(body) % 3 != rest:
        body += b" "
    return body


def _for_urls(text: str) -> str:
    found = text.replace("+", "-").replace("/", "_")
    return found if found != text else f"{text[:-4]}-_-_"


def _left_over(text: str) -> str:
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    at = len(text.rstrip("=")) - 1
    return text[:at] + digits[digits.index(text[at]) + 1] + text[at + 1 :]


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _resigned(change: t.Callable[[int, int], bytes], form: str = "bundle") -> Make:
    """By key, not in a log: the ECDSA signature (r, s) written in another way."""

    def make(virtual: VirtualSigstore) -> Made:
        over = pae(statement(IMAGE)) if form == "bundle" else claims(IMAGE)
        r, s = utils.decode_dss_signature(key().sign(over, ec.ECDSA(hashes.SHA256())))
        return keyed(form, log=None, signature=change(r, s))(virtual)

    return make


def _padded(number: int) -> bytes:
    return der.tlv(2, b"\0\0" + number.to_bytes(32, "big"))


_ECDSA: dict[str, tuple[str | None, t.Callable[[int, int], bytes]]] = {
    "with the other s": (None, lambda r, s: utils.encode_dss_signature(r, ORDER - s)),
    "with zeros before": ("SIG_INVALID", lambda r, s: der.sequence(_padded(r), _padded(s))),
    "with a negative r": ("SIG_INVALID", lambda r, s: der.sequence(der.integer(-r), der.integer(s))),
    "with r = 0": ("SIG_INVALID", lambda r, s: utils.encode_dss_signature(0, s)),
    "with s = 0": ("SIG_INVALID", lambda r, s: utils.encode_dss_signature(r, 0)),
    "with both 0": ("SIG_INVALID", lambda r, s: utils.encode_dss_signature(0, 0)),
    "with r = n": ("SIG_INVALID", lambda r, s: utils.encode_dss_signature(ORDER, s)),
    "with r + n": ("SIG_INVALID", lambda r, s: utils.encode_dss_signature(r + ORDER, s)),
    "with s + n": ("SIG_INVALID", lambda r, s: utils.encode_dss_signature(r, s + ORDER)),
    "with a byte after": ("SIG_INVALID", lambda r, s: utils.encode_dss_signature(r, s) + b"\0"),
    "with a long length": (
        "SIG_INVALID",
        lambda r, s: b"\x30\x81" + utils.encode_dss_signature(r, s)[1:],
    ),
    "with no end of length": (
        "SIG_INVALID",
        lambda r, s: b"\x30\x80" + utils.encode_dss_signature(r, s)[2:] + b"\0\0",
    ),
    "as two numbers without DER": ("SIG_INVALID", lambda r, s: r.to_bytes(32, "big") + s.to_bytes(32, "big")),
}


def _signature_encodings() -> t.Iterator[Case]:
    for form in ("bundle", "legacy"):
        for name, (code, change) in _ECDSA.items():
            make = _resigned(change, form)
            yield Case(f"an ECDSA signature {name}, {form}", ("AT-23",), code, make, ("p256",), NOBODY, NO_LOG)
    make = edited(keyed(), _other_s)
    yield Case(
        "an ECDSA signature with the other s than was logged",
        ("AT-23", "AT-25"),
        "TLOG_MISMATCH",
        make,
        ("p256",),
        NOBODY,
    )
    yield Case(
        "an Ed25519 signature with the order added", ("AT-23",), "SIG_INVALID", _malleable, ("ed25519",), NOBODY, NO_LOG
    )


def _other_s(made: Made) -> None:
    r, s = utils.decode_dss_signature(made.signature)
    made.bundle[ENVELOPE]["signatures"][0]["sig"] = b64(utils.encode_dss_signature(r, ORDER - s))


def _malleable(virtual: VirtualSigstore) -> Made:
    made = keyed(kind="ed25519", log=None)(virtual)
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(made.signature[32:], "little") + order
    put(f"{ENVELOPE}.signatures.0.sig", b64(made.signature[:32] + s.to_bytes(32, "little")))(made)
    return made


def _certificate_encodings() -> t.Iterator[Case]:
    raw = f"{MATERIAL}.certificate.rawBytes"
    changes: tuple[tuple[str, str, t.Callable[[bytes], bytes]], ...] = (
        ("with a byte after it", "NON_CANONICAL", lambda data: data + b"\0"),
        ("twice", "NON_CANONICAL", lambda data: data * 2),
        ("without its end", "MALFORMED", lambda data: data[:-1]),
        ("with a length of no end", "NON_CANONICAL", lambda data: b"\x30\x80" + data[4:] + b"\0\0"),
        ("with a long length", "NON_CANONICAL", lambda data: b"\x30\x83\0" + data[2:]),
        ("that is empty", "MALFORMED", lambda data: b""),
        ("that is PEM", "MALFORMED", lambda data: b"-----BEGIN CERTIFICATE-----"),
    )
    for name, code, change in changes:
        make = edited(signed(), put(raw, lambda text, change=change: b64(change(base64.b64decode(text)))))
        yield Case(f"a certificate {name}", ("AT-23", "AT-24"), code, make)


# Malformed

_OBJECTS: tuple[t.Any, ...] = (None, "", "x", 7, [], [None], True)


def _malformed() -> t.Iterator[Case]:
    for path in ("verificationMaterial", ENVELOPE, f"{ENTRY}.logId", f"{ENTRY}.kindVersion", f"{MATERIAL}.certificate"):
        for value in _OBJECTS:
            yield Case(f"{path} is {value!r}", ("AT-24",), "MALFORMED", edited(signed(), put(path, value)))
    for path in ("Payload", "SignedEntryTimestamp"):
        for value in _OBJECTS:
            code = "SET_INVALID" if (path, value) == ("SignedEntryTimestamp", "") else "MALFORMED"
            code = "NON_CANONICAL" if (path, value) == ("SignedEntryTimestamp", "x") else code
            yield Case(
                f"legacy log annotation: {path} is {value!r}",
                ("AT-24", "AT-26f"),
                code,
                edited(signed("legacy"), logged(path, value)),
            )
    nobody = rooted(timestampAuthorities=[])
    demanded: tuple[tuple[str, Json], ...] = (("", {"use_signed_timestamps": True}), (", and none is demanded", {}))
    for name, policy in demanded:
        make = signed(timestamp=True)
        yield Case(
            f"no timestamp authority is trusted{name}",
            ("AT-24", "AT-33g"),
            "TSA_INVALID",
            make,
            policy=policy,
            root=nobody,
        )
    unknown: tuple[tuple[str, Change], ...] = (
        ("bundle", put("note", 1)),
        ("material", put(f"{MATERIAL}.note", 1)),
        ("log entry", put(f"{ENTRY}.note", 1)),
        ("proof", put(f"{PROOF}.note", 1)),
        ("envelope", put(f"{ENVELOPE}.note", 1)),
    )
    for name, change in unknown:
        yield Case(f"an unknown field in the {name}", ("AT-24",), "MALFORMED", edited(signed(), change))
    for name, value in (
        ("of version 0.4", "application/vnd.dev.sigstore.bundle.v0.4+json"),
        ("empty", ""),
        ("of another kind", "application/json"),
    ):
        yield Case(f"a media type {name}", ("AT-38g",), "MEDIA_TYPE", edited(signed(), put("mediaType", value)))
    yield Case("a media type that is missing", ("AT-38g",), "MALFORMED", edited(signed(), put("mediaType", DROP)))
    empty: Json = {"certificates": []}
    chain = edited(signed(version="0.2"), put(f"{MATERIAL}.x509CertificateChain", empty))
    yield Case("an empty chain of certificates", ("AT-24", "AT-30e", "CVE-2026-44310"), "MALFORMED", chain)
    yield Case(
        "neither key nor certificate",
        ("AT-24", "CVE-2026-44310"),
        "MALFORMED",
        edited(signed(), put(f"{MATERIAL}.certificate", DROP)),
    )
    many = edited(signed(version="0.2"), put(f"{MATERIAL}.x509CertificateChain.certificates", lambda found: found * 11))
    yield Case("11 certificates", ("AT-04g",), "LIMIT_EXCEEDED", many)
    deep = edited(signed(), put("note", _nested(100)))
    yield Case("a bundle of 100 levels", ("AT-04e",), "LIMIT_EXCEEDED", deep)


def _nested(levels: int) -> list[t.Any]:
    found: list[t.Any] = []
    for dummy in range(levels):
        found = [found]
    return found


CASES = [*_right(), *_right_versions(), *_claims(), *_envelopes(), *_encodings(), *_malformed()]
