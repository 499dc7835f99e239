# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Payload, statement and envelope: what a signature says."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.dsse import IN_TOTO, pae, parse_envelope
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.payload import (
    MAX_PAYLOAD_BYTES,
    PAYLOAD_TYPE,
    parse_payload,
    simple_signing_payload,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.statement import (
    SIGN_PREDICATE,
    parse_statement,
    sign_statement,
)

HEX = "0" * 63 + "a"
DIGEST = f"sha256:{HEX}"
GOLDEN_DIGEST = "sha256:732112270d7e59418a8c080b134b24cabd67d250d0d0147a97ed95ba5c280aa4"
MISSING: t.Any = object()


def put(document: t.Any, path: str, value: t.Any) -> t.Any:
    """A copy of ``document`` with ``value`` at ``path`` ("a.0.b"), or nothing there where it is MISSING."""
    copy = json.loads(json.dumps(document))
    at, keys = copy, [int(key) if key.isdigit() else key for key in path.split(".")]
    for key in keys[:-1]:
        at = at[key]
    if value is MISSING:
        del at[keys[-1]]
    else:
        at[keys[-1]] = value
    return copy


def code_of(read: t.Callable[[bytes], object], document: t.Any) -> str | None:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    try:
        read(data)
    except Rejection as refused:
        return refused.code
    return None


DIGEST_AT = "critical.image.docker-manifest-digest"
PAYLOAD = json.loads(simple_signing_payload("registry.example/app", DIGEST, {"a": "1"}))
STATEMENT = json.loads(sign_statement(DIGEST, {"a": "1"}))


def test_payloads_are_cosigns_bytes(vectors: Path) -> None:
    golden = vectors / "cosign/golden/tagfallback"
    reference = json.loads((golden / "payload-1.json").read_bytes())["critical"]["identity"]["docker-reference"]
    assert simple_signing_payload(reference, GOLDEN_DIGEST) == (golden / "payload-1.json").read_bytes().rstrip(b"\n")
    annotations = {"foo": "b<a>r&", "a": "1"}
    wanted = (golden / "payload-2-annotations.json").read_bytes().rstrip(b"\n")
    assert simple_signing_payload(reference, GOLDEN_DIGEST, annotations) == wanted


def test_statements_are_cosigns_but_for_the_white_space_that_it_leaves_to_chance(vectors: Path) -> None:
    golden = (vectors / "cosign/golden/tagfallback/sign-v1-statement.json").read_bytes().rstrip(b"\n")
    assert sign_statement(GOLDEN_DIGEST) == golden.replace(b", ", b",")


def test_what_is_written_is_read() -> None:
    payload = parse_payload(simple_signing_payload("r.example/a", DIGEST, {"é": "<\u2028>"}))
    assert (payload.digest, payload.docker_reference, payload.annotations) == (DIGEST, "r.example/a", {"é": "<\u2028>"})
    assert parse_payload(simple_signing_payload("r.example/a", DIGEST)).annotations == {}
    statement = parse_statement(sign_statement(DIGEST, {"é": "<"}))
    assert statement.predicate_type == SIGN_PREDICATE
    assert statement.subjects[0].names(DIGEST)
    assert statement.subjects[0].annotations == {"é": "<"}


def test_half_a_surrogate_pair_is_not_signed() -> None:
    writers: tuple[t.Callable[[dict[str, str]], bytes], ...] = (
        lambda notes: simple_signing_payload("a", DIGEST, notes),
        lambda notes: sign_statement(DIGEST, notes),
    )
    for write in writers:
        with pytest.raises(Rejection) as refused:
            write({"a": "\udc80"})
        assert refused.value.code == "MALFORMED"


def test_AT_16_f_annotations_of_others_may_be_numbers() -> None:
    # podman writes a number, and its signatures are signatures.
    assert parse_payload(json.dumps(put(PAYLOAD, "optional", {"timestamp": 1})).encode()).annotations == {
        "timestamp": 1
    }


@pytest.mark.parametrize(
    ("document", "code"),
    [
        *(
            pytest.param(
                put(PAYLOAD, "critical.image.docker-manifest-digest", value), "MALFORMED", id=f"AT-16-a-{name}"
            )
            for name, value in {
                "missing": MISSING,
                "empty": "",
                "prefix": "sha256:",
                "array": [DIGEST],
                "null": None,
                "upper": DIGEST.upper(),
                "short": DIGEST[:-1],
                "sha1": "sha1:" + "a" * 40,
                "newline": DIGEST + "\n",
            }.items()
        ),
        pytest.param(put(PAYLOAD, "critical.type", "atomic container signature"), "PAYLOAD_TYPE", id="AT-16-b"),
        pytest.param(put(PAYLOAD, "critical.type", PAYLOAD_TYPE.upper()), "PAYLOAD_TYPE", id="AT-16-b-case"),
        pytest.param(put(PAYLOAD, "critical.type", ""), "PAYLOAD_TYPE", id="AT-16-b-empty"),
        pytest.param(put(PAYLOAD, "critical.type", MISSING), "MALFORMED", id="AT-16-b-missing"),
        pytest.param(put(PAYLOAD, "critical.new", 1), "MALFORMED", id="unknown-critical"),
        pytest.param(put(PAYLOAD, "new", 1), "MALFORMED", id="unknown"),
        pytest.param(put(PAYLOAD, "critical.identity", MISSING), "MALFORMED", id="no-identity"),
        pytest.param(put(PAYLOAD, "critical.identity.docker-reference", 1), "MALFORMED", id="reference-number"),
        pytest.param(put(PAYLOAD, "critical", []), "MALFORMED", id="critical-array"),
        pytest.param(put(PAYLOAD, "optional", []), "MALFORMED", id="optional-array"),
        pytest.param([PAYLOAD], "MALFORMED", id="array"),
        pytest.param(b"", "MALFORMED", id="AT-24-empty"),
        pytest.param(json.dumps(PAYLOAD).encode()[:-1], "MALFORMED", id="AT-24-truncated"),
        pytest.param(json.dumps(PAYLOAD).encode("utf-16"), "MALFORMED", id="AT-24-utf16"),
        pytest.param(b'{"critical":{},"critical":{}}', "DUPLICATE_KEY", id="AT-05-duplicate"),
        pytest.param(b" " * (MAX_PAYLOAD_BYTES + 1), "LIMIT_EXCEEDED", id="AT-03-huge"),
    ],
)
def test_a_payload_that_is_not_quite_one_is_refused(document: t.Any, code: str) -> None:
    assert code_of(parse_payload, document) == code


SUBJECT = STATEMENT["subject"][0]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param(STATEMENT, None, id="good"),
        pytest.param(put(STATEMENT, "_type", "https://in-toto.io/Statement/v0.1"), None, id="AT-19-h-v0.1"),
        pytest.param(put(STATEMENT, "_type", "https://in-toto.io/statement/v1"), "PAYLOAD_TYPE", id="AT-19-h-case"),
        pytest.param(put(STATEMENT, "_type", "https://in-toto.io/Statement/v2"), "PAYLOAD_TYPE", id="AT-19-h-v2"),
        pytest.param(put(STATEMENT, "_type", MISSING), "MALFORMED", id="AT-19-h-none"),
        pytest.param(put(STATEMENT, "predicate", MISSING), None, id="cosign-2.6-no-predicate"),
        pytest.param(put(STATEMENT, "subject.0.annotations", MISSING), None, id="cosign-2.6-no-annotations"),
        pytest.param(put(STATEMENT, "subject", MISSING), "MALFORMED", id="AT-19-a-none"),
        pytest.param(put(STATEMENT, "subject", []), "MALFORMED", id="AT-19-a-empty"),
        pytest.param(put(STATEMENT, "subject", [None]), "MALFORMED", id="AT-19-a-null"),
        pytest.param(put(STATEMENT, "subject", {}), "MALFORMED", id="AT-19-a-object"),
        pytest.param(put(STATEMENT, "subject", [SUBJECT, None]), "MALFORMED", id="AT-19-a-second-null"),
        pytest.param(put(STATEMENT, "subject.0.digest.sha256", HEX.upper()), "NON_CANONICAL", id="AT-19-e"),
        pytest.param(put(STATEMENT, "subject.0.digest.sha256", [HEX]), "MALFORMED", id="AT-19-g-list"),
        pytest.param(put(STATEMENT, "subject.0.digest.sha256", HEX[:-1]), "MALFORMED", id="AT-19-g-63"),
        pytest.param(put(STATEMENT, "subject.0.digest.sha256", HEX + "0"), "MALFORMED", id="AT-19-g-65"),
        pytest.param(put(STATEMENT, "subject.0.digest.sha256", "0x" + HEX[2:]), "MALFORMED", id="AT-19-g-0x"),
        pytest.param(put(STATEMENT, "subject.0.digest.sha256", HEX + "\n"), "MALFORMED", id="AT-19-g-newline"),
        pytest.param(put(STATEMENT, "subject.0.digest", {}), "MALFORMED", id="AT-19-no-digest"),
        pytest.param(put(STATEMENT, "subject.0.digest", MISSING), "MALFORMED", id="AT-19-digest-missing"),
        pytest.param(put(STATEMENT, "subject.0.annotations", []), "MALFORMED", id="annotations-array"),
        pytest.param(put(STATEMENT, "subject.0.name", 1), "MALFORMED", id="name-number"),
        pytest.param(put(STATEMENT, "subject", [SUBJECT] * 1024), None, id="AT-19-i-1024"),
        pytest.param(put(STATEMENT, "subject", [SUBJECT] * 1025), "LIMIT_EXCEEDED", id="AT-19-i-1025"),
        pytest.param(
            put(STATEMENT, "subject.0.digest", {f"x{i}": "0" for i in range(33)}), "LIMIT_EXCEEDED", id="AT-04-digests"
        ),
        pytest.param(put(STATEMENT, "predicateType", MISSING), "MALFORMED", id="no-predicateType"),
        pytest.param(put(STATEMENT, "predicateType", ""), "MALFORMED", id="empty-predicateType"),
        pytest.param(b"not-json", "MALFORMED", id="AT-24-not-json"),
        pytest.param(b"", "MALFORMED", id="AT-24-empty"),
    ],
)
def test_which_statements_are_read(document: t.Any, code: str | None) -> None:
    assert code_of(parse_statement, document) == code


