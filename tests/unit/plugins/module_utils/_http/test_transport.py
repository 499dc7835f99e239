# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import email.utils
import gc
import socket
import ssl
import threading
import time
import typing as t
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._http import dial, proxy, transport
from ansible_collections.supplychain.cosign.plugins.module_utils._http.proxy import Proxies, proxies_from
from ansible_collections.supplychain.cosign.plugins.module_utils._http.request import Request, retry_after
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import Transport
from ansible_collections.supplychain.cosign.plugins.module_utils._http.url import Origin, origin_of, parse_url
from ansible_collections.supplychain.cosign.plugins.module_utils._http.wire import (
    Broken,
    Connection,
    Deadline,
    TooLong,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._http.wire import Response as WireResponse
from tests.support import faults
from tests.support.certificates import Authority
from tests.support.http_server import Exchange, Response
from tests.support.proxy import ConnectProxy
from tests.support.registry import EmbeddedRegistry

from .._registry.conftest import CANARY, LIMIT, REPOSITORY, Content, Opener, code_of, put, resolve_to

MANIFEST = ("GET", "/manifests/")


@pytest.fixture
def content(registry: EmbeddedRegistry) -> Content:
    return Content().into(registry, "v1")


# Waiting and trying again


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("2", 2.0),
        ("0", 0.0),
        ("99999", 99999.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("1" * 20, None),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("Sun, 99 Nov 1994 08:49:37 GMT", None),
        (None, None),
    ],
)
def test_F_01_retry_after(asked: str | None, expected: float | None) -> None:
    assert retry_after(asked) == expected


def test_F_01_retry_after_a_date() -> None:
    found = retry_after(email.utils.formatdate(time.time() + 10, usegmt=True))
    assert found is not None
    assert 8 < found < 11


@given(st.text())
def test_F_01_any_retry_after(text: str) -> None:
    found = retry_after(text)
    assert found is None or found >= 0


@pytest.mark.parametrize("asked", ["1", "date"])
@pytest.mark.parametrize("status", [429, 503])
def test_F_01_waits_as_long_as_it_is_asked(
    registry: EmbeddedRegistry, opener: Opener, content: Content, asked: str, status: int
) -> None:
    value = email.utils.formatdate(time.time() + 2, usegmt=True) if asked == "date" else asked
    fault = registry.fault(MANIFEST, faults.status(status, {"Retry-After": value}), times=1)
    started = time.monotonic()
    assert opener.place(registry).get_manifest("v1") == content.manifest
    assert time.monotonic() - started > 0.9
    assert fault.hits == 1


@pytest.mark.parametrize("asked", [None, "0", "-1", "garbage"])
@pytest.mark.parametrize(("method", "tries"), [("GET", 5), ("HEAD", 5), ("POST", 5), ("PUT", 5)])
def test_F_01_gives_up(registry: EmbeddedRegistry, opener: Opener, asked: str | None, method: str, tries: int) -> None:
    place = opener.place(registry)
    fault = registry.fault((method, ""), faults.too_many_requests(asked))
    act = (lambda: place.get_manifest("v1")) if method == "GET" else (lambda: put(place, b"data"))
    assert code_of(act) == "RATE_LIMITED"
    assert fault.hits == tries


def test_F_01_does_not_wait_longer_than_there_is_time(registry: EmbeddedRegistry, opener: Opener) -> None:
    fault = registry.fault(MANIFEST, faults.too_many_requests("99999"))
    place = opener.place(registry)
    started = time.monotonic()
    with pytest.raises(Rejection, match="99999") as caught:
        place.get_manifest("v1")
    assert caught.value.code == "RATE_LIMITED"
    assert code_of(lambda: place.get_manifest("v2")) == "RATE_LIMITED"
    assert time.monotonic() - started < 5
    assert fault.hits == 1, "the registry is left alone from then on"


