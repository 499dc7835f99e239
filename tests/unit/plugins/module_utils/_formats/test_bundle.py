# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import (
    BUNDLE_TYPE,
    MAX_BUNDLE_BYTES,
    InclusionProof,
    LogEntry,
    MessageSignature,
    parse_bundle,
    referrer_manifest,
    write_bundle,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.dsse import IN_TOTO, Envelope
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import Descriptor, digest_of
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.statement import SIGN_PREDICATE
from tests.support.signatures import bundle, signer

MISSING: t.Any = object()
ENTRY = {
    "logIndex": "7",
    "logId": {"keyId": "YQ=="},
    "kindVersion": {"kind": "dsse", "version": "0.0.1"},
    "integratedTime": "9",
    "inclusionPromise": {"signedEntryTimestamp": "YQ=="},
    "inclusionProof": {
        "logIndex": "7",
        "rootHash": "YQ==",
        "treeSize": "8",
        "hashes": ["YQ=="],
        "checkpoint": {"envelope": "note"},
    },
    "canonicalizedBody": "YQ==",
}
STAMP = {"signedTimestamp": "YQ=="}
V = "verificationMaterial"


def full() -> dict[str, t.Any]:
    made: dict[str, t.Any] = json.loads(bundle())
    made[V].update(tlogEntries=[ENTRY], timestampVerificationData={"rfc3161Timestamps": [STAMP]})
    return t.cast("dict[str, t.Any]", json.loads(json.dumps(made)))


def changed(path: str, value: t.Any) -> bytes:
    made = full()
    at: t.Any = made
    keys = [int(key) if key.isdigit() else key for key in path.split(".")]
    for key in keys[:-1]:
        at = at[key]
    if value is MISSING:
        del at[keys[-1]]
    else:
        at[keys[-1]] = value
    return json.dumps(made).encode()


def code_of(data: bytes) -> str | None:
    try:
        parse_bundle(data)
    except Rejection as refused:
        return refused.code
    return None


def test_a_bundle_of_ours_has_cosigns_fields_in_cosigns_order() -> None:
    made = json.loads(bundle())
    assert list(made) == ["mediaType", V, "dsseEnvelope"]
    assert list(made["dsseEnvelope"]) == ["payload", "payloadType", "signatures"]
    read = parse_bundle(bundle())
    assert (read.version, read.key_hint, read.certificates) == ("0.3", signer().public_key.key_id, ())
    assert (read.log_entries, read.timestamps, read.message) == ((), (), None)


@pytest.mark.parametrize(
    "name",
    [
        "cosign/oci-attestation.sigstore.json",
        "sigstore-conformance/managed-key-happy-path/bundle.sigstore.json",
        "sigstore-conformance/rekor2-happy-path/bundle.sigstore.json",
        "sigstore-conformance/rekor2-dsse-happy-path/bundle.sigstore.json",
    ],
)
def test_what_others_wrote_is_written_in_the_same_way(vectors: Path, name: str) -> None:
    """Field by field, in the same order; protojson puts a space here and there."""
    data = (vectors / name).read_bytes()
    read = parse_bundle(data)
    content = read.envelope or read.message
    assert content
    written = write_bundle(
        content,
        key_id=read.key_hint,
        certificates=read.certificates,
        entries=read.log_entries,
        timestamps=read.timestamps,
    )
    ordered: t.Any = {"object_pairs_hook": list}
    assert json.loads(written, **ordered) == json.loads(data, **ordered)


def test_a_bundle_of_everything_is_read_as_it_was_written() -> None:
    envelope, message = Envelope(IN_TOTO, b"<payload>", b"sig"), MessageSignature("SHA2_256", b"d" * 32, b"sig")
    proof = InclusionProof(3, b"root", 4, (b"one", b"two"), "note\n")
    entries = (
        LogEntry(7, b"id", 9, b"body", b"promise", "dsse", "0.0.1", proof),
        LogEntry(8, b"i", 1, b"b", b"s", "k", "v"),
    )
    for certificates in ((b"leaf",), (b"leaf", b"intermediate")):
        read = parse_bundle(write_bundle(envelope, certificates=certificates, entries=entries, timestamps=[b"t", b"u"]))
        assert (read.certificates, read.key_hint, read.envelope) == (certificates, None, envelope)
        assert (read.log_entries, read.timestamps) == (entries, (b"t", b"u"))
    assert parse_bundle(write_bundle(message, key_id="hint")).message == message
    assert parse_bundle(write_bundle(MessageSignature("", b"", b"s"), key_id="hint")).message is not None


