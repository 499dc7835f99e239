# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import hashlib
import json
import re
import typing as t

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import LogEntry
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.dsse import IN_TOTO, Envelope
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.log_request import (
    dsse_v1,
    hashedrekord_v1,
    hashedrekord_v2,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import build_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._services import tiles
from ansible_collections.supplychain.cosign.plugins.module_utils._services.client import Client
from ansible_collections.supplychain.cosign.plugins.module_utils._services.rekor import add_entry
from tests.support.http_server import Request, Response
from tests.support.sigstore.rekor import Json, RekorV1, RekorV2
from tests.support.sigstore.virtual import AT

from .conftest import Service

DATA, SIGNATURE = b"what is signed", b"a signature"
KEY = build_pem("PUBLIC KEY", b"spki")
DIGEST = hashlib.sha256(DATA).digest()
DETAILS = "PKIX_ECDSA_P256_SHA_256"
V1 = hashedrekord_v1(SIGNATURE, KEY, DIGEST, "sha256")
V2 = hashedrekord_v2(SIGNATURE, b"spki", False, DETAILS, DIGEST)
ENTRIES_V1, ENTRIES_V2 = "/api/v1/log/entries", "/api/v2/log/entries"
UUID = "0123456789abcdef" * 5


def answer_v1(rekor: RekorV1, body: Json, **changes: t.Any) -> bytes:
    entry = rekor.log(body, at=AT)
    proof = entry["inclusionProof"]
    found = {
        "body": entry["canonicalizedBody"],
        "integratedTime": int(entry["integratedTime"]),
        "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
        "logIndex": int(entry["logIndex"]),
        "verification": {
            "inclusionProof": {
                "checkpoint": proof["checkpoint"]["envelope"],
                "hashes": [base64.b64decode(one).hex() for one in proof["hashes"]],
                "logIndex": int(proof["logIndex"]),
                "rootHash": base64.b64decode(proof["rootHash"]).hex(),
                "treeSize": int(proof["treeSize"]),
            },
            "signedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
        },
    }
    return json.dumps({UUID: {**found, **changes}}).encode()


def answer_v2(rekor: RekorV2, body: Json) -> bytes:
    # Unlike other protojson this shows what is empty.
    return json.dumps({"integratedTime": "0", "inclusionPromise": None, **rekor.log(body)}).encode()


def body_v1(signature: bytes = SIGNATURE, key: bytes = KEY, data: bytes = DATA) -> Json:
    return RekorV1().hashedrekord(signature, key, data)


def body_v2(signature: bytes = SIGNATURE, key: bytes = KEY, data: bytes = DATA) -> Json:
    return RekorV2().hashedrekord(signature, key, data)


def refused(client: Client, version: int = 1, *more: t.Any) -> Rejection:
    with pytest.raises(Rejection) as caught:
        add_entry(client, version, V1 if version == 1 else V2, *more)
    assert re.match(r"[A-Z].*[.!]\Z", caught.value.message, re.DOTALL)
    return caught.value


def same(entry: LogEntry, logged: bytes) -> bool:
    return entry.body == base64.b64decode(json.loads(logged)["canonicalizedBody"])


# Rekor v1


@pytest.mark.parametrize("status", [200, 201])
def test_an_entry_in_v1(service: Service, client: Client, status: int) -> None:
    rekor = RekorV1()
    service.says(status, answer_v1(rekor, body_v1()))
    entry = add_entry(client, 1, V1)
    (request,) = service.requests
    assert (request.method, request.target, request.body) == ("POST", ENTRIES_V1, V1)
    assert request.headers["content-type"] == "application/json"
    assert (entry.kind, entry.version, entry.log_id) == ("hashedrekord", "0.0.1", rekor.log_id)
    assert (entry.log_index, entry.integrated_time) == (1003, int(AT.timestamp()))
    assert entry.set and entry.inclusion_proof
    assert (entry.inclusion_proof.log_index, entry.inclusion_proof.tree_size) == (3, 6)
    assert entry.inclusion_proof.root_hash == rekor.tree.root()
    assert list(entry.inclusion_proof.hashes) == rekor.tree.path(3)
    assert entry.inclusion_proof.checkpoint.startswith(rekor.origin)


def test_an_envelope_in_v1(service: Service, client: Client) -> None:
    request = dsse_v1(Envelope(IN_TOTO, b"payload", SIGNATURE), KEY)
    uploaded = json.loads(request)["spec"]["proposedContent"]["envelope"].encode()
    service.says(201, answer_v1(RekorV1(), RekorV1().dsse(SIGNATURE, KEY, b"payload", uploaded)))
    assert add_entry(client, 1, request).kind == "dsse"


@pytest.mark.attack("AT-29b", "F-07")
@pytest.mark.parametrize("location", ["{path}/{uuid}", "{evil}/anything/{uuid}", "//evil.example{path}/{uuid}?a=b#c"])
@pytest.mark.parametrize("uuid", [UUID, UUID[:64]])
def test_an_entry_that_v1_holds_already(
    service: Service, elsewhere: Service, client: Client, location: str, uuid: str
) -> None:
    told = location.format(path=ENTRIES_V1, uuid=uuid, evil=elsewhere.url)
    held = answer_v1(RekorV1(), body_v1())

    def answer(request: Request) -> Response:
        return Response(409, {"Location": told}) if request.method == "POST" else Response(200, {}, held)

    service.answer = answer
    assert add_entry(client, 1, V1).body
    assert [(one.method, one.target) for one in service.requests] == [
        ("POST", ENTRIES_V1),
        ("GET", f"{ENTRIES_V1}/{uuid}"),
    ]
    assert elsewhere.requests == []


@pytest.mark.attack("AT-29b")
@pytest.mark.parametrize(
    "location",
    [
        "",
        UUID,
        f"{ENTRIES_V1}/{UUID}/..",
        f"{ENTRIES_V1}/{UUID.upper()}",
        f"{ENTRIES_V1}/?{UUID}",
        f"/{UUID}0",
        "/a%00",
    ],
)
def test_where_an_entry_is_must_be_an_identifier(service: Service, client: Client, location: str) -> None:
    service.says(409, b"{}", Location=location)
    assert refused(client).code == "MALFORMED"
    assert len(service.requests) == 1


@pytest.mark.attack("AT-29b", "AT-29c", "AT-40c")
@pytest.mark.parametrize("status", [201, 409])
@pytest.mark.parametrize(
    "body",
    [
        body_v1(b"another signature"),
        body_v1(key=build_pem("PUBLIC KEY", b"another")),
        body_v1(key=build_pem("CERTIFICATE", b"spki")),
        body_v1(data=b"another"),
        RekorV1().dsse(SIGNATURE, KEY, DATA),
        body_v2(),
    ],
    ids=str,
)
def test_an_entry_for_something_else_in_v1(service: Service, client: Client, status: int, body: Json) -> None:
    held = answer_v1(RekorV1(), body)

    def answer(request: Request) -> Response:
        if request.method == "POST":
            return Response(status, {"Location": f"/{UUID}"}, held)
        return Response(200, {}, held)

    service.answer = answer
    assert refused(client).code == "TLOG_MISMATCH"


@pytest.mark.attack("AT-29c")
@pytest.mark.parametrize("part", ["payload", "envelope"])
def test_an_entry_for_another_envelope(service: Service, client: Client, part: str) -> None:
    request = dsse_v1(Envelope(IN_TOTO, b"payload", SIGNATURE), KEY)
    uploaded = json.loads(request)["spec"]["proposedContent"]["envelope"].encode()
    payload = b"another" if part == "payload" else b"payload"
    body = RekorV1().dsse(SIGNATURE, KEY, payload, b"{}" if part == "envelope" else uploaded)
    service.says(201, answer_v1(RekorV1(), body))
    with pytest.raises(Rejection) as caught:
        add_entry(client, 1, request)
    assert caught.value.code == "TLOG_MISMATCH"


def test_an_entry_that_is_not_to_be_had(service: Service, client: Client) -> None:
    def answer(request: Request) -> Response:
        return Response(409, {"Location": f"/{UUID}"}) if request.method == "POST" else Response(404)

    service.answer = answer
    rejection = refused(client)
    assert rejection.code == "UNREACHABLE"
    assert "the question for an entry that it has" in rejection.message


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, b'{"code":400,"message":"error processing entry: no"}', "POLICY_UNSUPPORTED"),
        (401, b"", "AUTH_REFUSED"),
        (403, b"", "AUTH_REFUSED"),
        (404, b"", "UNREACHABLE"),
        (405, b"This log has been frozen, please switch to the latest log.\n", "UNREACHABLE"),
        (499, b"", "UNREACHABLE"),
        (501, b"", "UNREACHABLE"),
        (201, b"", "MALFORMED"),
        (201, b"[]", "MALFORMED"),
        (201, b"{}", "MALFORMED"),
        (201, b" " * (4 * 2**20 + 1), "LIMIT_EXCEEDED"),
    ],
)
def test_answers_that_are_none(
    service: Service, client: Client, version: int, status: int, body: bytes, code: str
) -> None:
    service.says(status, body)
    rejection = refused(client, version)
    assert rejection.code == code
    assert service.url in rejection.message
    assert status != 400 or "It said: 'error processing entry: no'" in rejection.message
    assert status != 405 or "It said: 'This log has been frozen, please switch" in rejection.message
    assert len(service.requests) == 1