def test_F_01_a_pause_is_shared_by_all_threads(registry: EmbeddedRegistry, opener: Opener, content: Content) -> None:
    place = opener.place(registry)
    registry.fault(MANIFEST, faults.too_many_requests("1"), times=1)
    with pytest.raises(Rejection):
        opener.place(registry, retries=0).get_manifest("v1")
    registry.fault(MANIFEST, faults.too_many_requests("1"), times=1)
    threads = [threading.Thread(target=place.get_manifest, args=("v1",))]
    threads[0].start()
    time.sleep(0.3)
    registry.reset_requests()
    threads += [threading.Thread(target=place.get_manifest, args=("v1",)) for dummy in range(8)]
    for thread in threads[1:]:
        thread.start()
    time.sleep(0.3)
    assert registry.requests == []
    for thread in threads:
        thread.join()
    assert len(registry.requests) == 9


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
@pytest.mark.parametrize("times", [1, 2, None])
def test_F_02_tries_again(
    registry: EmbeddedRegistry, opener: Opener, content: Content, status: int, times: int | None
) -> None:
    fault = registry.fault(MANIFEST, faults.status(status), times=times)
    place = opener.place(registry)
    if times:
        assert place.get_manifest("v1") == content.manifest
    else:
        assert code_of(lambda: place.get_manifest("v1")) == "UNREACHABLE"
    assert fault.hits == (times or 5)


@pytest.mark.parametrize("status", [400, 403, 409, 418, 501, 505])
def test_F_02_what_is_never_tried_again(registry: EmbeddedRegistry, opener: Opener, status: int) -> None:
    fault = registry.fault(MANIFEST, faults.status(status))
    code_of(lambda: opener.place(registry).get_manifest("v1"))
    assert fault.hits == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(faults.reset, id="F-03-before-headers"),
        pytest.param(faults.hang_up, id="F-03-closed"),
        pytest.param(faults.reset_mid_body, id="F-03-mid-body"),
        pytest.param(faults.lost_answer, id="F-03-lost"),
        pytest.param(faults.half_body, id="F-04-length"),
        pytest.param(faults.half_body_chunked, id="F-04-chunked"),
    ],
)
def test_F_03_F_04_broken_answers(
    registry: EmbeddedRegistry, opener: Opener, content: Content, answer: faults.Answer
) -> None:
    registry.fault(MANIFEST, answer, times=2)
    assert opener.place(registry).get_manifest("v1") == content.manifest


def test_F_04_half_a_manifest_without_length_is_never_whole(
    registry: EmbeddedRegistry, opener: Opener, content: Content
) -> None:
    registry.fault(MANIFEST, faults.half_body_without_length)
    assert code_of(lambda: opener.place(registry).get_manifest("v1")) == "MALFORMED"
    assert code_of(lambda: opener.place(registry).get_manifest(content.manifest.digest)) == "DIGEST_MISMATCH"


def test_a_stale_connection_is_replaced_at_once(registry: EmbeddedRegistry, opener: Opener, content: Content) -> None:
    place = opener.place(registry, retries=0)
    place.get_manifest("v1")
    registry.fault(MANIFEST, faults.hang_up, times=1)
    assert place.get_manifest("v1") == content.manifest
    assert [request.connection for request in registry.requests] == [1, 1, 2]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(faults.drip(10), id="AT-03-e-body"),
        pytest.param(faults.drip(10, headers=True), id="F-05-headers"),
        pytest.param(faults.silence, id="F-05-silence"),
        pytest.param(faults.endless_body, id="F-05-endless"),
    ],
)
@pytest.mark.parametrize("look", ["manifest", "blob", "open"])
def test_F_05_slow_servers(registry: EmbeddedRegistry, opener: Opener, answer: faults.Answer, look: str) -> None:
    content = Content("x" * 1000).into(registry, "v1")
    place = opener.place(registry, total_timeout=0.6)
    registry.fault(("GET", "/manifests/" if look == "manifest" else "/blobs/"), answer)

    def stream() -> None:
        with place.open_blob(content.descriptor) as chunks:
            for _chunk in chunks:
                pass

    looks: dict[str, t.Callable[[], object]] = {
        "manifest": lambda: place.get_manifest("v1"),
        "blob": lambda: place.get_blob(content.descriptor, LIMIT),
        "open": stream,
    }
    started = time.monotonic()
    assert code_of(looks[look]) in ("UNREACHABLE", "LIMIT_EXCEEDED", "SIZE_MISMATCH")
    assert time.monotonic() - started < 1.6


