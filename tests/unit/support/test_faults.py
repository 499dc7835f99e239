# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The faults are the faults that they claim to be."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import socket
import threading
import time
import typing as t

import pytest

from tests.support import faults, images
from tests.support.registry import EmbeddedRegistry
from tests.support.store import digest_of

PATH = "/v2/a/manifests/v1"


@pytest.fixture
def registry() -> t.Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as one:
        images.image().push_to(one, "a", "v1")
        yield one


def get(registry: EmbeddedRegistry, path: str = PATH) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", registry.port, timeout=2)
    with contextlib.closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        return response, response.read()


def raw(registry: EmbeddedRegistry, size: int = 1 << 20) -> bytes:
    """What comes until the connection ends, at most ``size`` bytes."""
    with socket.create_connection(("127.0.0.1", registry.port), 2) as sock:
        sock.sendall(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        data = b""
        while len(data) < size and (block := sock.recv(65536)):
            data += block
        return data


@pytest.fixture
def body(registry: EmbeddedRegistry) -> bytes:
    return get(registry)[1]


def test_which_requests_and_how_often(registry: EmbeddedRegistry) -> None:
    fault = registry.fault(("GET", r"/manifests/v1$"), faults.status(500), times=2, after=1)
    assert [get(registry)[0].status for dummy in range(5)] == [200, 500, 500, 200, 200]
    assert (fault.hits, get(registry, "/v2/")[0].status) == (2, 200)
    registry.fault(lambda request: "list" in request.path, faults.html())
    response, page = get(registry, "/v2/a/tags/list")
    assert (response.status, response.headers["Content-Type"], page[:9]) == (200, "text/html", b"<!DOCTYPE")
    registry.fault(("*", "."), faults.status(503))
    assert get(registry)[0].status == 503
    registry.clear_faults()
    assert get(registry)[0].status == 200


def test_statuses(registry: EmbeddedRegistry) -> None:
    registry.fault(("GET", "v1"), faults.too_many_requests("2"))
    assert get(registry)[0].headers["Retry-After"] == "2"
    registry.fault(("GET", "v1"), faults.redirect("http://127.0.0.1:1/x", 302))
    assert get(registry)[0].headers["Location"] == "http://127.0.0.1:1/x"


def test_cut_connections(registry: EmbeddedRegistry) -> None:
    registry.fault(("GET", "v1"), faults.reset)
    with pytest.raises(ConnectionResetError):
        get(registry)
    registry.fault(("GET", "v1"), faults.hang_up)
    with pytest.raises(http.client.RemoteDisconnected):
        get(registry)
    registry.fault(("GET", "v1"), faults.reset_mid_body)
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        get(registry)
    registry.fault(("GET", "v1"), faults.half_body)
    with pytest.raises(http.client.IncompleteRead):
        get(registry)
    registry.fault(("GET", "v1"), faults.half_body_chunked)
    with pytest.raises(http.client.IncompleteRead):
        get(registry)


def test_half_without_length_looks_whole(registry: EmbeddedRegistry, body: bytes) -> None:
    registry.fault(("GET", "v1"), faults.half_body_without_length)
    response, half = get(registry)
    assert (response.status, half, response.headers["Content-Length"]) == (200, body[: len(body) // 2], None)


def test_lost_answer_has_done_its_work(registry: EmbeddedRegistry) -> None:
    registry.fault(("POST", "uploads"), faults.lost_answer)
    digest = digest_of(b"x")
    connection = http.client.HTTPConnection("127.0.0.1", registry.port, timeout=2)
    connection.request("POST", f"/v2/a/blobs/uploads/?digest={digest}", b"x")
    with pytest.raises(ConnectionResetError):
        connection.getresponse()
    connection.close()
    assert digest in registry.repository("a").blobs


def test_too_much(registry: EmbeddedRegistry, body: bytes) -> None:
    registry.fault(("GET", "v1"), faults.endless_body)
    assert len(raw(registry, 5_000_000)) >= 5_000_000
    registry.fault(("GET", "v1"), faults.body_longer_than_length)
    assert get(registry)[1] == body
    assert len(raw(registry)) > len(body) + 65536
    registry.fault(("GET", "v1"), faults.huge_headers(200, 10))
    with pytest.raises(http.client.HTTPException):
        get(registry)
    registry.fault(("GET", "v1"), faults.many_layers(1000))
    assert len(json.loads(get(registry)[1])["layers"]) == 1000
    registry.fault(("GET", "v1"), faults.many_referrers(1000))
    assert len(json.loads(get(registry)[1])["manifests"]) == 1000


def test_too_slow(registry: EmbeddedRegistry, body: bytes) -> None:
    registry.fault(("GET", "v1"), faults.drip(50))
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", registry.port), 2) as sock:
        sock.sendall(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = b""
        while len(received.partition(b"\r\n\r\n")[2]) < 5:
            received += sock.recv(65536)
    assert time.monotonic() - start >= 0.07
    registry.fault(("GET", "v1"), faults.later(0.2))
    start = time.monotonic()
    assert get(registry)[1] == body
    assert time.monotonic() - start >= 0.2


def test_other_content(registry: EmbeddedRegistry, body: bytes) -> None:
    registry.fault(("GET", "v1"), faults.wrong_bytes)
    wrong = get(registry)[1]
    assert (len(wrong), wrong == body) == (len(body), False)
    registry.fault(("GET", "v1"), faults.header("Docker-Content-Digest", "sha256:" + "0" * 64))
    response, data = get(registry)
    assert (response.headers["Docker-Content-Digest"], data) == ("sha256:" + "0" * 64, body)
    registry.fault(("GET", "v1"), faults.body(b"{}", "text/plain"))
    response, data = get(registry)
    assert (response.headers["Content-Type"], data) == ("text/plain", b"{}")
    registry.fault(("GET", "v1"), faults.gzip_encoded)
    response, data = get(registry)
    assert (response.headers["Content-Encoding"], gzip.decompress(data)) == ("gzip", body)
    registry.fault(("GET", "v1"), faults.gzip_bomb(1_000_000))
    assert len(get(registry)[1]) < 2_000
    registry.clear_faults()
    assert get(registry)[1] == body, "faults change nothing that is stored"


def test_endless_pages(registry: EmbeddedRegistry) -> None:
    registry.fault(("GET", "referrers"), faults.endless_pages)
    path = "/v2/a/referrers/sha256:" + "0" * 64
    links = []
    for dummy in range(3):
        path = get(registry, path)[0].headers["Link"].partition(">")[0].strip("<")
        links.append(path)
    assert len(set(links)) == 3


def test_something_in_between(registry: EmbeddedRegistry) -> None:
    registry.fault(("GET", "v2"), faults.after(lambda: images.image("other").push_to(registry, "a", "v2")), times=1)
    assert get(registry, "/v2/a/manifests/v2")[0].status == 200


def test_stalled_handlers_end_with_the_registry() -> None:
    before = threading.active_count()
    with EmbeddedRegistry() as registry:
        registry.fault(("GET", "silence"), faults.silence)
        registry.fault(("GET", "endless"), faults.endless_body)
        registry.fault(("GET", "drip"), faults.drip(0.1))
        sockets = []
        for path in ("/silence", "/endless", "/drip"):
            sock = socket.create_connection(("127.0.0.1", registry.port), 2)
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            sockets.append(sock)
        sockets.append(socket.create_connection(("127.0.0.1", registry.port), 2))
        deadline = time.monotonic() + 5
        while len(registry.requests) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(registry.requests) == 3
        start = time.monotonic()
    assert time.monotonic() - start < 2
    assert threading.active_count() == before
    for sock in sockets:
        sock.close()