@pytest.mark.attack("F-01", "F-02", "F-07")
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("status", [429, 500, 504])
def test_it_asks_again_and_ends(service: Service, client: Client, version: int, status: int) -> None:
    service.says(status)
    assert refused(client, version).code == ("RATE_LIMITED" if status == 429 else "UNREACHABLE")
    assert len(service.requests) == 5


@pytest.mark.attack("F-07")
def test_an_error_after_the_entry_was_stored(service: Service, client: Client) -> None:
    """The second try finds what the first one did."""
    held = answer_v1(RekorV1(), body_v1())
    answers = [Response(502), Response(409, {"Location": f"/{UUID}"}), Response(200, {}, held)]
    service.answer = lambda request: answers.pop(0)
    assert add_entry(client, 1, V1).log_index == 1003
    assert answers == []


# Rekor v2


@pytest.mark.parametrize("status", [200, 201])
def test_an_entry_in_v2(service: Service, client: Client, status: int) -> None:
    rekor = RekorV2()
    service.says(status, answer_v2(rekor, body_v2()))
    entry = add_entry(client, 2, V2)
    (request,) = service.requests
    assert (request.method, request.target, request.body) == ("POST", ENTRIES_V2, V2)
    assert (entry.kind, entry.version, entry.log_id) == ("hashedrekord", "0.0.2", rekor.log_id)
    assert (entry.log_index, entry.integrated_time, entry.set) == (3, 0, b"")
    assert entry.inclusion_proof


