# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import contextlib
import copy
import hashlib
import json
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.log_body import Hash, parse_log_body
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import build_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.support.sigstore.rekor import Json, RekorV1, RekorV2, b64, canonical

SIG, DER, DATA = b"a signature", b"der of a verifier", b"data"
CERTIFICATE, KEY = build_pem("CERTIFICATE", DER), build_pem("PUBLIC KEY", DER)
V1, V2 = RekorV1(), RekorV2()
SHA256 = Hash("sha256", hashlib.sha256(DATA).digest())
ENVELOPE = Hash("sha256", hashlib.sha256(b"{}").digest())
BODIES: dict[str, Json] = {
    "hashedrekord-1": V1.hashedrekord(SIG, CERTIFICATE, DATA),
    "dsse-1": V1.dsse(SIG, CERTIFICATE, DATA),
    "intoto-1": V1.intoto(SIG, CERTIFICATE, DATA, version="0.0.1"),
    "intoto-2": V1.intoto(SIG, CERTIFICATE, DATA, with_payload=True),
    "hashedrekord-2": V2.hashedrekord(SIG, CERTIFICATE, DATA),
    "dsse-2": V2.dsse(SIG, CERTIFICATE, DATA),
}
MISSING: t.Any = object()
Path_ = tuple[t.Any, ...]


def leaves(found: t.Any, path: Path_ = ()) -> t.Iterator[Path_]:
    items = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from leaves(value, (*path, key))


def changed(body: Json, path: Path_, value: t.Any) -> bytes:
    made = copy.deepcopy(body)
    at: t.Any = made
    for key in path[:-1]:
        at = at[key]
    if value is MISSING:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return canonical(made)


def code(body: bytes) -> str:
    with pytest.raises(Rejection) as refused:
        parse_log_body(body)
    return refused.value.code


@pytest.mark.parametrize("name", BODIES)
def test_what_each_kind_says(name: str) -> None:
    found = parse_log_body(canonical(BODIES[name]))
    assert (found.kind, found.version) == (name[:-2], f"0.0.{name[-1]}")
    assert found.is_v2 == (name in ("hashedrekord-2", "dsse-2"))
    assert found.verifier == (True, DER, "PKIX_ECDSA_P256_SHA_256" if found.is_v2 else "")
    assert found.signature == (None if name == "intoto-1" else SIG)
    assert found.data_hash == (SHA256 if "hashedrekord" in name else None)
    assert found.payload_hash == (None if "hashedrekord" in name else SHA256)
    assert found.envelope_hash == (ENVELOPE if name in ("dsse-1", "intoto-1", "intoto-2") else None)
    assert found.payload == (DATA if name == "intoto-2" else None)
    assert found.payload_type == ("application/vnd.in-toto+json" if name == "intoto-2" else None)


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_hashes_and_keys(algorithm: str) -> None:
    for rekor in (V1, V2):
        found = parse_log_body(canonical(rekor.hashedrekord(SIG, KEY, DATA, algorithm)))
        assert found.data_hash == Hash(algorithm, hashlib.new(algorithm, DATA).digest())
        assert found.verifier[:2] == (False, DER)


def test_what_may_be_left_out() -> None:
    old = changed(BODIES["intoto-1"], ("spec", "content", "payloadHash"), MISSING)
    assert parse_log_body(old).payload_hash is None
    lean = changed(BODIES["intoto-2"], ("spec", "content", "envelope", "payload"), MISSING)
    assert parse_log_body(lean).payload is None
    named = changed(BODIES["intoto-2"], ("spec", "content", "envelope", "signatures", 0, "keyid"), "any")
    assert parse_log_body(named).signature == SIG


OPTIONAL = {("intoto-1", "payloadHash"), ("intoto-2", "payload")}
EVERY = [(name, path) for name, body in BODIES.items() for path in leaves(body)]


@pytest.mark.attack("AT-24")
@pytest.mark.parametrize(
    ("name", "path"), EVERY, ids=lambda one: one if isinstance(one, str) else ".".join(map(str, one))
)
def test_at_24_any_other_type_anywhere(name: str, path: Path_) -> None:
    for value in (None, True, 7, 1.5, [], {}, [None], {"": None}):
        if value is not None or (name, path[-1]) != ("intoto-1", "payloadHash"):
            assert code(changed(BODIES[name], path, value)) == "MALFORMED"
    if (name, path[-1]) not in OPTIONAL:
        assert code(changed(BODIES[name], path, MISSING)) == "MALFORMED"


@pytest.mark.attack("AT-24")
@pytest.mark.parametrize("name", BODIES)
def test_at_24_an_unknown_field_at_any_level(name: str) -> None:
    body = BODIES[name]
    for path in [(), *leaves(body)]:
        at: t.Any = body
        for key in path:
            at = at[key]
        if isinstance(at, dict):
            assert code(changed(body, (*path, "proposedContent"), "x")) == "MALFORMED"


@pytest.mark.attack("AT-25")
@pytest.mark.parametrize(
    ("kind", "version"),
    [("hashedrekord", "0.0.3"), ("dsse", "0.0.3"), ("intoto", "0.0.3"), ("rekord", "0.0.1"), ("foo", "0.0.2")],
)
def test_at_25_another_kind_is_named(kind: str, version: str) -> None:
    body = {**BODIES["hashedrekord-2"], "kind": kind, "apiVersion": version}
    with pytest.raises(Rejection) as refused:
        parse_log_body(canonical(body))
    assert refused.value.code == "MALFORMED" and kind in refused.value.message and version in refused.value.message


