# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rekor v2 of the virtual services, with its tiles."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import typing as t

from tests.support.http_server import Request, Response
from tests.support.sigstore.rekor import RekorV2, canonical
from tests.support.sigstore.server_parts import (
    Instance,
    Json,
    answer,
    grpc_problem,
    invalid_character,
    is_signature,
    key_of,
)
from tests.support.sigstore.x509 import pem

_V2 = "/api/v2"
_TILE = 256
_DETAILS = {
    "PKIX_RSA_PKCS1V15_2048_SHA256": "sha256",
    "PKIX_RSA_PKCS1V15_3072_SHA256": "sha256",
    "PKIX_RSA_PKCS1V15_4096_SHA256": "sha256",
    "PKIX_ECDSA_P256_SHA_256": "sha256",
    "PKIX_ECDSA_P384_SHA_384": "sha384",
    "PKIX_ECDSA_P521_SHA_512": "sha512",
}


class Refused(Exception):
    """What the log says, always with status 400."""


class Rekor2:
    """`/api/v2/…`. `tiles` is whether what was logged can be read: the real server leaves that to a file server."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.tiles = True

    @property
    def _log(self) -> RekorV2:
        return self._instance.world.rekor2

    def respond(self, request: Request) -> Response:
        """Answer as the real one does."""
        path = request.path
        if path == f"{_V2}/log/entries":
            if request.method != "POST":
                return grpc_problem(501, 12, "Method Not Allowed")
            return self._add(request.body)
        if path == f"{_V2}/checkpoint":
            return self._read(request, "GetCheckpoint", self._checkpoint)
        if found := re.fullmatch(_V2 + r"/tile/(entries|\d+)((?:/x\d{3})*/\d{3})(?:\.p/(\d+))?", path):
            level, number, width = found.groups()
            name = "GetEntryBundle" if level == "entries" else "GetTile"
            place = int(number.replace("/x", "").replace("/", ""))
            return self._read(request, name, lambda: self._tile(level, place, int(width or _TILE)))
        if path == "/healthz":
            return answer({"status": "SERVING"})
        return grpc_problem(404, 5, "Not Found")

    def _add(self, data: bytes) -> Response:
        try:
            body = self._body(data)
        except Refused as refused:
            return grpc_problem(400, 3, str(refused))
        log = self._log
        leaf = canonical(body)
        if leaf in log.tree.leaves:
            index = str(log.tree.leaves.index(leaf))
            told = f"an equivalent entry already exists in the transparency log with index {index}"
            return grpc_problem(409, 6, told, {"X-Log-Index": index})
        kind = {"kind": body["kind"], "version": body["apiVersion"]}
        entry = log.entry(log.add(leaf), kind, **self._instance.wrong.entry)
        # Unlike other protojson it shows what is empty.
        shown: Json = {"integratedTime": "0", "inclusionPromise": None, **entry}
        if "inclusionProof" in entry:
            shown["inclusionProof"] = {"logIndex": "0", **entry["inclusionProof"]}
        return answer(shown, 201)

    def _body(self, data: bytes) -> Json:
        try:
            asked = json.loads(data)
        except ValueError as error:
            raise Refused(invalid_character(data.decode("latin-1"))) from error
        unknown = [name for name in asked if name not in ("hashedRekordRequestV002", "dsseRequestV002")]
        if unknown:
            raise Refused(f'proto: (line 1:2): unknown field "{unknown[0]}"')
        if "hashedRekordRequestV002" not in asked:
            raise Refused("invalid type, must be hashedrekord")
        try:
            wanted = _hashedrekord_2(asked["hashedRekordRequestV002"])
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise Refused("invalid hashedrekord request") from error
        return self._log.hashedrekord(**{**wanted, **self._instance.wrong.logged})

    def _read(self, request: Request, name: str, read: t.Callable[[], bytes | None]) -> Response:
        if not self.tiles or request.method != "GET":
            return grpc_problem(501, 12, f"method {name} not implemented")
        found = read()
        if found is None:
            return Response(404, {"Content-Type": "text/plain"}, b"404 page not found\n")
        return Response(200, {"Content-Type": "application/octet-stream"}, found)

    def _checkpoint(self) -> bytes:
        tree = self._log.tree
        return self._log.note(len(tree.leaves), tree.root()).encode()

    def _tile(self, level: str, number: int, width: int) -> bytes | None:
        """A tile of the tlog-tiles specification, or None where the tree does not reach so far."""
        tree, size = self._log.tree, 1 if level == "entries" else _TILE ** int(level)
        starts = range(number * _TILE * size, (number * _TILE + width) * size, size)
        if not 0 < width <= _TILE or starts[-1] + size > len(tree.leaves):
            return None
        if level == "entries":
            return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in (tree.leaves[one] for one in starts))
        return b"".join(tree.part(one, one + size) for one in starts)


def _hashedrekord_2(asked: Json) -> Json:
    signature, digest = _base64(asked["signature"]["content"]), _base64(asked["digest"])
    verifier = asked["signature"]["verifier"]
    if (details := verifier["keyDetails"]) not in _DETAILS:
        raise Refused(f'proto: (line 1:1): invalid value for enum field keyDetails: "{details}"')
    hash_name = _DETAILS[details]
    kind = "CERTIFICATE" if "x509Certificate" in verifier else "PUBLIC KEY"
    raw = _base64(verifier["x509Certificate" if kind == "CERTIFICATE" else "publicKey"]["rawBytes"])
    armoured = pem(raw).replace(b"CERTIFICATE", kind.encode())
    key, size = key_of(armoured), hashlib.new(hash_name).digest_size
    if len(digest) != size or not is_signature(key, signature, digest, hash_name):
        raise ValueError("signature")
    return {
        "signature": signature,
        "verifier": armoured,
        "algorithm": hash_name,
        "details": details,
        "digest": digest,
    }


def _base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
