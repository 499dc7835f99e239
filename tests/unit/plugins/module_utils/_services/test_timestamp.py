# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rfc3161 import parse_timestamp
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import Transport, TransportOptions
from ansible_collections.supplychain.cosign.plugins.module_utils._services.client import Client
from ansible_collections.supplychain.cosign.plugins.module_utils._services.timestamp import request_timestamp
from tests.support.http_server import Request, Response
from tests.support.sigstore.tsa import TimestampAuthority
from tests.support.sigstore.virtual import AT

from .conftest import Service

SIGNATURE = b"raw octets of a signature"
TSA = TimestampAuthority()


def nonce_of(request: Request) -> int:
    # The last element of the request.
    found = re.search(rb"\x04\x20.{32}\x02(.)(.*)\Z", request.body, re.DOTALL)
    assert found and found[1][0] == len(found[2])
    return int.from_bytes(found[2], "big", signed=True)


def stamp(request: Request, **wrong: t.Any) -> Response:
    made = TSA.timestamp(SIGNATURE, AT, **{"nonce": nonce_of(request), **wrong})
    return Response(200, {"Content-Type": "application/timestamp-reply"}, made)


def refused(client: Client) -> Rejection:
    with pytest.raises(Rejection) as caught:
        request_timestamp(client, SIGNATURE)
    assert re.match(r"[A-Z].*[.!]\Z", caught.value.message, re.DOTALL)
    return caught.value


@pytest.mark.parametrize("status", [200, 201])
def test_a_timestamp(service: Service, client: Client, status: int) -> None:
    service.answer = lambda request: Response(status, {}, stamp(request).body)
    token = request_timestamp(client, SIGNATURE)
    (request,) = service.requests
    assert (request.method, request.target) == ("POST", "/")
    assert request.headers["content-type"] == "application/timestamp-query"
    assert parse_timestamp(token).info.nonce == nonce_of(request) > 0


def test_every_request_has_another_nonce(service: Service, client: Client) -> None:
    service.answer = stamp
    for dummy in range(20):
        request_timestamp(client, SIGNATURE)
    nonces = {nonce_of(request) for request in service.requests}
    assert len(nonces) == 20
    assert max(nonces) > 2**56


@pytest.mark.parametrize("path", ["/api/v1/timestamp", "/tsa?policy=1"])
def test_the_url_is_the_address_itself(service: Service, path: str) -> None:
    service.answer = stamp
    with Transport(TransportOptions()) as transport:
        request_timestamp(Client(transport, service.url + path, "The authority"), SIGNATURE)
    assert service.requests[0].target == path


@pytest.mark.attack("AT-31e", "AT-40d")
@pytest.mark.parametrize("nonce", [None, 0, 1, 2**64])
def test_an_answer_to_another_request(service: Service, client: Client, nonce: int | None) -> None:
    service.answer = lambda request: stamp(request, nonce=nonce)
    assert refused(client).code == "TSA_INVALID"


@pytest.mark.attack("AT-31a", "AT-40d")
@pytest.mark.parametrize(
    "wrong", [{"imprint": b"\0" * 32}, {"hash_name": "sha384"}, {"hash_label": "sha512"}, {"hash_name": "sha1"}]
)
def test_a_timestamp_over_something_else(service: Service, client: Client, wrong: dict[str, t.Any]) -> None:
    service.answer = lambda request: stamp(request, **wrong)
    assert refused(client).code == "TSA_INVALID"


@pytest.mark.attack("AT-31e")
def test_an_authority_that_does_not_grant_it(service: Service, client: Client) -> None:
    service.answer = lambda request: stamp(request, status=2)
    rejection = refused(client)
    assert rejection.code == "TSA_INVALID"
    assert "rejection" in rejection.message and service.url in rejection.message


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, b"", "MALFORMED"),
        (200, b"<html>a page</html>", "MALFORMED"),
        (200, b"\x30\x80\0\0", "NON_CANONICAL"),
        (200, b"\x30" + b"a" * 70000, "LIMIT_EXCEEDED"),
        (200, b"a" * (4 * 2**20 + 1), "LIMIT_EXCEEDED"),
        (204, b"", "UNREACHABLE"),
        (400, b'{"code":400,"message":"hash algorithm not supported"}', "TSA_INVALID"),
        (401, b"", "AUTH_REFUSED"),
        (403, b"", "AUTH_REFUSED"),
        (404, b"", "UNREACHABLE"),
        (501, b"", "UNREACHABLE"),
    ],
)
def test_answers_that_are_none(service: Service, client: Client, status: int, body: bytes, code: str) -> None:
    service.says(status, body)
    rejection = refused(client)
    assert rejection.code == code
    assert status != 400 or "It said: 'hash algorithm not supported'" in rejection.message


@pytest.mark.attack("F-02", "F-07")
def test_it_asks_again(service: Service, client: Client) -> None:
    service.answer = lambda request: Response(503) if len(service.requests) == 1 else stamp(request)
    assert request_timestamp(client, SIGNATURE)
    service.says(500)
    assert refused(client).code == "UNREACHABLE"