def test_F_05_a_handshake_that_never_ends(opener: Opener) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        place = opener.transport(allow_http=False, total_timeout=0.5)
        started = time.monotonic()
        with pytest.raises(Rejection) as caught:
            place.send(request_for(f"https://{host}/"), place.deadline())
        assert caught.value.code == "UNREACHABLE"
        assert time.monotonic() - started < 1.5


def test_F_05_a_name_that_is_never_looked_up(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: [ended.wait(5)][1:])
    one = opener.transport(total_timeout=0.5)
    started = time.monotonic()
    with pytest.raises(Rejection) as caught:
        one.send(request_for("https://reg.example/"), one.deadline())
    ended.set()
    assert caught.value.code == "UNREACHABLE"
    assert time.monotonic() - started < 1.5


# The wire


def request_for(url: str, home: str | None = None, **more: t.Any) -> Request:
    found = parse_url(url)
    return Request(more.pop("method", "GET"), found, parse_url(home).origin if home else found.origin, **more)


def wire_response(data: bytes, method: str = "GET") -> WireResponse:
    """The response that these bytes are, from a peer that then closes."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(data)
    return WireResponse(Connection(ours, 5), method, Deadline(5))


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nabcde", b"abc"),
        (b"HTTP/1.0 200 OK\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: x\r\n\r\n", b"abc"),
        (b"HTTP/1.1 204 No Content\r\n\r\nabc", b""),
        (b"HTTP/1.1 200 OK\r\ncontent-length:   3  \r\n\r\nabc", b"abc"),
    ],
)
def test_responses(data: bytes, body: bytes) -> None:
    assert wire_response(data).read(10) == body


def test_a_body_that_says_it_is_too_long_is_not_read() -> None:
    with pytest.raises(TooLong):
        wire_response(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n").read(10)


def test_a_response_to_head_has_no_body() -> None:
    response = wire_response(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "HEAD")
    assert response.read(10) == b""
    assert response.is_reusable


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
        b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\x00c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: \xb3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"T: x\r\n" * 200,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
    ],
)
def test_what_is_no_response(data: bytes) -> None:
    with pytest.raises(Broken):
        wire_response(data).read(1000)


@given(st.binary(max_size=200) | st.builds(lambda rest: b"HTTP/1.1 200 OK\r\n" + rest, st.binary(max_size=200)))
def test_any_bytes_are_a_response_or_broken(data: bytes) -> None:
    with contextlib.suppress(Broken):
        assert len(wire_response(data).read(1000)) <= len(data)


# The pool


@pytest.mark.parametrize("late", [False, True])
def test_an_answer_that_nobody_asked_for_is_no_answer(
    registry: EmbeddedRegistry, opener: Opener, content: Content, late: bool
) -> None:
    evil = Content("evil").manifest
    forged = Response(200, {"Content-Type": evil.media_type, "Docker-Content-Digest": evil.digest}, evil.data)

    def two_answers(exchange: Exchange) -> None:
        honest = exchange.normal()
        head, body = honest.head(), honest.body
        if late:
            exchange.send(head + body)
            exchange.pause(0.1)
            exchange.send(forged.head() + forged.body)
        else:
            exchange.send(head + body + forged.head() + forged.body)
        exchange.pause(1)

    registry.fault(("GET", "/blobs/"), two_answers)
    place = opener.place(registry)
    assert place.get_blob(content.descriptor, LIMIT) == content.blob
    time.sleep(0.3)
    assert place.get_manifest("v1") == content.manifest


def test_a_body_that_was_not_read_ends_the_connection() -> None:
    response = wire_response(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
    assert not response.is_reusable
    response.read(10)
    assert response.is_reusable


def test_a_blob_that_is_left_in_the_middle(registry: EmbeddedRegistry, opener: Opener) -> None:
    content = Content("x" * 3_000_000).into(registry, "v1")
    place = opener.place(registry)
    with place.open_blob(content.descriptor) as chunks:
        next(iter(chunks))
    assert place.get_manifest("v1") == content.manifest
    assert [request.connection for request in registry.requests] == [1, 2]


def test_connections_are_kept_and_closed(registry: EmbeddedRegistry, opener: Opener, content: Content) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        one = opener.transport(max_connections=3)
        requests = [
            threading.Thread(target=one.send, args=(request_for(f"{registry.url}/v2/"), one.deadline()))
            for dummy in range(20)
        ]
        for thread in requests:
            thread.start()
        for thread in requests:
            thread.join()
        one.send(request_for(f"{registry.url}/v2/"), one.deadline())
        assert wait_for(lambda: registry.connections <= 3)
        one.close()
        assert wait_for(lambda: registry.connections == 0)
        one.send(request_for(f"{registry.url}/v2/"), one.deadline())
        assert wait_for(lambda: registry.connections == 0), "a closed transport keeps nothing"
        gc.collect()


def wait_for(condition: t.Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


# Redirects


def test_redirects_on_the_same_origin(registry: EmbeddedRegistry, opener: Opener, content: Content) -> None:
    there = f"/v2/{REPOSITORY}/manifests/{content.manifest.digest}"
    registry.fault(("GET", "/manifests/v1"), faults.redirect(there))
    assert opener.place(registry).get_manifest("v1") == content.manifest


def test_redirects_have_a_limit(registry: EmbeddedRegistry, opener: Opener) -> None:
    fault = registry.fault(MANIFEST, faults.redirect(f"/v2/{REPOSITORY}/manifests/v1"))
    assert code_of(lambda: opener.place(registry).get_manifest("v1")) == "REDIRECT_REFUSED"
    assert fault.hits == 6


@pytest.mark.parametrize(
    "location",
    ["", "ftp://a/", "http://user@127.0.0.1/", "http://a\\b/", "http://127.0.0.1:0/", "http://ä/", "a b"],
)
def test_AT_07_redirects_to_no_plain_address(registry: EmbeddedRegistry, opener: Opener, location: str) -> None:
    registry.fault(MANIFEST, faults.redirect(location))
    # an empty Location is the same page, again and again
    assert code_of(lambda: opener.place(registry).get_manifest("v1")) in ("REDIRECT_REFUSED", "UNREACHABLE")


@pytest.mark.parametrize(
    "host",
    """
    127.0.0.1 localhost 127.1 2130706433 0x7f000001 0177.0.0.1 0 0.0.0.0 [::] [::1] [::ffff:127.0.0.1]
    [::ffff:169.254.169.254] [64:ff9b::a9fe:a9fe] [2002:7f00:1::] [fec0::1] [fd00:ec2::254] 169.254.169.254
    100.100.100.200 10.0.0.1
    """.split(),
)
def test_AT_07_redirects_into_private_networks(registry: EmbeddedRegistry, opener: Opener, host: str) -> None:
    with EmbeddedRegistry() as inside:
        registry.fault(MANIFEST, faults.redirect(f"http://{host}:{inside.port}/v2/{REPOSITORY}/manifests/v1"))
        assert code_of(lambda: opener.place(registry, retries=0).get_manifest("v1")) == "REDIRECT_REFUSED"
        assert inside.requests == []
        assert inside.connections == 0


def test_AT_07_every_address_is_checked(
    registry: EmbeddedRegistry, opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, {"cdn.example": ["1.1.1.1", "127.0.0.1"]})
    registry.fault(MANIFEST, faults.redirect(f"http://cdn.example:{registry.port}/x"))
    assert code_of(lambda: opener.place(registry, retries=0).get_manifest("v1")) == "REDIRECT_REFUSED"


def test_AT_07_what_was_checked_is_connected_to(
    registry: EmbeddedRegistry, opener: Opener, monkeypatch: pytest.MonkeyPatch, content: Content
) -> None:
    looked_up: list[str] = []

    def rebinding(host: str, service: int, **_more: t.Any) -> list[t.Any]:
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", service))]

    # the first and only look-up counts: here it is taken to be public, and a second one would be noticed
    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(dial, "is_public", lambda _address: True)
    registry.fault(("GET", "/manifests/v1"), faults.redirect(f"http://cdn.example:{registry.port}/blob"))
    registry.fault(
        ("GET", "/blob"), faults.status(200, body=content.manifest.data, media_type=content.manifest.media_type)
    )
    place = opener.place(registry)
    for dummy in range(2):
        assert place.get_manifest("v1") == content.manifest
    assert looked_up.count("cdn.example") == 1


@pytest.mark.parametrize("status", [301, 302, 303])
def test_AT_08_g_writes_are_not_turned_into_reads(
    registry: EmbeddedRegistry, opener: Opener, content: Content, status: int
) -> None:
    fault = registry.fault(("PUT", ""), faults.redirect("/v2/", status))
    assert code_of(lambda: opener.place(registry).put_manifest(content.manifest)) == "REDIRECT_REFUSED"
    assert fault.hits == 1


@pytest.mark.parametrize("status", [307, 308])
def test_AT_08_g_method_and_body_are_kept(
    registry: EmbeddedRegistry, opener: Opener, content: Content, status: int
) -> None:
    there = f"/v2/moved/app/manifests/{content.manifest.digest}"
    content.blobs_into(registry, "moved/app")
    registry.fault(("PUT", REPOSITORY), faults.redirect(there, status))
    opener.place(registry).put_manifest(content.manifest)
    assert content.manifest.digest in registry.repository("moved/app").manifests


def test_AT_08_g_a_body_goes_elsewhere_only_encrypted(
    registry: EmbeddedRegistry, opener: Opener, content: Content
) -> None:
    with EmbeddedRegistry() as other:
        registry.fault(("PUT", ""), faults.redirect(f"http://localhost:{other.port}/x"))
        place = opener.place(registry, trusted_realms=("localhost",))
        assert code_of(lambda: place.put_manifest(content.manifest)) == "REDIRECT_REFUSED"
        assert other.requests == []


def test_AT_08_l_spellings_of_one_origin() -> None:
    assert origin_of("https", "Example.COM:443") == Origin("https", "example.com", 443)


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def secure(authority: Authority) -> t.Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry(tls=authority.server()) as registry:
        Content().into(registry, "v1")
        yield registry


def test_tls(opener: Opener, secure: EmbeddedRegistry, authority: Authority) -> None:
    place = opener.place(secure, allow_http=False, ca_file=str(authority.ca))
    assert place.get_manifest("v1") == Content().manifest
    assert put(place, b"x" * 3_000_000)


@pytest.mark.parametrize("allow_http", [False, True])
@pytest.mark.parametrize(
    ("names", "expired", "trusted"),
    [
        pytest.param((), False, False, id="AT-10-e-unknown-authority"),
        pytest.param((), True, True, id="AT-10-e-expired"),
        pytest.param(("other.example",), False, True, id="AT-10-e-other-name"),
    ],
)
def test_AT_10_certificates(
    opener: Opener,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    names: tuple[str, ...],
    expired: bool,
    trusted: bool,
    allow_http: bool,
) -> None:
    monkeypatch.setattr(transport, "is_loopback", lambda _host: False)
    with EmbeddedRegistry(tls=authority.server(*names, expired=expired)) as registry:
        ca_file = str(authority.ca) if trusted else None
        # AT-10-b: where http is allowed, a certificate is still no reason to go without
        with pytest.raises(Rejection) as caught:
            opener.place(registry, allow_http=allow_http, ca_file=ca_file).get_manifest("v1")
        assert caught.value.code == "TLS_REFUSED"
        assert registry.requests == []


def test_allow_insecure(opener: Opener, secure: EmbeddedRegistry) -> None:
    place = opener.place(secure, allow_http=False, allow_insecure=True)
    assert place.get_manifest("v1") == Content().manifest


def test_AT_10_c_allow_insecure_is_for_the_registry_only(
    opener: Opener, secure: EmbeddedRegistry, authority: Authority
) -> None:
    with EmbeddedRegistry(tls=authority.server()) as other:
        secure.fault(MANIFEST, faults.redirect(f"https://localhost:{other.port}/x"))
        place = opener.place(secure, allow_http=False, allow_insecure=True, trusted_realms=("localhost",))
        assert code_of(lambda: place.get_manifest("v1")) == "TLS_REFUSED"
        realm = f'Bearer realm="https://localhost:{other.port}/token"'
        secure.fault(MANIFEST, faults.status(401, {"WWW-Authenticate": realm}))
        assert code_of(lambda: place.get_manifest("v1")) == "TLS_REFUSED"
        assert other.requests == []


@pytest.mark.parametrize("content", [None, "", "no certificate"], ids=["missing", "empty", "garbage"])
def test_AT_10_d_ca_files(opener: Opener, secure: EmbeddedRegistry, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    place = opener.place(secure, allow_http=False, ca_file=str(path))
    with pytest.raises(Rejection, match=str(path)) as caught:
        place.get_manifest("v1")
    assert caught.value.code == "TLS_REFUSED"


def test_AT_08_c_https_to_http(
    opener: Opener, secure: EmbeddedRegistry, registry: EmbeddedRegistry, authority: Authority
) -> None:
    secure.fault(MANIFEST, faults.redirect(f"{registry.url}/v2/{REPOSITORY}/manifests/v1"))
    place = opener.place(secure, ca_file=str(authority.ca), allow_http=False, trusted_realms=("127.0.0.1",))
    assert code_of(lambda: place.get_manifest("v1")) == "REDIRECT_REFUSED"
    assert registry.requests == []


def test_client_certificates(opener: Opener, authority: Authority) -> None:
    ours = authority.client()
    options: dict[str, t.Any] = {"allow_http": False, "ca_file": str(authority.ca)}
    with EmbeddedRegistry(tls=authority.server(), client_ca=authority.ca) as registry:
        content = Content().into(registry, "v1")
        mutual = {"client_cert": str(ours.certificate), "client_key": str(ours.key), **options}
        assert opener.place(registry, **mutual).get_manifest("v1") == content.manifest
        assert code_of(lambda: opener.place(registry, retries=1, **options).get_manifest("v1")) == "TLS_REFUSED"
        broken = {**mutual, "client_key": str(authority.ca)}
        assert code_of(lambda: opener.place(registry, **broken).get_manifest("v1")) == "TLS_REFUSED"
        # AT-08: the certificate is for the registry, not for where it redirects to
        with EmbeddedRegistry(tls=authority.server()) as first:
            first.fault(MANIFEST, faults.redirect(f"https://localhost:{registry.port}/v2/{REPOSITORY}/manifests/v1"))
            place = opener.place(first, trusted_realms=("localhost",), retries=1, **mutual)
            assert code_of(lambda: place.get_manifest("v1")) == "TLS_REFUSED"
            assert len(registry.requests) == 1


@pytest.mark.parametrize("loopback", [True, False])
def test_AT_10_a_http_only_where_it_is_allowed(
    registry: EmbeddedRegistry, opener: Opener, content: Content, monkeypatch: pytest.MonkeyPatch, loopback: bool
) -> None:
    if not loopback:
        monkeypatch.setattr(transport, "is_loopback", lambda _host: False)
    with pytest.raises(Rejection, match="allow_http_registry") as caught:
        opener.place(registry, allow_http=False, retries=1).get_manifest("v1")
    assert caught.value.code == "TLS_REFUSED"
    assert registry.requests == []
    assert opener.place(registry, allow_http=True).get_manifest("v1") == content.manifest


def test_allow_http_still_speaks_tls_where_there_is_tls(
    opener: Opener, secure: EmbeddedRegistry, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "is_loopback", lambda _host: False)
    place = opener.place(secure, allow_http=True, ca_file=str(authority.ca))
    assert place.get_manifest("v1") == Content().manifest


def test_old_tls_is_refused(authority: Authority, opener: Opener) -> None:
    context = dial._make_context(dial.Tls(), True)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


# Proxies


@pytest.mark.parametrize(
    ("bypass", "origin", "proxied"),
    [
        ("", "https://reg.example", True),
        ("*", "https://reg.example", False),
        ("reg.example", "https://reg.example", False),
        ("reg.example", "https://sub.reg.example", False),
        ("reg.example", "https://evilreg.example", True),
        (".reg.example", "https://reg.example", True),
        (".reg.example", "https://sub.reg.example", False),
        ("*.reg.example", "https://sub.reg.example", False),
        ("REG.example , x", "https://reg.example", False),
        ("reg.example:443", "https://reg.example", False),
        ("reg.example:5000", "https://reg.example", True),
        ("10.0.0.0/8", "https://10.1.2.3", False),
        ("10.0.0.0/8", "https://11.1.2.3", True),
        ("10.1.2.3", "https://10.1.2.3:5000", False),
        ("[2001:db8::1]:443", "https://[2001:db8::1]", False),
        ("2001:db8::/32", "https://[2001:db8::1]", False),
        ("", "https://localhost", False),
        ("", "https://127.0.0.1:5000", False),
    ],
)
def test_no_proxy(bypass: str, origin: str, proxied: bool) -> None:
    proxies = Proxies("http://proxy:3128", "http://proxy:3128", bypass)
    assert (proxies.serving(parse_url(origin).origin) is not None) == proxied


def test_proxies_from_the_environment() -> None:
    environ = {"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:1", "http_proxy": "c:2", "no_proxy": "x"}
    assert proxies_from(environ) == Proxies("c:2", "http://a:1", "x")
    assert proxies_from({}) == Proxies()


@pytest.mark.parametrize(("text", "code"), [("https://p", "POLICY_UNSUPPORTED"), ("socks5://p", "POLICY_UNSUPPORTED")])
def test_proxies_of_another_kind(text: str, code: str) -> None:
    assert code_of(lambda: Proxies(https=text).serving(origin_of("https", "reg.example"))) == code


def test_a_broken_proxy_url_shows_no_password() -> None:
    text = f"http://ci:{CANARY}@p:x"
    assert code_of(lambda: Proxies(https=text).serving(origin_of("https", "reg.example"))) == "MALFORMED"


@pytest.mark.parametrize("credentials", [None, ("ci", "p@ss:w")])
def test_AT_08_k_a_tunnel(opener: Opener, authority: Authority, credentials: tuple[str, str] | None) -> None:
    with EmbeddedRegistry(tls=authority.server("reg.example")) as registry:
        content = Content().into(registry, "v1")
        hosts = {"reg.example:443": registry.host}
        with ConnectProxy(credentials, hosts) as between:
            user = "ci:p%40ss%3Aw@" if credentials else ""
            proxies = Proxies(https=f"http://{user}{between.host}")
            place = opener.place(
                registry, host="reg.example", allow_http=False, ca_file=str(authority.ca), proxies=proxies
            )
            assert place.get_manifest("v1") == content.manifest
            assert [request.method for request in between.requests] == ["CONNECT"]
            assert not any("proxy-authorization" in request.headers for request in registry.requests)


def test_AT_08_k_plain_http_through_a_proxy(
    opener: Opener, registry: EmbeddedRegistry, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, "is_loopback", lambda _host: False)
    with ConnectProxy(("ci", "pw")) as between:
        proxies = Proxies(http=f"http://ci:pw@{between.host}")
        assert opener.place(registry, proxies=proxies).get_manifest("v1") == content.manifest
        assert between.requests[0].target == f"{registry.url}/v2/{REPOSITORY}/manifests/v1"
        assert not any("proxy-authorization" in request.headers for request in registry.requests)


@pytest.mark.parametrize(
    ("credentials", "hosts", "code"),
    [(("ci", "pw"), {}, "AUTH_REFUSED"), (None, {"reg.example:443": "127.0.0.1:1"}, "UNREACHABLE")],
)
def test_proxies_that_refuse(opener: Opener, credentials: t.Any, hosts: dict[str, str], code: str) -> None:
    with ConnectProxy(credentials, hosts) as between:
        one = opener.transport(proxies=Proxies(https=f"http://{between.host}"), retries=1)
        assert code_of(lambda: one.send(request_for("https://reg.example/"), one.deadline())) == code


def test_a_dead_proxy_is_not_gone_round(opener: Opener) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
    one = opener.transport(proxies=Proxies(https=f"http://{host}"), retries=1)
    assert code_of(lambda: one.send(request_for("https://reg.example/"), one.deadline())) == "UNREACHABLE"


def test_AT_07_a_proxied_redirect_into_a_private_network(opener: Opener, authority: Authority) -> None:
    with EmbeddedRegistry(tls=authority.server("reg.example")) as registry:
        registry.fault(MANIFEST, faults.redirect("https://169.254.169.254/latest"))
        with ConnectProxy(None, {"reg.example:443": registry.host}) as between:
            proxies = Proxies(https=f"http://{between.host}")
            place = opener.place(
                registry, host="reg.example", allow_http=False, ca_file=str(authority.ca), proxies=proxies
            )
            assert code_of(lambda: place.get_manifest("v1")) == "REDIRECT_REFUSED"
            assert len(between.requests) == 1


def test_one_of_each_kind(opener: Opener) -> None:
    one = opener.transport()
    assert one.shared("a", list) is one.shared("a", list)
    assert one.shared("a", list) is not one.shared("b", list)
    assert isinstance(one, Transport)