@pytest.mark.attack("AT-29c", "AT-40c")
@pytest.mark.parametrize(
    "body",
    [
        body_v2(b"another signature"),
        body_v2(key=build_pem("PUBLIC KEY", b"another")),
        body_v2(key=build_pem("CERTIFICATE", b"spki")),
        body_v2(data=b"another"),
        RekorV2().hashedrekord(SIGNATURE, KEY, DATA, details="PKIX_RSA_PKCS1V15_2048_SHA256"),
        RekorV2().hashedrekord(SIGNATURE, KEY, DATA, "sha512"),
        body_v1(),
    ],
    ids=str,
)
def test_an_entry_for_something_else_in_v2(service: Service, client: Client, body: Json) -> None:
    service.says(201, answer_v2(RekorV2(), body))
    assert refused(client, 2).code == "TLOG_MISMATCH"


class Tiled:
    """A log of v2 that holds the entry already, and serves its tiles. `partial`: also those that are not full."""

    def __init__(self, before: int, after: int, partial: bool = True, **body: t.Any) -> None:
        self.rekor = RekorV2(before=before, after=after)
        self.logged = answer_v2(self.rekor, body_v2(**body))
        self.index, self.partial = before, partial
        self.leaves = [hashlib.sha256(b"\0" + leaf).digest() for leaf in self.rekor.tree.leaves]
        self.changed: dict[str, Response] = {}

    def __call__(self, request: Request) -> Response:
        if request.path in self.changed:
            return self.changed[request.path]
        if request.path == ENTRIES_V2:
            return Response(409, {"X-Log-Index": str(self.index)}, b'{"code":6,"message":"it is there"}')
        if request.path == "/api/v2/checkpoint":
            tree = self.rekor.tree
            return Response(200, {}, self.rekor.note(len(tree.leaves), tree.root()).encode())
        found = re.fullmatch(r"/api/v2/tile/(entries|[0-9]+)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]+))?", request.path)
        assert found, request.path
        level, number, width = found[1], int(re.sub("[x/]", "", found[2])), int(found[3] or 256)
        items = self.rekor.tree.leaves if level == "entries" else self.hashes(int(level))
        part = items[number * 256 :][:width]
        if len(part) < width or (width < 256 and not self.partial):
            return Response(404)
        if level == "entries":
            return Response(200, {}, b"".join(len(one).to_bytes(2, "big") + one for one in part))
        return Response(200, {}, b"".join(part))

    def hashes(self, level: int) -> list[bytes]:
        found = self.leaves
        for dummy in range(8 * level):
            pairs = zip(found[::2], found[1::2], strict=False)
            found = [hashlib.sha256(b"\1" + left + right).digest() for left, right in pairs]
        return found

    def log_ids(self) -> list[bytes]:
        return [b"\0" * 32, self.rekor.log_id]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "PAUSE", 0.0)