def test_what_is_empty_is_left_out() -> None:
    """As protojson does it; the first entry of a log has no index."""
    proof = InclusionProof(0, b"root", 1, (), "")
    written = write_bundle(MessageSignature("", b"", b"s"), entries=[LogEntry(0, b"i", 0, b"b", b"", "k", "v", proof)])
    found = json.loads(written)
    assert list(found[V]) == ["publicKey", "tlogEntries"]
    (entry,) = found[V]["tlogEntries"]
    assert list(entry) == ["logId", "kindVersion", "inclusionProof", "canonicalizedBody"]
    assert entry["inclusionProof"] == {"rootHash": "cm9vdA==", "treeSize": "1"}
    assert found["messageSignature"] == {"messageDigest": {}, "signature": "cw=="}


def test_everything_in_a_bundle_is_kept() -> None:
    read = parse_bundle(json.dumps(full()).encode())
    entry = read.log_entries[0]
    assert (entry.log_index, entry.log_id, entry.integrated_time, entry.body, entry.set) == (7, b"a", 9, b"a", b"a")
    assert (entry.kind, entry.version) == ("dsse", "0.0.1")
    proof = entry.inclusion_proof
    assert proof is not None
    assert (proof.log_index, proof.root_hash, proof.tree_size, proof.hashes) == (7, b"a", 8, (b"a",))
    assert proof.checkpoint == "note"
    assert read.timestamps == (b"a",)


OLD = "application/vnd.dev.sigstore.bundle+json;version="
KEY, CERTIFICATE = {"hint": "x"}, {"rawBytes": "YQ=="}
CHAIN = {"certificates": [CERTIFICATE]}
MESSAGE = {"messageDigest": {"algorithm": "SHA2_256", "digest": "YQ=="}, "signature": "YQ=="}


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("mediaType", OLD + "0.1", None),
        ("mediaType", OLD + "0.2", None),
        ("mediaType", OLD + "0.3", None),
        ("mediaType", OLD + "0.4", "MEDIA_TYPE"),
        ("mediaType", "", "MEDIA_TYPE"),
        ("mediaType", MISSING, "MALFORMED"),
        ("mediaType", 1, "MALFORMED"),
        ("new", 1, "MALFORMED"),
        (V, MISSING, "MALFORMED"),
        (V, None, "MALFORMED"),
        (f"{V}.new", 1, "MALFORMED"),
        (f"{V}.publicKey", MISSING, "MALFORMED"),
        (f"{V}.publicKey", {}, None),
        (f"{V}.publicKey.new", 1, "MALFORMED"),
        (f"{V}.publicKey.hint", 1, "MALFORMED"),
        (f"{V}.certificate", CERTIFICATE, "MALFORMED"),
        (f"{V}.x509CertificateChain", CHAIN, "MALFORMED"),
        (f"{V}.tlogEntries", MISSING, None),
        (f"{V}.tlogEntries", [ENTRY] * 32, None),
        (f"{V}.tlogEntries", [None] * 33, "LIMIT_EXCEEDED"),
        (f"{V}.tlogEntries", [None], "MALFORMED"),
        (f"{V}.tlogEntries", {}, "MALFORMED"),
        (f"{V}.tlogEntries.0.new", 1, "MALFORMED"),
        (f"{V}.tlogEntries.0.logIndex", MISSING, None),
        (f"{V}.tlogEntries.0.logIndex", 7, "MALFORMED"),
        (f"{V}.tlogEntries.0.logIndex", "+5", "NON_CANONICAL"),
        (f"{V}.tlogEntries.0.logIndex", "05", "NON_CANONICAL"),
        (f"{V}.tlogEntries.0.logIndex", " 5", "NON_CANONICAL"),
        (f"{V}.tlogEntries.0.logIndex", "-1", "NON_CANONICAL"),
        (f"{V}.tlogEntries.0.logIndex", "5\n", "NON_CANONICAL"),
        (f"{V}.tlogEntries.0.logIndex", str(2**63 - 1), None),
        (f"{V}.tlogEntries.0.logIndex", str(2**63), "NON_CANONICAL"),
        (f"{V}.tlogEntries.0.logId.keyId", "YR==", "NON_CANONICAL"),
        (f"{V}.tlogEntries.0.logId", MISSING, "MALFORMED"),
        (f"{V}.tlogEntries.0.inclusionPromise", MISSING, None),
        (f"{V}.tlogEntries.0.inclusionProof", None, None),
        (f"{V}.tlogEntries.0.inclusionProof.hashes", ["YQ=="] * 65, "LIMIT_EXCEEDED"),
        (f"{V}.tlogEntries.0.inclusionProof.hashes", [1], "MALFORMED"),
        (f"{V}.tlogEntries.0.inclusionProof.checkpoint", [], "MALFORMED"),
        (f"{V}.tlogEntries.0.canonicalizedBody", None, "MALFORMED"),
        (f"{V}.timestampVerificationData", MISSING, None),
        (f"{V}.timestampVerificationData", {}, None),
        (f"{V}.timestampVerificationData.rfc3161Timestamps", [STAMP] * 32, None),
        (f"{V}.timestampVerificationData.rfc3161Timestamps", [None] * 33, "LIMIT_EXCEEDED"),
        (f"{V}.timestampVerificationData.rfc3161Timestamps", ["YQ=="], "MALFORMED"),
        ("dsseEnvelope", MISSING, "MALFORMED"),
        ("messageSignature", MESSAGE, "MALFORMED"),
    ],
)
def test_what_bundles_are_read(path: str, value: t.Any, code: str | None) -> None:
    assert code_of(changed(path, value)) == code


