# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rekor v1 of the virtual services."""

from __future__ import annotations

import base64
import json
import re

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.support.http_server import Request, Response
from tests.support.sigstore.rekor import RekorV1, canonical
from tests.support.sigstore.server_parts import (
    Instance,
    Json,
    answer,
    invalid_character,
    is_pure_signature,
    is_signature,
    key_of,
    problem,
)
from tests.support.sigstore.virtual import pae
from tests.support.sigstore.x509 import pem

_V1 = "/api/v1/log"
_NO_DER = "ecdsa: Invalid IEEE_P1363 encoded bytes"


class Refused(Exception):
    """A status, and what the log says with it."""

    def __init__(self, status: int, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Rekor1:
    """`/api/v1/log/…`."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    @property
    def _log(self) -> RekorV1:
        return self._instance.world.rekor

    def respond(self, request: Request) -> Response:
        """Answer as the real one does."""
        path = request.path
        try:
            if path == f"{_V1}/entries":
                return self._entries(request)
            if path.startswith(f"{_V1}/entries/") and request.method == "GET":
                return self._by_uuid(path.rpartition("/")[2])
            if path == f"{_V1}/publicKey":
                return Response(200, {"Content-Type": "application/x-pem-file"}, self._log.public_pem)
            if path == _V1:
                return self._tree()
        except Refused as refused:
            allowed = {"Allow": "POST,GET"} if refused.status == 405 else {}
            return problem(refused.status, str(refused), refused.code, allowed)
        return problem(404, f"path {path} was not found")

    def _entries(self, request: Request) -> Response:
        if request.method == "POST":
            if request.headers.get("content-type", "").partition(";")[0] != "application/json":
                kind = request.headers.get("content-type", "")
                raise Refused(415, f'unsupported media type "{kind}", only [application/json] are allowed')
            return self._add(_proposed(request.body))
        if request.method != "GET":
            raise Refused(405, f"method {request.method} is not allowed, but [POST,GET] are")
        index = int(request.query.get("logIndex", "-1")) - self._log.offset
        return self._found(index)

    def _add(self, asked: Json) -> Response:
        body = self._body(asked)
        log = self._log
        leaf = canonical(body)
        if leaf in log.tree.leaves:
            uuid = log.uuid(log.tree.leaves.index(leaf))
            told = f"an equivalent entry already exists in the transparency log with UUID {uuid}"
            return problem(409, told, headers={"Location": f"{_V1}/entries/{uuid}"})
        index = log.add(leaf)
        log.times[index] = self._instance.clock()
        uuid = log.uuid(index)
        return answer(self._told(index), 201, {"Location": f"{_V1}/entries/{uuid}", "ETag": uuid})

    def _body(self, asked: Json) -> Json:
        make = {"hashedrekord": _hashedrekord_1, "dsse": _dsse_1}[asked["kind"]]
        try:
            wanted = make(asked["spec"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Refused(400, f"error processing entry: {error}") from error
        maker = self._log.hashedrekord if asked["kind"] == "hashedrekord" else self._log.dsse
        return maker(**{**wanted, **self._instance.wrong.logged})

    def _by_uuid(self, uuid: str) -> Response:
        if not re.fullmatch("[0-9a-fA-F]{64}|[0-9a-fA-F]{80}", uuid):
            raise Refused(422, "entryUUID in path should match '^([0-9a-fA-F]{64}|[0-9a-fA-F]{80})$'", 605)
        known = (index for index in self._log.times if self._log.uuid(index).endswith(uuid.lower()))
        return self._found(next(known, -1))

    def _found(self, index: int) -> Response:
        if index not in self._log.times:
            return Response(404)
        return answer(self._told(index))

    def _told(self, index: int) -> Json:
        """The entry as the API tells it."""
        log = self._log
        body = json.loads(log.tree.leaves[index])
        kind = {"kind": body["kind"], "version": body["apiVersion"]}
        wrong = self._instance.wrong.entry
        # Today's checkpoints have no further line.
        entry = log.entry(index, kind, **{**wrong, "note": {"extension": [], **wrong.get("note", {})}})
        found: Json = {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
            "logIndex": int(entry["logIndex"]),
            "verification": {},
        }
        if "inclusionProof" in entry:
            found["verification"]["inclusionProof"] = _proof_1(entry["inclusionProof"])
        if "inclusionPromise" in entry:
            found["verification"]["signedEntryTimestamp"] = entry["inclusionPromise"]["signedEntryTimestamp"]
        return {log.uuid(index): found}

    def _tree(self) -> Response:
        log = self._log
        size, root = len(log.tree.leaves), log.tree.root()
        found = {
            "inactiveShards": None,
            "rootHash": root.hex(),
            "signedTreeHead": log.note(size, root),
            "treeID": log.origin.rpartition(" ")[2],
            "treeSize": size,
        }
        return answer(found)


def _proposed(data: bytes) -> Json:
    try:
        found = json.loads(data)
    except ValueError as error:
        raise Refused(500, invalid_character(data.decode("latin-1"))) from error
    if not isinstance(found, dict) or "kind" not in found:
        raise Refused(422, "kind in body is required", 602)
    if found["kind"] not in ("hashedrekord", "dsse"):
        raise Refused(422, f'invalid kind value: "{found["kind"]}"')
    if found.get("apiVersion") != "0.0.1":
        raise Refused(422, "apiVersion in body should match '^(0|[1-9]\\d*)…'", 605)
    return found


def _proof_1(proof: Json) -> Json:
    found: Json = {
        "hashes": [base64.b64decode(one).hex() for one in proof["hashes"]],
        "logIndex": int(proof.get("logIndex", 0)),
        "rootHash": base64.b64decode(proof["rootHash"]).hex(),
        "treeSize": int(proof["treeSize"]),
    }
    if "checkpoint" in proof:
        found["checkpoint"] = proof["checkpoint"]["envelope"]
    return found


def _hashedrekord_1(spec: Json) -> Json:
    missing = [f"{name} in body is required" for name in ("data", "signature") if name not in spec]
    if missing:
        raise ValueError("\n".join(["validation failure list:", *missing]))
    hash_, signed = spec["data"]["hash"], spec["signature"]
    verifier, digest = _canonical(_decoded(signed["publicKey"]["content"])), bytes.fromhex(hash_["value"])
    signature = _decoded(signed["content"])
    if not is_signature(key_of(verifier), signature, digest, hash_["algorithm"]):
        is_der = signature.startswith(b"0")
        reason = "invalid signature when validating ASN.1 encoded signature" if is_der else _NO_DER
        raise ValueError(f"verifying signature: {reason}")
    return {"signature": signature, "verifier": verifier, "algorithm": hash_["algorithm"], "digest": digest}


def _dsse_1(spec: Json) -> Json:
    proposed = spec["proposedContent"]
    try:
        envelope = json.loads(proposed["envelope"])
    except ValueError as error:
        raise ValueError(invalid_character(proposed["envelope"])) from error
    (one,), (verifier,) = envelope["signatures"], map(_decoded, proposed["verifiers"])
    payload, signature = _decoded(envelope["payload"]), _decoded(one["sig"])
    verifier = _canonical(verifier)
    if not is_pure_signature(key_of(verifier), signature, pae(payload, envelope["payloadType"])):
        raise ValueError("could not verify envelope: accepted signatures do not match threshold, Found: 0, Expected 1")
    uploaded = proposed["envelope"].encode()
    return {"signature": signature, "verifier": verifier, "payload": payload, "envelope": uploaded}


def _canonical(verifier: bytes) -> bytes:
    """The PEM as Rekor writes it anew."""
    try:
        if b"CERTIFICATE" in verifier:
            return pem(x509.load_pem_x509_certificate(verifier).public_bytes(serialization.Encoding.DER))
        key = serialization.load_pem_public_key(verifier)
    except ValueError as error:
        raise ValueError("invalid public key: failure decoding PEM") from error
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
