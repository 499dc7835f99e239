# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import copy
import dataclasses
import json
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.log import Logged, count_logs, verify_entries
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import (
    BUNDLE,
    LEGACY,
    Evidence,
    Location,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import Log, Window
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import LogEntry, parse_bundle
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.dsse import IN_TOTO, pae
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import build_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import (
    parse_public_key,
    wrap_public_key,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.support.keys import public_key
from tests.support.signatures import bundle, legacy_evidence, signer
from tests.support.sigstore.rekor import START, Json, RekorV1, RekorV2, b64, canonical, signature_line
from tests.support.sigstore.tree import Tree

AT, NOW = datetime(2026, 5, 1, 12, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HERE = Location("sha256:" + "0" * 64)
KEY, BY = public_key(), signer()
CERTIFICATE = b"the DER of a certificate of that key"
CERTIFICATE_PEM = build_pem("CERTIFICATE", CERTIFICATE)
PAYLOAD = b'{"_type":"https://in-toto.io/Statement/v1"}'
SIGNED = pae(IN_TOTO, PAYLOAD)
SIGNATURE, SECOND_SIGNATURE = BY.sign(SIGNED), BY.sign(SIGNED)
ENVELOPE = json.dumps(
    {"payloadType": IN_TOTO, "payload": b64(PAYLOAD), "signatures": [{"keyid": "", "sig": b64(SIGNATURE)}]}
).encode()

DSSE = Evidence(BUNDLE, HERE, PAYLOAD, SIGNED, signature=SIGNATURE, inclusion=True)
ATT = dataclasses.replace(DSSE, format=LEGACY, envelope=ENVELOPE, inclusion=False)

V1, V2, V2_EC = RekorV1(), RekorV2(), RekorV2("ec", kind="ecdsa")


def log_of(rekor: RekorV1 | RekorV2, start: datetime = START, end: datetime | None = None, **changed: t.Any) -> Log:
    made = Log(rekor.url, rekor.log_id, parse_public_key(rekor.public_pem, "log"), Window(start, end))
    return dataclasses.replace(made, **changed)


LOGS = (log_of(V1), log_of(V2), log_of(V2_EC))


def parsed(*entries: Json) -> tuple[LogEntry, ...]:
    made = json.loads(bundle())
    made["verificationMaterial"]["tlogEntries"] = list(entries)
    return parse_bundle(json.dumps(made).encode()).log_entries


def verify(
    *entries: Json,
    one: Evidence = DSSE,
    certificate: bytes | None = None,
    logs: t.Sequence[Log] = LOGS,
    timestamps: t.Sequence[datetime] = (),
    now: datetime = NOW,
    key: t.Any = KEY,
    hash_name: str = "sha256",
) -> tuple[Logged, ...]:
    found = parsed(*entries)
    if one.format == LEGACY:
        found = tuple(dataclasses.replace(entry, kind="", version="", inclusion_proof=None) for entry in found)
    return verify_entries(
        dataclasses.replace(one, log_entries=found), key, hash_name, [certificate], logs, timestamps, now
    )


def refused(*entries: Json, **options: t.Any) -> str:
    with pytest.raises(Rejection) as rejection:
        verify(*entries, **options)
    return rejection.value.code


class Body(t.NamedTuple):
    """A kind of entry: who logs it, what it is for, and how it is made from signature, verifier (PEM) and data."""

    rekor: t.Any
    one: Evidence
    make: t.Callable[..., Json]

    def body(
        self, signature: bytes = SIGNATURE, verifier: bytes = KEY.pem, data: bytes = b"", **options: t.Any
    ) -> Json:
        return self.make(
            signature, verifier, data or (SIGNED if "signed" in self.make.__name__ else PAYLOAD), **options
        )

    def log(self, body: Json | bytes, at: datetime = AT, **options: t.Any) -> Json:
        entry: Json = self.rekor.log(body, **({"at": at} if self.rekor is V1 else {}), **options)
        return entry


def signed_1(*found: t.Any, **options: t.Any) -> Json:
    return V1.hashedrekord(*found, **options)


def signed_2(*found: t.Any, **options: t.Any) -> Json:
    return V2.hashedrekord(*found, **options)


def intoto_1(*found: t.Any, **options: t.Any) -> Json:
    return V1.intoto(*found, **{"envelope": ENVELOPE, "version": "0.0.1", **options})


def att_dsse(*found: t.Any, **options: t.Any) -> Json:
    return V1.dsse(*found, **{"envelope": ENVELOPE, **options})


def att_intoto_2(*found: t.Any, **options: t.Any) -> Json:
    return V1.intoto(*found, **{"envelope": ENVELOPE, **options})


BODIES = {
    "hashedrekord-1": Body(V1, DSSE, signed_1),
    "dsse-1": Body(V1, DSSE, V1.dsse),
    "intoto-2": Body(V1, DSSE, V1.intoto),
    "att-hashedrekord-1": Body(V1, ATT, signed_1),
    "att-dsse-1": Body(V1, ATT, att_dsse),
    "att-intoto-1": Body(V1, ATT, intoto_1),
    "att-intoto-2": Body(V1, ATT, att_intoto_2),
    "hashedrekord-2": Body(V2, DSSE, signed_2),
    "hashedrekord-2-ecdsa": Body(V2_EC, DSSE, signed_2),
    "dsse-2": Body(V2, DSSE, V2.dsse),
}
each = pytest.mark.parametrize("name", BODIES)


@each
@pytest.mark.parametrize("by", ["key", "certificate"])
def test_what_is_logged_is_found(name: str, by: str) -> None:
    kind = BODIES[name]
    verifier, certificate = (KEY.pem, None) if by == "key" else (CERTIFICATE_PEM, CERTIFICATE)
    entry = kind.log(kind.body(verifier=verifier))
    (found,) = verify(entry, one=kind.one, certificate=certificate)
    body = json.loads(base64.b64decode(entry["canonicalizedBody"]))
    assert found.log.log_id == kind.rekor.log_id
    assert found.index == int(entry["logIndex"])
    assert found.time == (AT if kind.rekor is V1 else None)
    assert found.kind == f"{body['kind']} {body['apiVersion']}"


def test_a_legacy_signature_as_cosign_notes_it() -> None:
    plain = legacy_evidence()
    entry = V1.log(V1.hashedrekord(plain.signature, KEY.pem, plain.signed), at=AT)
    noted = legacy_evidence(
        signature=plain.signature, notes={"dev.sigstore.cosign/bundle": RekorV1.legacy_bundle(entry)}
    )
    assert noted.error is None
    (found,) = verify_entries(noted, KEY, "sha256", [None], LOGS, (), NOW)
    assert (found.time, found.index) == (AT, int(entry["logIndex"]))


@pytest.mark.parametrize("hash_name", ["sha256", "sha384"])
def test_the_hash_that_verified_is_the_logged_one(hash_name: str) -> None:
    by = signer("ecdsa-p384", hash_name=hash_name)
    key, signature = public_key("ecdsa-p384"), by.sign(SIGNED)
    one = dataclasses.replace(DSSE, signature=signature)
    other = "sha384" if hash_name == "sha256" else "sha256"
    details = {"sha256": "PKIX_ECDSA_P384_SHA_256", "sha384": "PKIX_ECDSA_P384_SHA_384"}

    def entries(name: str) -> list[Json]:
        return [
            V1.log(V1.hashedrekord(signature, key.pem, SIGNED, name), at=AT),
            V2.log(V2.hashedrekord(signature, key.pem, SIGNED, name, details[name])),
        ]

    for entry in entries(hash_name):
        assert verify(entry, one=one, key=key, hash_name=hash_name)
    for entry in entries(other):
        assert refused(entry, one=one, key=key, hash_name=hash_name) == "TLOG_MISMATCH"


@pytest.mark.parametrize("by", ["artifact", "digest"])
def test_a_file_by_itself_or_by_its_digest(by: str) -> None:
    signature = BY.sign(b"file")
    digest = base64.b64decode(V2.hashedrekord(b"", KEY.pem, b"file")["spec"]["hashedRekordV002"]["data"]["digest"])
    signed, prehashed = (b"file", "") if by == "artifact" else (digest, "sha256")
    one = dataclasses.replace(DSSE, payload=b"", signed=signed, prehashed=prehashed, signature=signature)
    assert verify(V1.log(V1.hashedrekord(signature, KEY.pem, b"file"), at=AT), one=one)
    assert verify(V2.log(V2.hashedrekord(signature, KEY.pem, b"file")), one=one)
    assert refused(V2.log(V2.hashedrekord(signature, KEY.pem, b"File")), one=one) == "TLOG_MISMATCH"
    # The log says that an envelope was signed; it was a file.
    for entry in (V1.log(V1.dsse(signature, KEY.pem, b""), at=AT), V2.log(V2.dsse(signature, KEY.pem, b""))):
        assert refused(entry, one=one) == "TLOG_MISMATCH"


def test_ed25519_is_logged_as_an_envelope_only() -> None:
    key, signature = public_key("ed25519"), signer("ed25519").sign(SIGNED)
    one = dataclasses.replace(DSSE, signature=signature)
    assert verify(V1.log(V1.dsse(signature, key.pem, PAYLOAD), at=AT), one=one, key=key, hash_name="pure")
    for algorithm in ("sha256", "sha512"):
        body = V1.hashedrekord(signature, key.pem, SIGNED, algorithm)
        assert refused(V1.log(body, at=AT), one=one, key=key, hash_name="pure") == "TLOG_MISMATCH"
        for details in ("PKIX_ED25519", "PKIX_ED25519_PH"):
            body = V2.hashedrekord(signature, key.pem, SIGNED, algorithm, details)
            assert refused(V2.log(body), one=one, key=key, hash_name="pure") == "TLOG_MISMATCH"


@pytest.mark.attack("AT-25", "CVE-2022-36056", "CVE-2026-22703")
class TestSubstitution:
    @each
    def test_at_25_the_entry_of_another_signature(self, name: str) -> None:
        """Both verify, over the same: ECDSA never signs twice alike. An intoto 0.0.1 has only the envelope's hash."""
        kind = BODIES[name]
        other = {"envelope": ENVELOPE + b" "} if name == "att-intoto-1" else {}
        assert refused(kind.log(kind.body(SECOND_SIGNATURE, **other)), one=kind.one) == "TLOG_MISMATCH"

    @each
    def test_at_25_another_verifier(self, name: str) -> None:
        kind = BODIES[name]
        for verifier, certificate in (
            (public_key(owner="other").pem, None),
            (CERTIFICATE_PEM, None),
            (KEY.pem, CERTIFICATE),
            (build_pem("CERTIFICATE", b"another of the same identity"), CERTIFICATE),
            (build_pem("CERTIFICATE", KEY.spki), None),
            (build_pem("PUBLIC KEY", CERTIFICATE), CERTIFICATE),
        ):
            entry = kind.log(kind.body(verifier=verifier))
            assert refused(entry, one=kind.one, certificate=certificate) == "TLOG_MISMATCH"

    @each
    def test_at_25_another_digest(self, name: str) -> None:
        kind = BODIES[name]
        assert refused(kind.log(kind.body(data=b"other data")), one=kind.one) == "TLOG_MISMATCH"

    @each
    def test_at_25_the_bundle_names_another_kind(self, name: str) -> None:
        kind = BODIES[name]
        if kind.one.format == LEGACY:
            return
        body = kind.body()
        for wrong in (("rekord", body["apiVersion"]), (body["kind"], "0.0.9"), ("", body["apiVersion"]), ("", "")):
            assert refused(kind.log(body, kind_version=wrong)) == "TLOG_MISMATCH"

    @pytest.mark.parametrize("name", ["att-dsse-1", "att-intoto-1", "att-intoto-2"])
    def test_at_25_another_envelope(self, name: str) -> None:
        kind = BODIES[name]
        assert refused(kind.log(kind.body(envelope=ENVELOPE + b"\n")), one=kind.one) == "TLOG_MISMATCH"

    def test_at_25_an_entry_without_signature_needs_the_envelope(self) -> None:
        entry = V1.log(V1.intoto(SIGNATURE, KEY.pem, PAYLOAD, version="0.0.1"), at=AT)
        assert refused(entry) == "TLOG_MISMATCH"

    def test_at_25_another_payload_type(self) -> None:
        assert refused(V1.log(V1.intoto(SIGNATURE, KEY.pem, PAYLOAD, payload_type="text"), at=AT)) == "TLOG_MISMATCH"
        signed = BY.sign(pae("text", PAYLOAD))
        one = dataclasses.replace(DSSE, signed=pae("text", PAYLOAD), signature=signed)
        assert refused(V1.log(V1.dsse(signed, KEY.pem, PAYLOAD), at=AT), one=one) == "TLOG_MISMATCH"

    def test_at_25_a_payload_beside_its_hash(self) -> None:
        body = V1.intoto(SIGNATURE, KEY.pem, PAYLOAD, with_payload=True)
        assert verify(V1.log(body, at=AT))
        body["spec"]["content"]["envelope"]["payload"] = b64(b64(b"other").encode())
        assert refused(V1.log(body, at=AT)) == "TLOG_MISMATCH"

    @pytest.mark.parametrize(
        "details", ["PKIX_ECDSA_P384_SHA_256", "PKIX_ED25519", "PUBLIC_KEY_DETAILS_UNSPECIFIED", ""]
    )
    def test_at_25_another_algorithm(self, details: str) -> None:
        for body in (
            V2.hashedrekord(SIGNATURE, KEY.pem, SIGNED, details=details),
            V2.dsse(SIGNATURE, KEY.pem, PAYLOAD, details),
        ):
            assert refused(V2.log(body)) == "TLOG_MISMATCH"

    def test_at_25_what_is_no_entry(self) -> None:
        for body in (b"", b"null", b"[]", b"{}", b"{", b'{"kind":"rekord","apiVersion":"0.0.1","spec":{}}'):
            assert refused(V1.log(body, at=AT)) == "MALFORMED"

    def test_at_25_the_text_around_a_key_does_not_matter(self) -> None:
        assert verify(V1.log(V1.dsse(SIGNATURE, KEY.pem.replace(b"\n", b"\r\n"), PAYLOAD), at=AT))

    def test_at_25_an_entry_among_good_ones(self) -> None:
        good, wrong = (
            V1.log(V1.dsse(SIGNATURE, KEY.pem, PAYLOAD), at=AT),
            V2.log(V2.hashedrekord(b"x", KEY.pem, SIGNED)),
        )
        assert refused(good, wrong) == refused(wrong, good) == "TLOG_MISMATCH"


V1_BODY = V1.dsse(SIGNATURE, KEY.pem, PAYLOAD)
V2_BODY = V2.hashedrekord(SIGNATURE, KEY.pem, SIGNED)
EARLY = dataclasses.replace(DSSE, inclusion=False)


def v1(**options: t.Any) -> Json:
    return V1.log(V1_BODY, **{"at": AT, **options})


def v2(**options: t.Any) -> Json:
    return V2.log(V2_BODY, **options)


@pytest.mark.attack("AT-26", "CVE-2022-23649")
class TestPromise:
    def test_at_26a_over_another_entry(self) -> None:
        other = V1.log(V1.dsse(SECOND_SIGNATURE, KEY.pem, PAYLOAD), at=AT)
        mixed = {**v1(), "inclusionPromise": other["inclusionPromise"]}
        assert refused(mixed) == refused(mixed, one=EARLY) == "SET_INVALID"
        assert refused(v1(promised={"body": other["canonicalizedBody"]})) == "SET_INVALID"

    @pytest.mark.attack("AT-26a2")
    def test_at_26a2_no_entry(self) -> None:
        assert refused() == "TLOG_MISSING"

    @pytest.mark.attack("AT-26a2")
    def test_at_26a2_neither_promise_nor_proof(self) -> None:
        bare = v1(with_promise=False, with_proof=False)
        assert refused(bare) == "INCLUSION_INVALID"
        assert refused(bare, one=EARLY) == "SET_INVALID"

    @pytest.mark.attack("AT-26b")
    def test_at_26b_a_time_without_promise_is_none(self) -> None:
        (found,) = verify(v1(with_promise=False))
        assert found.time is None

    @pytest.mark.attack("AT-26b")
    def test_at_26b_an_early_bundle_needs_the_promise(self) -> None:
        assert refused(v1(with_promise=False), one=EARLY) == "SET_INVALID"
        assert verify(v1(with_proof=False), one=EARLY)[0].time == AT

    @pytest.mark.attack("AT-26c")
    @pytest.mark.parametrize("by", [-1, 1, 3600])
    def test_at_26c_another_time(self, by: int) -> None:
        assert refused(v1(integrated_time=int(AT.timestamp()) + by)) == "SET_INVALID"
        assert refused(v1(integrated_time=0)) == "SET_INVALID"

    @pytest.mark.attack("AT-26d")
    def test_at_26d_an_unknown_log(self) -> None:
        with pytest.raises(Rejection) as rejection:
            verify(v1(), logs=LOGS[1:])
        assert rejection.value.code == "TRUST_ROOT" and V1.log_id.hex() in rejection.value.message
        assert refused(v1(), logs=()) == "TRUST_ROOT"

    @pytest.mark.attack("AT-26d")
    @pytest.mark.parametrize(
        ("start", "end"),
        [(AT + SECOND, None), (START, AT - SECOND), (AT + SECOND, NOW)],
        ids=["later", "earlier", "gap"],
    )
    def test_at_26d_a_key_of_another_time(self, start: datetime, end: datetime | None) -> None:
        assert refused(v1(), logs=[log_of(V1, start, end)]) == "TRUST_ROOT"
        assert refused(v1(with_proof=False), one=EARLY, logs=[log_of(V1, start, end)]) == "TRUST_ROOT"

    @pytest.mark.attack("AT-33c", "AT-33e")
    def test_the_window_is_closed_and_any_of_several_will_do(self) -> None:
        assert verify(v1(), logs=[log_of(V1, AT, AT)])
        later = log_of(V1, AT + SECOND)
        assert verify(v1(), logs=[later, log_of(V1, START, AT)])[0].log.window.end == AT
        # A promise says when; timestamps of others do not move it.
        assert verify(v1(), logs=[log_of(V1, START, AT)], timestamps=[NOW])
        other = log_of(V1, key=parse_public_key(RekorV1("other").public_pem, "log"))
        for logs in ([other, log_of(V1)], [log_of(V1), other]):
            assert verify(v1(), logs=logs)[0].log.key.spki == V1.spki
        # An id that is not that of the key is one of Rekor v2.
        assert refused(v1(), logs=[other]) == refused(v1(with_promise=False), logs=[other]) == "TLOG_MISMATCH"

    @pytest.mark.attack("AT-26e")
    def test_at_26e_ahead_of_the_clock(self) -> None:
        assert verify(v1(), now=AT - timedelta(minutes=5))
        with pytest.raises(Rejection) as rejection:
            verify(v1(), now=AT - timedelta(minutes=5, seconds=1))
        assert rejection.value.code == "CERT_TIME" and "clock" in rejection.value.message

    @pytest.mark.attack("AT-26e")
    @pytest.mark.parametrize("seconds", [2**62, 2**63 - 1, 253402300800])
    def test_at_26e_a_time_that_no_calendar_holds(self, seconds: int) -> None:
        assert refused(v1(integrated_time=seconds, promised={"integratedTime": seconds})) == "CERT_TIME"
        assert refused(v1(integrated_time=seconds)) == "SET_INVALID"

    @pytest.mark.attack("AT-26f")
    @pytest.mark.parametrize(
        "wrong",
        [{"more": 1}, {"integratedTime": 1.0}, {"body": 7}, {"logIndex": "7"}, {"body": None}, {"logID": []}],
    )
    def test_at_26f_a_legacy_payload_of_another_form(self, wrong: t.Any) -> None:
        plain = legacy_evidence()
        entry = V1.log(V1.hashedrekord(plain.signature, KEY.pem, plain.signed), at=AT)
        note = RekorV1.legacy_bundle(entry, **wrong)
        found = legacy_evidence(signature=plain.signature, notes={"dev.sigstore.cosign/bundle": note})
        assert found.error and found.error.code == "MALFORMED"

    @pytest.mark.attack("AT-26f")
    def test_at_26f_a_negative_time_or_index(self) -> None:
        plain = legacy_evidence()
        for wrong in ({"integratedTime": -1}, {"logIndex": -1}, {"integratedTime": -(2**62)}):
            body = V1.hashedrekord(plain.signature, KEY.pem, plain.signed)
            note = RekorV1.legacy_bundle(V1.log(body, at=AT, promised=wrong), **wrong)
            found = legacy_evidence(signature=plain.signature, notes={"dev.sigstore.cosign/bundle": note})
            with pytest.raises(Rejection) as rejection:
                verify_entries(found, KEY, "sha256", [None], LOGS, (), NOW)
            assert rejection.value.code == "MALFORMED"

    @pytest.mark.attack("AT-26f")
    def test_at_26f_the_promise_is_over_four_values_and_no_more(self) -> None:
        assert refused(v1(promised={"more": 1})) == "SET_INVALID"

    @pytest.mark.attack("AT-26g")
    def test_at_26g_another_index_or_log(self) -> None:
        assert refused(v1(log_index=7)) == "SET_INVALID"
        assert refused(v1(log_id=V2.log_id)) == "TLOG_MISMATCH"
        assert refused(v1(log_id=RekorV1("other").log_id), logs=[*LOGS, log_of(RekorV1("other"))]) == "SET_INVALID"
        assert refused(v1(promised={"logID": V2.log_id.hex()})) == "SET_INVALID"

    @pytest.mark.attack("AT-26")
    @pytest.mark.parametrize("promise", [b"", b"x", b"0" * 64, RekorV1("other").sign(b"{}")])
    def test_at_26_by_somebody_else(self, promise: bytes) -> None:
        assert refused(v1(promise=promise), one=EARLY) == "SET_INVALID"

    def test_at_26_v2_has_no_promise_and_no_time(self) -> None:
        assert refused(v2(integrated_time=int(AT.timestamp()))) == "MALFORMED"
        assert refused(v2(promise=b"x")) == "MALFORMED"


@pytest.mark.attack("AT-27")
class TestInclusion:
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9])
    def test_in_trees_of_every_shape(self, size: int) -> None:
        for before in range(size):
            first = RekorV1(before=before, after=size - before - 1)
            second = RekorV2(before=before, after=size - before - 1)
            assert verify(first.log(V1_BODY, at=AT))[0].index == before + first.offset
            assert verify(second.log(V2_BODY))[0].index == before

    @pytest.mark.parametrize("make", [v1, v2], ids=["v1", "v2"])
    def test_at_27_no_proof_or_checkpoint(self, make: t.Any) -> None:
        assert refused(make(with_proof=False)) == "INCLUSION_INVALID"
        assert refused(make(with_checkpoint=False)) == "INCLUSION_INVALID"
        assert refused(make(checkpoint="")) == "INCLUSION_INVALID"

    def test_at_27_v2_must_prove_in_an_early_bundle_too(self) -> None:
        assert refused(v2(with_proof=False), one=EARLY) == "INCLUSION_INVALID"
        assert verify(v2(), one=EARLY)

    def test_at_27_what_is_there_is_verified_where_the_promise_would_do(self) -> None:
        assert verify(v1(with_checkpoint=False), one=EARLY)[0].time == AT
        assert refused(v1(with_checkpoint=False, path=[]), one=EARLY) == "INCLUSION_INVALID"
        assert refused(v1(note={"hint": b"abcd"}), one=EARLY) == "CHECKPOINT_INVALID"

    @pytest.mark.parametrize("make", [v1, v2], ids=["v1", "v2"])
    @pytest.mark.parametrize(
        ("wrong", "wanted"),
        [
            ({"path": []}, "INCLUSION_INVALID"),
            ({"path": [bytes(32)] * 64}, "INCLUSION_INVALID"),
            ({"proof_index": 0}, "INCLUSION_INVALID"),
            ({"proof_index": 2**63 - 1}, "INCLUSION_INVALID"),
            ({"tree_size": 0}, "INCLUSION_INVALID"),
            ({"tree_size": 1}, "INCLUSION_INVALID"),
            ({"tree_size": 2**63 - 1}, "INCLUSION_INVALID"),
            ({"root": bytes(32)}, "INCLUSION_INVALID"),
            ({"root": b""}, "INCLUSION_INVALID"),
            ({"note": {"root": bytes(32)}}, "CHECKPOINT_INVALID"),
            ({"note": {"size": 10_000}}, "CHECKPOINT_INVALID"),
            ({"note": {"hint": b"\0\0\0\0"}}, "CHECKPOINT_INVALID"),
            ({"note": {"signature": b"x" * 64}}, "CHECKPOINT_INVALID"),
            ({"note": {"text": "x\n"}}, "CHECKPOINT_INVALID"),
            ({"checkpoint": "x"}, "CHECKPOINT_INVALID"),
        ],
    )
    def test_at_27_one_thing_wrong(self, make: t.Any, wrong: t.Any, wanted: str) -> None:
        assert refused(make(**wrong)) == wanted
        assert refused(make(**wrong), one=EARLY) == wanted

    def test_at_27_root_differs(self) -> None:
        """The proof of a tree of one's own, with the checkpoint of the log."""
        ours = Tree()
        ours.add(canonical(V2_BODY))
        honest = v2()["inclusionProof"]["checkpoint"]["envelope"]
        wrong = v2(proof_index=0, tree_size=1, root=ours.root(), path=[], checkpoint=honest)
        assert refused(wrong) == "CHECKPOINT_INVALID"

    def test_at_27_v2_is_bound_by_its_name(self) -> None:
        for wrong in ({"origin": "rekor.sigstAre.dev"}, {"name": "rekor.sigstAre.dev"}, {"name": "(.*)*x"}):
            assert refused(v2(note=wrong)) == "CHECKPOINT_INVALID"
        assert refused(v2(), logs=[log_of(V2, url="https://elsewhere.test")]) == "CHECKPOINT_INVALID"
        assert verify(v2(), logs=[log_of(V2, url="http://log2026-1.rekor.virtual.test:3003/api")])
        assert refused(v2(), logs=[log_of(V2, url="")]) == "TRUST_ROOT"

    def test_v1_is_bound_by_its_key(self) -> None:
        assert verify(v1(note={"origin": "a pod - 7"}), logs=[log_of(V1, url="")])
        assert verify(v1(note={"name": "any"}, with_promise=False))

    def test_at_27_witnesses(self) -> None:
        line = signature_line("witness.example", b"abcd", b"x" * 72)
        assert verify(v1(note={"after": [line]})) and verify(v2(note={"before": [line], "after": [line]}))

    def test_at_27_v2_has_the_index_of_its_proof(self) -> None:
        """Nothing beside the proof is signed; what differs from it is refused, as cosign does."""
        entry = v2()
        assert verify(entry)[0].index == int(entry["inclusionProof"]["logIndex"]) == int(entry["logIndex"])
        assert refused(v2(log_index=424242)) == "INCLUSION_INVALID"

    def test_v1_without_promise_has_the_index_of_its_proof(self) -> None:
        entry = v1(with_promise=False, log_index=424242)
        assert verify(entry)[0].index == int(entry["inclusionProof"]["logIndex"])

    @pytest.mark.parametrize("make", [v2, lambda: v1(with_promise=False)], ids=["v2", "v1-no-promise"])
    @pytest.mark.attack("AT-33a", "AT-33c")
    def test_windows_of_logs_without_a_time(self, make: t.Any) -> None:
        """Against every verified timestamp, else only that the log has begun."""

        def logs(start: datetime, end: datetime | None = None) -> list[Log]:
            return [log_of(V1, start, end), log_of(V2, start, end)]

        assert verify(make(), logs=logs(START, AT))
        assert verify(make(), logs=logs(NOW))
        assert refused(make(), logs=logs(NOW + SECOND)) == "TRUST_ROOT"
        assert verify(make(), logs=logs(AT, AT), timestamps=[AT])
        assert refused(make(), logs=logs(AT + SECOND), timestamps=[AT]) == "TRUST_ROOT"
        assert refused(make(), logs=logs(START, AT), timestamps=[AT, AT + SECOND]) == "TRUST_ROOT"
        assert verify(make(), logs=[*logs(AT + SECOND), *logs(START, AT)], timestamps=[AT])

    @pytest.mark.attack("AT-29e")
    def test_at_29e_nothing_is_fetched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*dummy: t.Any, **options: t.Any) -> t.NoReturn:
            pytest.fail("a connection was made")

        monkeypatch.setattr("socket.socket", fail)
        monkeypatch.setattr("socket.create_connection", fail)
        assert refused(v2(with_proof=False)) == "INCLUSION_INVALID"
        assert refused(v1(with_promise=False, with_proof=False)) == "INCLUSION_INVALID"
        assert verify(v1()) and verify(v2())


