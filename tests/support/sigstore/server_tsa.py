# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The timestamp authority of the virtual services (RFC 3161 over HTTP)."""

from __future__ import annotations

import secrets

from tests.support.http_server import Request, Response
from tests.support.sigstore import der
from tests.support.sigstore.server_parts import Instance, Json, problem
from tests.support.sigstore.tsa import HASH_OIDS, POLICY

PATH = "/api/v1/timestamp"
_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"
_SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}
_HASHES = {der.oid(dotted): name for name, dotted in HASH_OIDS.items() if name in (*_SIZES, "sha1")}


class Refused(Exception):
    """What the authority says, always with status 400."""


class Authority:
    """Takes requests in DER only, the real one in JSON too; what it says of its certificate is hashed with SHA-256, the
    real one takes the hash of the request."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def respond(self, request: Request) -> Response:
        """Answer as the real one does."""
        if request.path == f"{PATH}/certchain" and request.method == "GET":
            chain = self._instance.world.tsa.chain_pem()
            return Response(200, {"Content-Type": "application/pem-certificate-chain"}, chain)
        if request.path == "/ping":
            return Response(200, {"Content-Type": "text/plain"}, b".")
        if request.path != PATH:
            return problem(404, f"path {request.path} was not found")
        if request.method != "POST":
            return problem(405, f"method {request.method} is not allowed, but [POST] are", headers={"Allow": "POST"})
        kind = request.headers.get("content-type", "")
        if kind != _QUERY:
            return problem(415, f'unsupported media type "{kind}", only [{_QUERY} application/json] are allowed')
        if not request.body:
            return problem(422, "request in body is required", 602)
        try:
            return Response(200, {"Content-Type": _REPLY}, self._stamp(request.body))
        except Refused as refused:
            # It says so of its errors too, which are JSON.
            return problem(400, str(refused), headers={"Content-Type": _REPLY})

    def _stamp(self, data: bytes) -> bytes:
        try:
            asked, with_certificate = _parsed(data)
        except (ValueError, IndexError, KeyError) as error:
            raise Refused("Error generating timestamp response") from error
        tsa, at = self._instance.world.tsa, self._instance.clock().replace(microsecond=0)
        # An empty bag of certificates, and not none: Go writes it so.
        certificates = [tsa.leaf.der if with_certificate else b""]
        own = {"certificates": certificates, "serial": secrets.randbits(160)}
        return tsa.timestamp(b"", at, **{**asked, **own, **self._instance.wrong.stamp})


def _parsed(data: bytes) -> tuple[Json, bool]:
    """A TimeStampReq (RFC 3161 §2.4.1): what to answer, and whether the certificate is wanted."""
    ((tag, content),) = der.parts(data)
    (_version, (_imprint, imprint), *options) = der.parts(content)
    ((_algorithm, algorithm), (_octets, digest)) = der.parts(imprint)
    if tag != 0x30:
        raise ValueError("no sequence")
    name = _HASHES[der.tlv(*der.parts(algorithm)[0])]
    given = dict(options)
    if name == "sha1":
        raise Refused("Weak hash algorithm in timestamp request")
    if len(digest) != _SIZES[name]:
        raise Refused("Message digest has incorrect length for specified algorithm")
    if der.tlv(0x06, given.get(0x06, b"")) not in (der.oid(POLICY), der.tlv(0x06, b"")):
        raise Refused("unaccepted policy: requested TSA policy is not supported by the TSA")
    nonce = int.from_bytes(given[0x02], "big", signed=True) if 0x02 in given else None
    return {"imprint": digest, "hash_label": name, "nonce": nonce}, given.get(0x01, b"\0") != b"\0"