@pytest.mark.attack("AT-29b", "F-07")
@pytest.mark.parametrize(
    ("before", "after"),
    [(0, 0), (0, 1), (3, 2), (255, 0), (255, 1), (256, 0), (300, 300), (511, 1), (700, 0), (9, 1500)],
)
def test_an_entry_that_v2_holds_already(service: Service, client: Client, before: int, after: int) -> None:
    service.answer = log = Tiled(before, after)
    entry = add_entry(client, 2, V2, log.log_ids)
    assert same(entry, log.logged)
    tree, proof = log.rekor.tree, entry.inclusion_proof
    assert proof
    assert (entry.log_index, proof.log_index, proof.tree_size) == (before, before, len(tree.leaves))
    assert (proof.root_hash, list(proof.hashes)) == (tree.root(), tree.path(before))
    assert (entry.log_id, entry.integrated_time, entry.set) == (log.rekor.log_id, 0, b"")
    assert (entry.kind, entry.version) == ("hashedrekord", "0.0.2")
    paths = [request.path for request in service.requests]
    assert len(paths) == len(set(paths))


def test_only_full_tiles_are_kept(service: Service, client: Client) -> None:
    """The tile was only a part of itself when the checkpoint was made, and is full since."""
    service.answer = log = Tiled(3, 252, partial=False)
    tree = log.rekor.tree
    note = log.rekor.note(100, tree.part(0, 100))
    log.changed["/api/v2/checkpoint"] = Response(200, {}, note.encode())
    entry = add_entry(client, 2, V2, log.log_ids)
    assert entry.inclusion_proof and entry.inclusion_proof.tree_size == 100
    assert "/api/v2/tile/0/000" in [request.path for request in service.requests]


@pytest.mark.attack("AT-29b")
@pytest.mark.parametrize("body", [{"signature": b"another"}, {"data": b"another"}])
def test_what_stands_there_is_something_else(service: Service, client: Client, body: dict[str, t.Any]) -> None:
    service.answer = log = Tiled(3, 2, **body)
    assert refused(client, 2, log.log_ids).code == "TLOG_MISMATCH"