@pytest.mark.attack("AT-28")
class TestDistinctLogs:
    def test_two_logs_are_two(self) -> None:
        assert {one.log.url for one in verify(v1(), v2())} == {V1.url, V2.url}

    def test_at_28_the_same_entry_twice(self) -> None:
        entry = v1()
        assert count_logs(verify(entry, entry)) == 1
        assert count_logs(verify(v1(), v1())) == 1

    def test_at_28_one_log_under_two_urls(self) -> None:
        both = [log_of(V1, end=AT), log_of(V1, AT + SECOND, url="https://mirror.test")]
        assert count_logs(verify(v1(), v1(at=AT + SECOND), logs=both)) == 1

    def test_at_28_one_operator(self) -> None:
        assert count_logs(verify(v1(), v2(), logs=[log_of(V1, operator="o"), log_of(V2, operator="o")])) == 1
        assert count_logs(verify(v1(), v2(), logs=[log_of(V1, operator="o"), log_of(V2, operator="p")])) == 2

    def test_at_28_keys_of_one_host(self) -> None:
        rotated = RekorV1("next key")
        entries = v1(), rotated.log(V1_BODY, at=AT)
        assert count_logs(verify(*entries, logs=[log_of(V1), log_of(rotated)])) == 1
        assert (
            count_logs(verify(*entries, logs=[log_of(V1), log_of(rotated, url="https://REKOR.virtual.test:1/x")])) == 1
        )
        assert count_logs(verify(*entries, logs=[log_of(V1), log_of(rotated, url="https://other.test")])) == 2

    def test_at_28_one_key_under_two_names(self) -> None:
        renamed = RekorV2(url="https://other.test", origin="other.test")
        assert count_logs(verify(v2(), renamed.log(V2_BODY), logs=[log_of(V2), log_of(renamed)])) == 1

    def test_at_28_one_id_with_two_keys(self) -> None:
        other = RekorV2("other", url="https://other.test", origin="other.test")
        other.log_id = V2.log_id
        assert count_logs(verify(v2(), other.log(V2_BODY), logs=[log_of(V2), log_of(other)])) == 1

    def test_at_28_every_time_is_told(self) -> None:
        """Each must fit: an earlier entry cannot hide a later one, nor the other way round."""
        for entries in ((v1(), v1(at=AT + SECOND)), (v1(at=AT + SECOND), v1())):
            assert {one.time for one in verify(*entries)} == {AT, AT + SECOND}

    def test_at_28_entries_of_unknown_logs_are_left_out(self) -> None:
        unknown = RekorV1("unknown", url="https://unknown.test").log(b"not even read", at=AT)
        for entries in ((v1(), unknown), (unknown, v1())):
            assert [one.log.url for one in verify(*entries)] == [V1.url]

    @pytest.mark.parametrize(
        ("wrong", "wanted"), [({"path": []}, "INCLUSION_INVALID"), ({"note": {"hint": b"abcd"}}, "CHECKPOINT_INVALID")]
    )
    def test_at_28_a_known_log_with_a_bad_proof_refuses(self, wrong: t.Any, wanted: str) -> None:
        assert refused(v1(), v2(**wrong)) == refused(v2(**wrong), v1()) == wanted


