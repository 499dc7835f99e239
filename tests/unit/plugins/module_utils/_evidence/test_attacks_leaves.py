# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every value in what is verified, changed in every way: whatever is still accepted is listed here, with the reason."""

from __future__ import annotations

import base64
import binascii
import copy
import fnmatch
import functools
import json
import typing as t

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import TrustedRoot
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verify import verify
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.support.judged import evidence_of, policy_of, read_root, trust_of
from tests.support.sigstore.case import IMAGE, LATER, NOBODY, Case, Make, key, keyed, signed
from tests.support.sigstore.rekor import Json, RekorV1, RekorV2
from tests.support.sigstore.virtual import Made, VirtualSigstore, pae
from tests.support.sigstore.x509 import pem

Path = tuple[t.Any, ...]


@functools.cache
def virtual() -> VirtualSigstore:
    return VirtualSigstore()


# Mutations


def nodes(found: t.Any, path: Path = ()) -> t.Iterator[tuple[Path, t.Any]]:
    """Everything below `found`, by its path."""
    items = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for name, value in items:
        yield (*path, name), value
        yield from nodes(value, (*path, name))


def at(found: t.Any, path: Path) -> t.Any:
    for one in path:
        try:
            found = found[one]
        except (KeyError, IndexError, TypeError):
            return None
    return found


def changed(document: Json, path: Path, value: t.Any) -> Json:
    found = copy.deepcopy(document)
    parent = at(found, path[:-1])
    if value is TAKEN_OUT:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return found


TAKEN_OUT: t.Any = object()
KINDS: dict[str, t.Any] = {
    "null": None,
    "a number": 7,
    "a fraction": 0.5,
    "true": True,
    "a text": "x",
    "a list": [],
    "an object": {},
}


def values(value: t.Any, other: t.Any) -> dict[str, t.Any]:
    """What may stand in the place of a value; `other` is what stands there in another valid document."""
    found: dict[str, t.Any] = {"taken out": TAKEN_OUT, **KINDS}
    if isinstance(value, str):
        found.update(_texts(value))
    elif isinstance(value, int):
        found.update(
            {"one more": value + 1, "one less": value - 1, "negative": -value, "huge": 10**18, "beyond": 10**30}
        )
    elif isinstance(value, list):
        found.update({"twice": value * 2, "in reverse": value[::-1], "without the last": value[:-1]})
    if other is not None:
        found["of another"] = other
    return {name: one for name, one in found.items() if one is TAKEN_OUT or _differs(one, value)}


def _differs(one: t.Any, other: t.Any) -> bool:
    return json.dumps(one) != json.dumps(other)


