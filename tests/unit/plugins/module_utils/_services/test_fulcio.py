# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json
import re
import typing as t

import pytest
from cryptography import x509

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._services.client import Client
from ansible_collections.supplychain.cosign.plugins.module_utils._services.fulcio import request_certificate
from tests.support.http_server import Request, Response
from tests.support.keys import KINDS, private_key
from tests.support.sigstore.virtual import AT, VirtualSigstore
from tests.support.sigstore.x509 import pem

from .conftest import Service

HEADER = base64.urlsafe_b64encode(b'{"alg":"RS256","typ":"JWT","kid":"1"}').decode().rstrip("=")
TOKEN = f"{HEADER}.{'Y2xhaW1z' * 20}.{'c2lnbmF0dXJl' * 20}"
VIRTUAL = VirtualSigstore()
CHAIN = [VIRTUAL.ca.intermediates[0].der, VIRTUAL.ca.root.der]


def certificate(public_key: t.Any) -> bytes:
    return VIRTUAL.ca.issue(public_key, AT)


def asked(request: Request) -> x509.CertificateSigningRequest:
    csr = base64.b64decode(json.loads(request.body)["certificateSigningRequest"])
    return x509.load_pem_x509_csr(csr)


def answer(version: int, certificates: t.Sequence[bytes], sct: str | None = None) -> Response:
    if version == 1:
        # With an empty line between, as the real one does.
        text = b"\n".join(pem(one) for one in certificates).strip()
        return Response(
            201, {"Content-Type": "application/pem-certificate-chain", **({"SCT": sct} if sct else {})}, text
        )
    issued: dict[str, t.Any] = {"chain": {"certificates": [pem(one).decode() for one in certificates]}}
    kind = "signedCertificateEmbeddedSct"
    if sct is not None:
        kind, issued["signedCertificateTimestamp"] = "signedCertificateDetachedSct", sct
    return Response(200, {"Content-Type": "application/json"}, json.dumps({kind: issued}).encode())


def refused(client: Client, version: int = 2) -> Rejection:
    with pytest.raises(Rejection) as caught:
        request_certificate(client, TOKEN, private_key(), version)
    message = caught.value.message
    assert re.match(r"[A-Z].*[.!]\Z", message, re.DOTALL)
    assert not any(part[:16] in message for part in TOKEN.split("."))
    return caught.value


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_it_proves_the_key_and_reads_the_certificates(
    service: Service, client: Client, version: int, kind: str
) -> None:
    issued: list[bytes] = []

    def issue(request: Request) -> Response:
        csr = asked(request)
        assert csr.is_signature_valid
        assert len(csr.subject) == 0
        hashed = csr.signature_hash_algorithm
        wanted = {"ecdsa-p384": "sha384", "ecdsa-p521": "sha512", "ed25519": None}.get(kind, "sha256")
        assert (hashed.name if hashed else None) == wanted
        issued[:] = [certificate(csr.public_key()), *CHAIN]
        return answer(version, issued)

    service.answer = issue
    assert request_certificate(client, TOKEN, private_key(kind), version) == tuple(issued)
    (request,) = service.requests
    assert (request.method, request.path) == ("POST", f"/api/v{version}/signingCert")
    assert request.headers["content-type"] == "application/json"
    if version == 1:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert TOKEN.encode() not in request.body
    else:
        assert "authorization" not in request.headers
        assert json.loads(request.body)["credentials"] == {"oidcIdentityToken": TOKEN}


@pytest.mark.attack("AT-40a")
@pytest.mark.parametrize("version", [1, 2])
def test_a_certificate_for_another_key(service: Service, client: Client, version: int) -> None:
    other = answer(version, [certificate(private_key(owner="another").public_key()), *CHAIN])
    service.answer = lambda request: other
    assert refused(client, version).code == "KEY_MISMATCH"


@pytest.mark.attack("AT-40a")
def test_the_first_certificate_is_the_one_that_counts(service: Service, client: Client) -> None:
    service.answer = lambda request: answer(2, [CHAIN[0], certificate(asked(request).public_key())])
    assert refused(client).code == "KEY_MISMATCH"


def test_among_the_certificates_is_something_else(service: Service, client: Client) -> None:
    key = b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
    service.answer = lambda request: Response(201, {}, pem(certificate(asked(request).public_key())) + key)
    assert refused(client, 1).code == "MALFORMED"


@pytest.mark.attack("AT-40b")
@pytest.mark.parametrize("version", [1, 2])
def test_a_timestamp_beside_the_certificate(service: Service, client: Client, version: int) -> None:
    service.answer = lambda request: answer(version, [certificate(asked(request).public_key()), *CHAIN], "e30=")
    assert refused(client, version).code == "SCT_INVALID"