def _paths(found: t.Any, path: tuple[t.Any, ...] = ()) -> t.Iterator[tuple[t.Any, ...]]:
    if isinstance(found, str):
        yield path
    for key, value in found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ():
        yield from _paths(value, (*path, key))


@pytest.mark.attack("AT-23", "AT-27")
@pytest.mark.parametrize("make", [v1, v2], ids=["v1", "v2"])
def test_any_one_character_of_an_entry(make: t.Any) -> None:
    """Nothing is accepted but what nobody signed: the name on a v1 checkpoint's signature, the index beside a v2."""
    entry = make(note={"extension": []})
    note = entry["inclusionProof"]["checkpoint"]["envelope"]
    name = note.index("\u2014") + 2
    free = {
        ("inclusionProof", "checkpoint", "envelope", at)
        for at in range(name, note.index(" ", name))
        if entry["kindVersion"]["version"] == "0.0.1"
    } | ({("logIndex", at) for at in range(20)} if entry["kindVersion"]["version"] == "0.0.2" else set())
    for path in _paths(entry):
        at: t.Any = entry
        for key in path:
            at = at[key]
        for position in range(len(at)):
            for wrong in (chr(ord(at[position]) ^ 1), chr(ord(at[position]) ^ 32), ""):
                changed = copy.deepcopy(entry)
                into: t.Any = changed
                for key in path[:-1]:
                    into = into[key]
                into[path[-1]] = at[:position] + wrong + at[position + 1 :]
                try:
                    verify(changed)
                except Rejection:
                    continue
                assert (*path, position) in free, (path, position, wrong)