def _texts(text: str) -> dict[str, t.Any]:
    middle = len(text) // 2
    found: dict[str, t.Any] = {
        "empty": "",
        "a space before": f" {text}",
        "a newline after": f"{text}\n",
        "NUL after": f"{text}\0",
        "in another case": text.swapcase(),
        "huge": text * (100_000 // max(1, len(text))),
        "a character turned": text[:middle] + chr(ord(text[middle]) ^ 1) + text[middle + 1 :] if text else "x",
        "cut off": text[:-1],
    }
    if text.isdigit():
        found.update(
            {
                "one more": str(int(text) + 1),
                "a zero before": f"0{text}",
                "most": str(2**63 - 1),
                "past most": str(2**63),
            }
        )
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return found
    if len(data) > 8:
        for name, where in (("first", 0), ("middle", len(data) // 2), ("last", len(data) - 1)):
            turned = bytes([*data[:where], data[where] ^ 1, *data[where + 1 :]])
            found[f"a bit of the {name} byte turned"] = base64.b64encode(turned).decode()
        found["a byte more"] = base64.b64encode(data + b"\0").decode()
        found["a byte less"] = base64.b64encode(data[:-1]).decode()
    return found


# What is verified: documents, and whether they are accepted

Document = tuple[Json, Json, t.Callable[[Json], bool]]
"""A valid one, another valid one by the same key and identity, and whether one like it is accepted."""

OURS_BY_CERTIFICATE: Json = {"key": lambda v: key()}
BY_KEY: Json = {"keys": ("p256",), "identity": NOBODY}
STAMPED = {"use_signed_timestamps": True}
NO_LOG = {"ignore_tlog": True}


def accepts(made: Made, trust: TrustedRoot | None = None, **case: t.Any) -> bool:
    policy = policy_of(Case("a document", (), None, lambda v: made, **case))
    return verify(IMAGE, evidence_of(made, IMAGE), policy, trust or trust_of(virtual()), LATER).verified


def bundle(make: Make, **case: t.Any) -> Document:
    one, other = make(virtual()), make(virtual())
    return one.bundle, other.bundle, lambda found: accepts(Made(bundle=found), **case)


def legacy(make: Make, **case: t.Any) -> Document:
    """A layer as one document: its payload, its annotations by their short names, and what is JSON in them."""
    one, other = make(virtual()), make(virtual())
    names = {name.rpartition("/")[2]: name for name in one.annotations}
    as_json = [name for name in ("bundle", "rfc3161timestamp") if name in names]

    def document(made: Made) -> Json:
        found: Json = {short: made.annotations[name] for short, name in names.items()}
        return {**found, **{name: json.loads(found[name]) for name in as_json}, "payload": made.payload.decode()}

    def accepted(found: Json) -> bool:
        payload = found.get("payload")
        notes = {
            names[short]: value if isinstance(value, str) and short not in as_json else json.dumps(value)
            for short, value in found.items()
            if short != "payload"
        }
        return accepts(Made(payload=payload.encode() if isinstance(payload, str) else b"", annotations=notes), **case)

    return document(one), document(other), accepted


def body(form: str, log: str, build: t.Callable[[Made], Json]) -> Document:
    """What a log holds, truly logged: the entry of a signature whose body is the document."""
    make = signed(form, log=None, timestamp=True, key=key())
    one, other = make(virtual()), make(virtual())
    kinds = (build(one)["kind"], build(one)["apiVersion"])

    def accepted(found: Json) -> bool:
        data, host = json.dumps(found, sort_keys=True, separators=(",", ":")).encode(), virtual().host
        if log == "v1":
            # The same log with fewer entries, which takes less time.
            entry = RekorV1(f"rekor {host}").log(data, kind_version=kinds, at=virtual().at)
        else:
            entry = RekorV2(f"log {host}", origin=f"log.{host}").log(data, kind_version=kinds)
        if form == "legacy":
            notes = {**one.annotations, "dev.sigstore.cosign/bundle": RekorV1.legacy_bundle(entry)}
            return accepts(Made(payload=one.payload, annotations=notes))
        return accepts(Made(bundle=changed(one.bundle, ("verificationMaterial", "tlogEntries"), [entry])))

    return build(one), build(other), accepted


def signer_of(made: Made) -> Json:
    return {"signature": made.signature, "verifier": pem(made.certificate)}


def root() -> Document:
    """A trusted root by which a bundle of each log verifies, both with timestamps."""
    bundles = [signed(timestamp=True)(virtual()), signed(log="v2")(virtual())]

    def accepted(found: Json) -> bool:
        trust = read_root(found)
        return all(accepts(made, trust) for made in bundles)

    return virtual().trusted_root(), VirtualSigstore(host="other.test").trusted_root(), accepted


DOCUMENTS: dict[str, t.Callable[[], Document]] = {
    "bundle on v1": lambda: bundle(signed(timestamp=True, **OURS_BY_CERTIFICATE), policy=STAMPED),
    "bundle on v2": lambda: bundle(signed(log="v2", **OURS_BY_CERTIFICATE)),
    "bundle in no log": lambda: bundle(signed(log=None, **OURS_BY_CERTIFICATE), policy=NO_LOG),
    "bundle by key": lambda: bundle(keyed(), **BY_KEY),
    "bundle by key in no log": lambda: bundle(keyed(log=None, timestamp=True), **BY_KEY, policy=NO_LOG),
    "bundle 0.1": lambda: bundle(signed(version="0.1", **OURS_BY_CERTIFICATE)),
    "legacy layer": lambda: legacy(signed("legacy", timestamp=True, **OURS_BY_CERTIFICATE), policy=STAMPED),
    "legacy layer in no log": lambda: legacy(signed("legacy", log=None, **OURS_BY_CERTIFICATE), policy=NO_LOG),
    "legacy layer by key": lambda: legacy(keyed("legacy"), **BY_KEY),
    "body dsse 0.0.1": lambda: body("bundle", "v1", lambda m: RekorV1().dsse(**signer_of(m), payload=m.payload)),
    "body intoto 0.0.2": lambda: body(
        "bundle", "v1", lambda m: RekorV1().intoto(**signer_of(m), payload=m.payload, with_payload=True)
    ),
    "body hashedrekord 0.0.1": lambda: body(
        "legacy", "v1", lambda m: RekorV1().hashedrekord(**signer_of(m), data=m.payload)
    ),
    "body hashedrekord 0.0.2": lambda: body(
        "bundle", "v2", lambda m: RekorV2().hashedrekord(**signer_of(m), data=pae(m.payload))
    ),
    "body dsse 0.0.2": lambda: body("bundle", "v2", lambda m: RekorV2().dsse(**signer_of(m), payload=m.payload)),
    "trusted root": root,
}

NEWLINE = "the newline at the end of PEM"

ALLOWED: tuple[tuple[str, str, str, str], ...] = (
    # documents, paths, changes (patterns as for file names), and why it is right that they are accepted
    ("bundle*", "verificationMaterial.publicKey*", "*", "a hint decides nothing"),
    ("bundle*", "*.tlogEntries", "twice", "the same entry again proves what it proved"),
    ("bundle by key in no log", "*.tlogEntries", "taken out", "there are none"),
    ("bundle in no log", "*.tlogEntries", "taken out", "there are none"),
    ("bundle on v1", "*.inclusionPromise", "taken out", "proof and timestamp stand without it"),
    ("bundle on v1", "*.inclusionPromise", "null", "proof and timestamp stand without it"),
    ("bundle on v1", "*.signedEntryTimestamp", "empty", "proof and timestamp stand without it"),
    ("bundle by key", "*.inclusionPromise", "taken out", "a key needs no time, and the proof stands"),
    ("bundle by key", "*.inclusionPromise", "null", "a key needs no time, and the proof stands"),
    ("bundle by key", "*.signedEntryTimestamp", "empty", "a key needs no time, and the proof stands"),
    ("bundle on v1", "*.checkpoint.envelope", "a character turned", "the name beside a signature of v1 is a machine's"),
    (
        "bundle by key",
        "*.checkpoint.envelope",
        "a character turned",
        "the name beside a signature of v1 is a machine's",
    ),
    ("bundle on v2", "*.tlogEntries.0.logIndex", "*", "v2 does not vouch for it; the proof's index is reported"),
    ("bundle 0.1", "*.inclusionProof", "*", "version 0.1 needs no proof: the promise stands"),
    ("bundle 0.1", "*.checkpoint", "*", "a proof without checkpoint is as none"),
    ("bundle 0.1", "*.checkpoint.envelope", "empty", "a proof without checkpoint is as none"),
    ("bundle 0.1", "*.checkpoint.envelope", "a character turned", "the name beside a signature of v1 is a machine's"),
    ("bundle 0.1", "*.certificates", "twice", "whatever comes after the signer's certificate is only an offer"),
    (
        "bundle by key in no log",
        "*.timestampVerificationData*",
        "*",
        "a key needs no time; a timestamp may be left out",
    ),
    ("bundle*", "*.rfc3161Timestamps", "twice", "the same timestamp again"),
    ("bundle*", "*.signedTimestamp", "a bit of the middle byte turned", "a certificate in it, which is trusted anyway"),
    ("bundle*", "*.signedTimestamp", "a character turned", "a certificate in it, which is trusted anyway"),
    ("legacy*", "*.SignedRFC3161Timestamp", "a bit of the middle byte turned", "a certificate in it, trusted anyway"),
    ("legacy*", "*.SignedRFC3161Timestamp", "a character turned", "a certificate in it, which is trusted anyway"),
    ("legacy*", "c*", "a space before", "white space around PEM"),
    ("legacy*", "c*", "a newline after", "white space around PEM"),
    ("legacy*", "c*", "cut off", NEWLINE),
    ("legacy*", "chain", "taken out", "only an offer: the trusted root has the path"),
    ("legacy*", "chain", "empty", "only an offer: the trusted root has the path"),
    ("bundle in no log", "*.certificate*", "of another", "by the same key for the same identity, both valid"),
    ("legacy layer in no log", "certificate", "of another", "by the same key for the same identity, both valid"),
    (
        "body dsse 0.0.1",
        "spec.envelopeHash.value",
        "a * turned",
        "of the envelope's JSON, which a bundle does not keep",
    ),
    ("body intoto*", "spec.content.hash.value", "a * turned", "of the envelope's JSON, which a bundle does not keep"),
    ("body dsse 0.0.1", "spec.signatures.0.verifier", "a byte less", NEWLINE),
    ("body dsse 0.0.1", "spec.signatures.0.verifier", "a bit of the last byte turned", NEWLINE),
    ("body intoto*", "*.publicKey", "a byte less", NEWLINE),
    ("body intoto*", "*.publicKey", "a bit of the last byte turned", NEWLINE),
    ("body hashedrekord 0.0.1", "*.publicKey.content", "a byte less", NEWLINE),
    ("body hashedrekord 0.0.1", "*.publicKey.content", "a bit of the last byte turned", NEWLINE),
    ("body intoto*", "*.payload", "taken out", "Rekor leaves it out; its hash stands"),
    ("trusted root", "tlogs", "in reverse", "order says nothing"),
    ("trusted root", "*s", "twice", "the same again"),
    ("trusted root", "tlogs.0.baseUrl", "*", "v1 is known by its key"),
    ("trusted root", "ctlogs.0.baseUrl", "*", "a certificate log is known by its key"),
    ("trusted root", "*.uri", "*", "is shown to people"),
    ("trusted root", "*.subject*", "*", "is shown to people"),
    ("trusted root", "certificateAuthorities.0.certChain.certificates", "in reverse", "the last one is the anchor"),
    ("trusted root", "certificateAuthorities.0.certChain.certificates.1", "*", "an intermediate that did not sign"),
    ("trusted root", "certificateAuthorities.0.certChain.certificates.1.*", "*", "an intermediate that did not sign"),
    ("trusted root", "timestampAuthorities.0.certChain.certificates.0", "taken out", "it comes with the timestamp"),
    (
        "trusted root",
        "*.certChain.certificates.*.rawBytes",
        "a bit of the last byte turned",
        "a root's signature of itself proves nothing",
    ),
)


def is_allowed(name: str, path: Path, change: str) -> bool:
    text = ".".join(map(str, path))
    return any(
        fnmatch.fnmatchcase(name, documents)
        and fnmatch.fnmatchcase(text, paths)
        and fnmatch.fnmatchcase(change, changes)
        for documents, paths, changes, _reason in ALLOWED
    )


@pytest.mark.attack("AT-24", "AT-23", "AT-25", "AT-26", "AT-27", "AT-33i")
@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_value_counts(name: str) -> None:
    document, other, accepted = DOCUMENTS[name]()
    assert accepted(document)
    wrong = []
    for path, value in nodes(document):
        for change, put in values(value, at(other, path)).items():
            try:
                passed = accepted(changed(document, path, put))
            except Rejection:
                continue
            if passed and not is_allowed(name, path, change):
                wrong.append((".".join(map(str, path)), change))
    assert not wrong


@pytest.mark.attack("AT-23", "AT-31", "AT-30", "AT-32")
@pytest.mark.parametrize("log", ["v1", "v2"])
def test_every_byte_counts(log: str) -> None:
    """But for those of a timestamp that its authority did not sign."""
    made = signed(log=log, timestamp=True)(virtual())
    for path, value in nodes(made.bundle):
        if path[-1] not in BASE64:
            continue
        data = base64.b64decode(value)
        free = _unsigned(data) if path[-1] == "signedTimestamp" else set()
        # Every third of v1, whose certificate is the same as on v2.
        for where in range(0, len(data), 3 if log == "v1" else 2):
            turned = data[:where] + bytes([data[where] ^ 1]) + data[where + 1 :]
            found = changed(made.bundle, path, base64.b64encode(turned).decode())
            if accepts(Made(bundle=found), policy=STAMPED):
                assert where in free, (path, where)


@pytest.mark.attack("AT-27")
def test_every_character_of_a_checkpoint_counts() -> None:
    made = signed(log="v2")(virtual())
    path = ("verificationMaterial", "tlogEntries", 0, "inclusionProof", "checkpoint", "envelope")
    text = at(made.bundle, path)
    for where, character in enumerate(text):
        for put in (chr(ord(character) ^ 1), "", character * 2):
            turned = text[:where] + put + text[where + 1 :]
            assert turned == text or not accepts(Made(bundle=changed(made.bundle, path, turned))), where


BASE64 = ("rawBytes", "payload", "sig", "signedEntryTimestamp", "canonicalizedBody", "signedTimestamp", "rootHash")


def _unsigned(token: bytes) -> set[int]:
    """The positions in a timestamp that nobody signed: its status, the list of its hashes, its certificates."""
    certificate = virtual().tsa.leaf.der
    start = token.index(certificate)
    hashes = token.index(b"\x31\x0d\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01")
    return {8, *range(hashes, hashes + 15), *range(start - 4, start + len(certificate))}