def test_a_fulcio_without_a_certificate_log(service: Service, client: Client) -> None:
    service.answer = lambda request: answer(2, [certificate(asked(request).public_key()), *CHAIN], "")
    assert len(request_certificate(client, TOKEN, private_key())) == 3


@pytest.mark.attack("AT-40e")
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_is_told_without_the_token(service: Service, client: Client, version: int, status: int) -> None:
    said = {"code": 16, "message": f"no such issuer\n in <{TOKEN}>, nor in {TOKEN.split('.')[1][3:40]}", "details": []}
    service.says(status, json.dumps(said).encode())
    rejection = refused(client, version)
    assert rejection.code == "AUTH_REFUSED"
    assert "It said: 'no such issuer in <...>, nor in ...'." in rejection.message
    assert service.url in rejection.message


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", ""),
        (b"<html><body>no</body></html>", ""),
        (b"plain words", " It said: 'plain words'."),
        (b'{"error": "other"}', """ It said: '{"error": "other"}'."""),
        (b"long " * 20000, f" It said: '{('long ' * 40)}'."),
        (b"\xff\x00\x1b[1m", " It said: '\ufffd\\x00\\x1b[1m'."),
    ],
)
def test_what_a_service_says_is_told_shortly(service: Service, client: Client, body: bytes, told: str) -> None:
    service.says(403, body)
    assert f"answered 403 to the request for a certificate.{told} Check" in refused(client).message


@pytest.mark.attack("F-07")
@pytest.mark.parametrize(
    ("status", "code"), [(404, "UNREACHABLE"), (418, "UNREACHABLE"), (501, "UNREACHABLE"), (204, "UNREACHABLE")]
)
def test_other_answers(service: Service, client: Client, status: int, code: str) -> None:
    service.says(status)
    rejection = refused(client)
    assert rejection.code == code
    assert ("Check its URL" in rejection.message) is (status == 404)
    assert len(service.requests) == 1


@pytest.mark.attack("F-02", "F-07")
@pytest.mark.parametrize("status", [429, 500, 503])
def test_it_asks_again_and_ends(service: Service, client: Client, status: int) -> None:
    service.says(status, TOKEN.encode())
    assert refused(client).code == ("RATE_LIMITED" if status == 429 else "UNREACHABLE")
    assert len(service.requests) == 5


@pytest.mark.attack("F-07")
def test_a_second_try_helps(service: Service, client: Client) -> None:
    def once_unwell(request: Request) -> Response:
        unwell = len(service.requests) == 1
        return Response(503) if unwell else answer(2, [certificate(asked(request).public_key()), *CHAIN])

    service.answer = once_unwell
    assert len(request_certificate(client, TOKEN, private_key())) == 3


@pytest.mark.attack("AT-40f")
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_token_goes_to_nobody_else(
    service: Service, elsewhere: Service, client: Client, version: int, status: int
) -> None:
    service.says(status, Location=f"{elsewhere.url}/api/v2/signingCert")
    assert refused(client, version).code == "REDIRECT_REFUSED"
    assert elsewhere.requests == []


MANY = {"signedCertificateEmbeddedSct": {"chain": {"certificates": [pem(CHAIN[0]).decode()] * 11}}}


@pytest.mark.parametrize(
    ("version", "body", "code"),
    [
        (1, b"", "MALFORMED"),
        (1, b"{}", "MALFORMED"),
        (1, pem(CHAIN[0]) * 11, "LIMIT_EXCEEDED"),
        (1, b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "MALFORMED"),
        (1, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "MALFORMED"),
        (1, b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "MALFORMED"),
        (1, b"-----BEGIN CERTIFICATE-----\n" + b"A" * 70000, "LIMIT_EXCEEDED"),
        (2, b"", "MALFORMED"),
        (2, b"[]", "MALFORMED"),
        (2, b"{}", "MALFORMED"),
        (2, b'{"signedCertificateEmbeddedSct": {"chain": {"certificates": []}}}', "MALFORMED"),
        (2, b'{"signedCertificateEmbeddedSct": {"chain": {"certificates": [1]}}}', "MALFORMED"),
        (2, b'{"signedCertificateEmbeddedSct": {"chain": {"certificates": "text"}}}', "MALFORMED"),
        (2, b'{"signedCertificateEmbeddedSct": {"chain": {"certificates": ["no PEM"]}}}', "MALFORMED"),
        (2, b'{"signedCertificateDetachedSct": {"signedCertificateTimestamp": 1}}', "MALFORMED"),
        (2, json.dumps(MANY).encode(), "LIMIT_EXCEEDED"),
        (2, b" " * (4 * 2**20 + 1), "LIMIT_EXCEEDED"),
    ],
)
def test_answers_that_are_none(service: Service, client: Client, version: int, body: bytes, code: str) -> None:
    service.says(200, body)
    assert refused(client, version).code == code