VECTORS = {
    "happy-path-v0.1": "",
    "happy-path-v0.3": "",
    "happy-path-v0.3-new-mediaType": "",
    "happy-path-intoto-in-dsse-v3": "",
    "managed-key-happy-path": "",
    "trust-root-tlog-validity-end-inclusive": "",
    "rekor2-happy-path": "",
    "rekor2-dsse-happy-path": "",
    "rekor2-checkpoint-cosigned": "",
    "rekor2-checkpoint-origin-not-first": "",
    "rekor2-checkpoint-two-sigs-cosigned": "",
    "rekor2-timestamp-with-embedded-cert": "",
    "bundle-from-wrong-instance_fail": "TRUST_ROOT",
    "checkpoint-wrong-roothash_fail": "CHECKPOINT_INVALID",
    "invalid-checkpoint-signature_fail": "CHECKPOINT_INVALID",
    "invalid-inclusion-proof_fail": "INCLUSION_INVALID",
    "intoto-missing-inclusion-proof_fail": "INCLUSION_INVALID",
    "rekor2-no-inclusion-proof_fail": "INCLUSION_INVALID",
    "rekor2-checkpoint-missing-log-signature_fail": "CHECKPOINT_INVALID",
    "rekor2-checkpoint-missing-root-hash_fail": "CHECKPOINT_INVALID",
    "rekor2-checkpoint-missing-size_fail": "CHECKPOINT_INVALID",
    "rekor2-checkpoint-no-matching-signature_fail": "CHECKPOINT_INVALID",
    "wrong-hashedrekord-artifact_fail": "TLOG_MISMATCH",
    "wrong-hashedrekord-entry_fail": "TLOG_MISMATCH",
    "wrong-material_fail": "TLOG_MISMATCH",
    "signature-mismatch_fail": "TLOG_MISMATCH",
    "incorrect-public-key_fail": "TLOG_MISMATCH",
    "dsse-mismatch-envelope_fail": "TLOG_MISMATCH",
    "rekor2-dsse-mismatch-sig_fail": "TLOG_MISMATCH",
    "intoto-log-entry-mismatch_fail": "TLOG_MISMATCH",
}