@pytest.mark.attack("F-05")
def test_one_deadline_for_all_tiles(service: Service, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many a log that lies about its size would have asked for."""
    service.answer = log = Tiled(9, 1500)
    asked: list[object] = []
    deadline = client.deadline

    def counted() -> object:
        asked.append(None)
        return deadline()

    monkeypatch.setattr(client, "deadline", counted)
    assert add_entry(client, 2, V2, log.log_ids)
    # One for the upload, one for all that is read then.
    assert len(asked) == 2 and len(service.requests) > 4


@pytest.mark.parametrize("status", [404, 405, 501])
@pytest.mark.parametrize("path", ["checkpoint", "tile/entries/000.p/6", "tile/0/000.p/6"])
def test_a_log_that_serves_no_tiles(service: Service, client: Client, path: str, status: int) -> None:
    service.answer = log = Tiled(3, 2)
    log.changed[f"/api/v2/{path}"] = Response(status)
    rejection = refused(client, 2, log.log_ids)
    assert rejection.code == "UNREACHABLE"
    assert "Have its operator serve the log's tiles" in rejection.message


def test_a_log_that_nobody_knows(service: Service, client: Client) -> None:
    service.answer = log = Tiled(3, 2)
    assert refused(client, 2, lambda: [b"\0" * 32]).code == "TRUST_ROOT"
    assert refused(client, 2).code == "TRUST_ROOT"
    assert log.rekor.log_id


@pytest.mark.attack("F-13")
def test_a_checkpoint_of_before(service: Service, client: Client, quick: None) -> None:
    service.answer = log = Tiled(3, 2)
    old = log.rekor.note(3, log.rekor.tree.part(0, 3)).encode()
    log.changed["/api/v2/checkpoint"] = Response(200, {}, old)
    assert refused(client, 2, log.log_ids).code == "UNREACHABLE"
    checkpoints = [request for request in service.requests if request.path == "/api/v2/checkpoint"]
    assert len(checkpoints) == tiles.TRIES

    def later(request: Request) -> Response:
        if len(service.requests) > 2:
            log.changed.clear()
        return log(request)

    service.requests.clear()
    service.answer = later
    assert same(add_entry(client, 2, V2, log.log_ids), log.logged)


@pytest.mark.parametrize("index", ["", "-1", "01", "1.0", "9" * 19, "x"])
def test_an_index_that_is_none(service: Service, client: Client, index: str) -> None:
    service.says(409, b"", X_Log_Index=index)
    assert refused(client, 2).code == "MALFORMED"
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("checkpoint", b"", "CHECKPOINT_INVALID"),
        ("checkpoint", b"\xff", "CHECKPOINT_INVALID"),
        ("checkpoint", b"<html>", "CHECKPOINT_INVALID"),
        ("checkpoint", b"origin\n1\nAAAA\n\n", "CHECKPOINT_INVALID"),
        ("tile/entries/000.p/6", b"", "MALFORMED"),
        ("tile/entries/000.p/6", b"\0\1a" * 3, "MALFORMED"),
        ("tile/entries/000.p/6", b"\0\1a" * 4, "MALFORMED"),
        ("tile/0/000.p/6", b"", "INCLUSION_INVALID"),
        ("tile/0/000.p/6", b"a" * 191, "INCLUSION_INVALID"),
    ],
)
def test_tiles_that_are_none(service: Service, client: Client, path: str, body: bytes, code: str) -> None:
    service.answer = log = Tiled(3, 2)
    log.changed[f"/api/v2/{path}"] = Response(200, {}, body)
    assert refused(client, 2, log.log_ids).code == code


def test_a_key_of_ecdsa_begins_the_id_of_its_log_as_well(service: Service, client: Client) -> None:
    service.answer = log = Tiled(3, 2)
    log.rekor = RekorV2(kind="ecdsa", before=0)
    assert isinstance(log.rekor.key, ec.EllipticCurvePrivateKey)
    for leaf in Tiled(3, 2).rekor.tree.leaves:
        log.rekor.tree.add(leaf)
    log.leaves = [hashlib.sha256(b"\0" + leaf).digest() for leaf in log.rekor.tree.leaves]
    assert add_entry(client, 2, V2, log.log_ids).log_id == log.rekor.log_id