@pytest.mark.attack("AT-25")
@pytest.mark.parametrize("name", BODIES)
def test_at_25_a_body_under_the_name_of_another(name: str) -> None:
    for other in BODIES.values():
        if (other["kind"], other["apiVersion"]) != (BODIES[name]["kind"], BODIES[name]["apiVersion"]):
            assert code(canonical({**BODIES[name], "kind": other["kind"], "apiVersion": other["apiVersion"]})) == (
                "MALFORMED"
            )


@pytest.mark.attack("AT-25")
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("dsse-1", ("spec", "signatures")),
        ("intoto-2", ("spec", "content", "envelope", "signatures")),
        ("dsse-2", ("spec", "dsseV002", "signatures")),
    ],
)
def test_at_25_several_signatures(name: str, path: Path_) -> None:
    at: t.Any = BODIES[name]
    for key in path:
        at = at[key]
    assert code(changed(BODIES[name], path, [*at, *at])) == "MALFORMED"


VERIFIER = ("spec", "signature", "publicKey", "content")
HASH = ("spec", "data", "hash", "value")


@pytest.mark.attack("AT-23")
@pytest.mark.parametrize(
    ("path", "value", "wanted"),
    [
        (VERIFIER, b64(CERTIFICATE + CERTIFICATE), "MALFORMED"),
        (VERIFIER, b64(CERTIFICATE + KEY), "MALFORMED"),
        (VERIFIER, b64(build_pem("PRIVATE KEY", DER)), "MALFORMED"),
        (VERIFIER, b64(DER), "MALFORMED"),
        (VERIFIER, b64(b"text\n" + CERTIFICATE), "NON_CANONICAL"),
        (VERIFIER, CERTIFICATE.decode(), "NON_CANONICAL"),
        (VERIFIER, f"{b64(CERTIFICATE)}\n", "NON_CANONICAL"),
        (("spec", "signature", "content"), "YR==", "NON_CANONICAL"),
        (("spec", "signature", "content"), "_-__", "NON_CANONICAL"),
        (HASH, SHA256.value.hex().upper(), "NON_CANONICAL"),
        (HASH, f" {SHA256.value.hex()[1:]}", "NON_CANONICAL"),
        (HASH, SHA256.value.hex()[2:], "MALFORMED"),
        (HASH, "", "MALFORMED"),
        (("spec", "data", "hash", "algorithm"), "sha384", "MALFORMED"),
        (("spec", "data", "hash", "algorithm"), "sha1", "MALFORMED"),
        (("spec", "data", "hash", "algorithm"), "SHA256", "MALFORMED"),
    ],
)
def test_at_23_one_way_to_write_it(path: Path_, value: str, wanted: str) -> None:
    assert code(changed(BODIES["hashedrekord-1"], path, value)) == wanted


@pytest.mark.attack("AT-25")
def test_at_25_the_der_counts_and_not_its_text() -> None:
    for text in (CERTIFICATE.replace(b"\n", b"\r\n"), CERTIFICATE.rstrip(), CERTIFICATE + b"\n\n"):
        assert parse_log_body(changed(BODIES["hashedrekord-1"], VERIFIER, b64(text))).verifier.der == DER


def test_v2_has_one_verifier_and_known_hashes() -> None:
    at: Path_ = ("spec", "hashedRekordV002")
    raw = {"rawBytes": b64(DER)}
    body = BODIES["hashedrekord-2"]
    both = {"keyDetails": "x", "publicKey": raw, "x509Certificate": raw}
    assert code(changed(body, (*at, "signature", "verifier"), both)) == "MALFORMED"
    assert code(changed(body, (*at, "signature", "verifier"), {"keyDetails": "x"})) == "MALFORMED"
    for algorithm in ("sha256", "SHA3_256", "HASH_ALGORITHM_UNSPECIFIED", ""):
        assert code(changed(body, (*at, "data", "algorithm"), algorithm)) == "MALFORMED"


@pytest.mark.attack("AT-25")
def test_a_signature_that_no_envelope_can_hold_is_none() -> None:
    once = changed(BODIES["intoto-2"], ("spec", "content", "envelope", "signatures", 0, "sig"), b64(SIG))
    assert parse_log_body(once).signature == b""


@given(st.binary(max_size=64), st.sampled_from(sorted(BODIES)), st.data())
def test_any_bytes_end_in_a_verdict(junk: bytes, name: str, data: st.DataObject) -> None:
    text = canonical(BODIES[name])
    at = data.draw(st.integers(0, len(text)))
    for body in (junk, text[:at], text[:at] + junk + text[at:], text[:at] + junk + text[at + len(junk) :]):
        with contextlib.suppress(Rejection):
            parse_log_body(body)


BROKEN = {"bundle-unknown-version_fail", "bundle-empty-certificate-chain_fail", "bundle-invalid-base64-signature_fail"}


def test_every_body_of_the_vectors_that_is_whole(vectors: Path) -> None:
    kinds = set()
    for path in [*vectors.glob("*/*/bundle*.json"), *vectors.glob("cosign/*.sigstore.json")]:
        try:
            entries = json.loads(path.read_bytes())["verificationMaterial"].get("tlogEntries", [])
        except ValueError:
            continue
        for entry in entries:
            body = base64.b64decode(entry["canonicalizedBody"])
            try:
                found = parse_log_body(body)
            except Rejection:
                assert path.parent.name in BROKEN
            else:
                kinds.add((found.kind, found.version))
    assert kinds == {("hashedrekord", "0.0.1"), ("hashedrekord", "0.0.2"), ("dsse", "0.0.1"), ("intoto", "0.0.2")}