@pytest.mark.attack("AT-25", "AT-27", "AT-29e")
@pytest.mark.parametrize("name", VECTORS)
def test_vectors_of_others(vectors: Path, name: str) -> None:
    folder = vectors / "sigstore-conformance" / name
    code = ""
    try:
        found = _verify_vector(folder, vectors)
    except Rejection as rejection:
        code = rejection.code
    assert code == VECTORS[name]
    if not code:
        assert len(found) == 1
        assert (found[0].time is None) == name.startswith("rekor2")


def test_a_real_attestation(vectors: Path) -> None:
    data = (vectors / "cosign" / "oci-attestation.sigstore.json").read_bytes()
    (found,) = _verify(data, b"", None, vectors / "cosign" / "trusted_root_pgi.json")
    assert found.kind == "dsse 0.0.1" and found.time is not None and found.log.url == "https://rekor.sigstore.dev"


def _verify_vector(folder: Path, vectors: Path) -> tuple[Logged, ...]:
    own = folder / "trusted_root.json"
    artifact = folder / "artifact" if (folder / "artifact").exists() else folder.parent / "a.txt"
    key = folder / "key.pub"
    return _verify(
        (folder / "bundle.sigstore.json").read_bytes(),
        artifact.read_bytes(),
        key.read_bytes() if key.exists() else None,
        own if own.exists() else vectors / "cosign" / "trusted_root_pgi.json",
    )