@pytest.mark.parametrize(
    ("material", "certificates", "code"),
    [
        ({"certificate": CERTIFICATE}, (b"a",), None),
        ({"x509CertificateChain": CHAIN}, (b"a",), None),
        ({"x509CertificateChain": {"certificates": [CERTIFICATE] * 10}}, (b"a",) * 10, None),
        ({"x509CertificateChain": {"certificates": [None] * 11}}, (), "LIMIT_EXCEEDED"),
        ({"x509CertificateChain": {"certificates": []}}, (), "MALFORMED"),
        ({"certificate": {"rawBytes": 1}}, (), "MALFORMED"),
        ({"certificate": {}}, (), "MALFORMED"),
        ({"certificate": {"rawBytes": "YQ==", "new": 1}}, (), "MALFORMED"),
    ],
)
def test_certificates_in_bundles(material: t.Any, certificates: tuple[bytes, ...], code: str | None) -> None:
    made = changed(V, material)
    assert code_of(made) == code
    if code is None:
        assert parse_bundle(made).certificates == certificates
        assert parse_bundle(made).key_hint is None


def test_a_signature_over_a_file_is_read_as_such() -> None:
    made = full()
    del made["dsseEnvelope"]
    message = parse_bundle(json.dumps({**made, "messageSignature": MESSAGE}).encode()).message
    assert message is not None
    assert (message.algorithm, message.digest, message.signature) == ("SHA2_256", b"a", b"a")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "MALFORMED"),
        (b"null", "MALFORMED"),
        (b"[]", "MALFORMED"),
        (b'{"mediaType":"a","mediaType":"b"}', "DUPLICATE_KEY"),
        (b" " * (MAX_BUNDLE_BYTES + 1), "LIMIT_EXCEEDED"),
    ],
)
def test_AT_24_what_is_no_bundle(data: bytes, code: str) -> None:
    assert code_of(data) == code


def leaves(found: t.Any, path: str = "") -> t.Iterator[str]:
    children = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for key, value in children:
        yield f"{path}{key}"
        yield from leaves(value, f"{path}{key}.")


@pytest.mark.parametrize("path", [*leaves(full())])
def test_AT_24_any_wrong_type_anywhere_is_a_rejection(path: str) -> None:
    values: tuple[t.Any, ...] = (
        None,
        1,
        -1,
        1.5,
        True,
        "",
        "x" * 100_000,
        "\u0000",
        [],
        [[]],
        [None],
        {},
        {"a": {}},
        MISSING,
    )
    for value in values:
        code_of(changed(path, value))  # anything but a Rejection ends the test


def test_bundles_made_by_others_are_read(vectors: Path) -> None:
    parse_bundle((vectors / "cosign/oci-attestation.sigstore.json").read_bytes())
    found = [
        p for p in (vectors / "sigstore-conformance").glob("*/bundle.sigstore.json") if "_fail" not in p.parent.name
    ]
    assert found
    for path in found:
        assert code_of(path.read_bytes()) is None, path


def test_the_referrer_is_cosigns_byte_for_byte(vectors: Path) -> None:
    wanted = next((vectors / "cosign/golden/referrers").glob("put-08-*")).read_bytes().rstrip(b"\n")
    document = json.loads(wanted)
    # The golden's blob is a stand-in that is not kept; its digest and size are put in afterwards.
    subject = Descriptor(media_type=document["subject"]["mediaType"], digest=document["subject"]["digest"], size=264)
    created = datetime.datetime(2026, 11, 23, 2, 29, 8, 123, datetime.timezone(datetime.timedelta(hours=1)))
    manifest, blobs = referrer_manifest(b"x" * 74, subject, SIGN_PREDICATE, created)
    ours = digest_of(b"x" * 74)
    assert manifest.data.replace(ours.encode(), document["layers"][0]["digest"].encode()) == wanted
    assert blobs == {digest_of(b"{}"): b"{}", ours: b"x" * 74}


def test_the_referrer_names_its_subject_and_type() -> None:
    subject = Descriptor("m/t", digest_of(b"s"), 1, annotations={"a": "b"}, artifact_type="t", platform={"os": "linux"})
    manifest, dummy = referrer_manifest(b"{}", subject, "p", datetime.datetime.now(datetime.timezone.utc))
    assert manifest.subject == Descriptor("m/t", digest_of(b"s"), 1)
    assert manifest.artifact_type == BUNDLE_TYPE