def test_golden_statements_of_attestations_are_read(vectors: Path) -> None:
    found = sorted((vectors / "cosign/golden/statements").glob("*.json"))
    assert found
    for path in found:
        # One holds an integer of more than 64 bits: a predicate is data, on which nothing here acts.
        assert code_of(parse_statement, path.read_bytes()) is None, path


ENVELOPE = {"payload": "e30=", "payloadType": IN_TOTO, "signatures": [{"sig": "YQ=="}]}


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param(ENVELOPE, None, id="cosign3"),
        pytest.param(put(ENVELOPE, "signatures.0.keyid", ""), None, id="cosign2"),
        pytest.param(put(ENVELOPE, "payloadType", "text/plain"), "PAYLOAD_TYPE", id="AT-21-a-text"),
        pytest.param(put(ENVELOPE, "payloadType", ""), "PAYLOAD_TYPE", id="AT-21-a-empty"),
        pytest.param(put(ENVELOPE, "payloadType", IN_TOTO + "; charset=utf-8"), "PAYLOAD_TYPE", id="AT-21-a-charset"),
        pytest.param(put(ENVELOPE, "payloadType", "é"), "PAYLOAD_TYPE", id="AT-21-b"),
        pytest.param(put(ENVELOPE, "payloadType", MISSING), "MALFORMED", id="no-type"),
        pytest.param(put(ENVELOPE, "signatures", []), "MALFORMED", id="AT-22-a-none"),
        pytest.param(put(ENVELOPE, "signatures", MISSING), "MALFORMED", id="AT-22-a-missing"),
        pytest.param(put(ENVELOPE, "signatures", [{"sig": "YQ=="}] * 2), "MALFORMED", id="AT-22-a-two"),
        pytest.param(put(ENVELOPE, "signatures.0.sig", "YR=="), "NON_CANONICAL", id="AT-23-trailing-bits"),
        pytest.param(put(ENVELOPE, "payload", "e30"), "NON_CANONICAL", id="AT-23-no-padding"),
        pytest.param(put(ENVELOPE, "payload", "e3\n0="), "NON_CANONICAL", id="AT-23-newline"),
        pytest.param(put(ENVELOPE, "payload", {}), "MALFORMED", id="AT-24-payload-object"),
        pytest.param(put(ENVELOPE, "signatures", [None]), "MALFORMED", id="AT-24-null"),
        pytest.param(put(ENVELOPE, "signatures.0.keyid", 1), "MALFORMED", id="AT-24-keyid"),
        pytest.param(put(ENVELOPE, "extra", 1), "MALFORMED", id="unknown"),
    ],
)
def test_which_envelopes_are_read(document: t.Any, code: str | None) -> None:
    assert code_of(lambda data: parse_envelope(json.loads(data), "envelope"), document) == code


def test_pae_counts_bytes() -> None:
    assert pae("é", b"\xff ") == b"DSSEv1 2 \xc3\xa9 2 \xff "


TEXT = st.text(st.characters(codec="utf-8"))


@given(TEXT, st.binary(), TEXT, st.binary())
def test_AT_21_e_no_two_messages_have_the_same_pae(kind: str, body: bytes, other_kind: str, other: bytes) -> None:
    for this in ((kind, body), (kind, pae(other_kind, other)), (kind + " 1 ", body)):
        for that in ((other_kind, other), (kind, body)):
            assert (pae(*this) == pae(*that)) == (this == that)