def _verify(data: bytes, artifact: bytes, pem: bytes | None, root: Path) -> tuple[Logged, ...]:
    """As the verifier will, but for the signature itself: what is wrong with that is not this module's to say."""
    found = parse_bundle(data)
    certificate = found.certificates[0] if found.certificates else None
    if certificate:
        key = wrap_public_key(x509.load_der_x509_certificate(certificate).public_key(), "certificate")
    else:
        key = parse_public_key(pem or b"", "key")
    signature = found.envelope.signature if found.envelope else found.message.signature if found.message else b""
    one = Evidence(
        BUNDLE,
        HERE,
        payload=found.envelope.payload if found.envelope else artifact,
        signed=found.envelope.signed if found.envelope else artifact,
        signature=signature,
        inclusion=found.version != "0.1",
        log_entries=found.log_entries,
    )
    logs = [_log(entry) for entry in json.loads(root.read_bytes())["tlogs"]]
    return verify_entries(one, key, "sha256", [certificate], logs, (), datetime(2026, 11, 24, tzinfo=UTC))


def _log(entry: Json) -> Log:
    window = {name: datetime.fromisoformat(at) for name, at in entry["publicKey"]["validFor"].items() if at}
    key = serialization.load_der_public_key(base64.b64decode(entry["publicKey"]["rawBytes"]))
    return Log(
        entry["baseUrl"], base64.b64decode(entry["logId"]["keyId"]), wrap_public_key(key, "log"), Window(**window)
    )


def test_trusted_root_of_the_virtual_log() -> None:
    for rekor in (V1, V2, V2_EC):
        assert _log(rekor.trusted()).key.spki == log_of(rekor).key.spki
        assert _log(rekor.trusted(end=AT)).window == Window(START, AT)
