# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The embedded registry is right by default: the distribution specification, request by request."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import typing as t
import urllib.parse
from pathlib import Path

import pytest

from tests.support import images
from tests.support.certificates import Authority
from tests.support.registry import EmbeddedRegistry
from tests.support.store import OCI_INDEX, OCI_MANIFEST, digest_of

USERS = {"ci": "s3cret"}


class Client:
    """A connection and its last response."""

    def __init__(self, registry: EmbeddedRegistry, context: ssl.SSLContext | None = None):
        if registry.scheme == "https":
            self._http: http.client.HTTPConnection = http.client.HTTPSConnection(
                "127.0.0.1", registry.port, timeout=5, context=context
            )
        else:
            self._http = http.client.HTTPConnection("127.0.0.1", registry.port, timeout=5)

    def __call__(self, method: str, path: str, body: bytes | None = None, **headers: str) -> http.client.HTTPResponse:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self._http.request(method, path, body, names)
        response = self._http.getresponse()
        response.content = response.read()  # type: ignore[attr-defined]
        return response

    def close(self) -> None:
        self._http.close()


def content(response: http.client.HTTPResponse) -> bytes:
    return t.cast(bytes, response.content)  # type: ignore[attr-defined]


def code(response: http.client.HTTPResponse) -> str:
    return t.cast(str, json.loads(content(response))["errors"][0]["code"])


@pytest.fixture
def registry() -> t.Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as one:
        yield one


@pytest.fixture
def client(registry: EmbeddedRegistry) -> t.Iterator[Client]:
    one = Client(registry)
    yield one
    one.close()


def push(client: Client, image: images.Image, name: str, tag: str, **headers: str) -> http.client.HTTPResponse:
    for digest, data in image.blobs.items():
        assert client("POST", f"/v2/{name}/blobs/uploads/?digest={digest}", data, **headers).status == 201
    own = image.manifest
    return client("PUT", f"/v2/{name}/manifests/{tag}", own.body, Content_Type=own.media_type, **headers)


def test_image_comes_back_as_pushed(registry: EmbeddedRegistry, client: Client) -> None:
    image = images.image()
    response = push(client, image, "a/b", "v1")
    assert (response.status, response.headers["Docker-Content-Digest"]) == (201, image.digest)
    for reference in ("v1", image.digest):
        response = client("GET", f"/v2/a/b/manifests/{reference}")
        assert (response.status, content(response)) == (200, image.manifest.body)
        assert response.headers["Content-Type"] == OCI_MANIFEST
        response = client("HEAD", f"/v2/a/b/manifests/{reference}")
        assert (response.status, content(response)) == (200, b"")
        assert int(response.headers["Content-Length"]) == len(image.manifest.body)
    for digest, data in image.blobs.items():
        assert content(client("GET", f"/v2/a/b/blobs/{digest}")) == data
        assert client("HEAD", f"/v2/a/b/blobs/{digest}").headers["Content-Length"] == str(len(data))
    assert json.loads(content(client("GET", "/v2/a/b/tags/list"))) == {"name": "a/b", "tags": ["v1"]}
    assert {request.connection for request in registry.requests} == {1}, "one connection serves all"


def test_ping_and_unknown_paths(client: Client) -> None:
    assert client("GET", "/v2/").status == 200
    assert client("GET", "/elsewhere").status == 404
    assert code(client("GET", "/v2/UPPER/manifests/v1")) == "NAME_INVALID"
    assert client("PATCH", "/v2/a/manifests/v1").status == 405


def test_missing_things_have_their_codes(client: Client) -> None:
    nothing = digest_of(b"nothing")
    assert code(client("GET", "/v2/a/manifests/v1")) == "NAME_UNKNOWN"
    assert code(client("GET", "/v2/a/tags/list")) == "NAME_UNKNOWN"
    push(client, images.image(), "a", "v1")
    assert code(client("GET", "/v2/a/manifests/v2")) == "MANIFEST_UNKNOWN"
    assert code(client("GET", f"/v2/a/manifests/{nothing}")) == "MANIFEST_UNKNOWN"
    assert code(client("GET", f"/v2/a/blobs/{nothing}")) == "BLOB_UNKNOWN"
    assert code(client("PATCH", "/v2/a/blobs/uploads/none", b"x")) == "BLOB_UPLOAD_UNKNOWN"
    assert code(client("PUT", f"/v2/a/blobs/uploads/none?digest={nothing}", b"x")) == "BLOB_UPLOAD_UNKNOWN"


def test_manifest_put_is_checked(client: Client) -> None:
    image = images.image()
    own = image.manifest
    assert code(client("PUT", "/v2/a/manifests/v1", own.body, Content_Type=OCI_MANIFEST)) == "MANIFEST_BLOB_UNKNOWN"
    push(client, image, "a", "v1")
    wrong = digest_of(b"other")
    assert code(client("PUT", f"/v2/a/manifests/{wrong}", own.body, Content_Type=OCI_MANIFEST)) == "DIGEST_INVALID"
    assert code(client("PUT", "/v2/a/manifests/v1", own.body, Content_Type=OCI_INDEX)) == "MANIFEST_INVALID"
    assert code(client("PUT", "/v2/a/manifests/v1", b"no json", Content_Type=OCI_MANIFEST)) == "MANIFEST_INVALID"
    broken = b'{"schemaVersion":2,"config":7}'
    assert code(client("PUT", "/v2/a/manifests/v1", broken, Content_Type=OCI_MANIFEST)) == "MANIFEST_INVALID"
    assert code(client("PUT", "/v2/a/manifests/-v1", own.body, Content_Type=OCI_MANIFEST)) == "TAG_INVALID"
    listing = images.index(images.image("elsewhere")).manifest
    assert code(client("PUT", "/v2/a/manifests/v2", listing.body, Content_Type=OCI_INDEX)) == "MANIFEST_BLOB_UNKNOWN"


def test_sha512(client: Client) -> None:
    data = b"content"
    digest = digest_of(data, "sha512")
    assert client("POST", f"/v2/a/blobs/uploads/?digest={digest}", data).status == 201
    assert content(client("GET", f"/v2/a/blobs/{digest}")) == data
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
    digest = digest_of(body, "sha512")
    assert client("PUT", f"/v2/a/manifests/{digest}", body, Content_Type=OCI_INDEX).status == 201
    assert client("GET", f"/v2/a/manifests/{digest}").headers["Docker-Content-Digest"] == digest


def test_chunked_upload(client: Client) -> None:
    location = client("POST", "/v2/a/blobs/uploads/").headers["Location"]
    response = client("PATCH", location, b"one", Content_Range="0-2")
    assert (response.status, response.headers["Range"]) == (202, "0-2")
    response = client("PATCH", location, b"bad", Content_Range="7-9")
    assert (response.status, response.headers["Range"]) == (416, "0-2")
    assert client("PATCH", location, b"two").headers["Range"] == "0-5"
    assert (client("GET", location).status, client("GET", location).headers["Range"]) == (204, "0-5")
    digest = digest_of(b"onetwothree")
    response = client("PUT", f"{location}?{urllib.parse.urlencode({'digest': digest})}", b"three")
    assert (response.status, response.headers["Location"]) == (201, f"/v2/a/blobs/{digest}")
    assert content(client("GET", f"/v2/a/blobs/{digest}")) == b"onetwothree"


def test_upload_with_wrong_digest_and_cancelled_upload(client: Client) -> None:
    assert code(client("POST", f"/v2/a/blobs/uploads/?digest={digest_of(b'x')}", b"y")) == "DIGEST_INVALID"
    location = client("POST", "/v2/a/blobs/uploads/").headers["Location"]
    assert code(client("PUT", f"{location}?digest=sha1:abc", b"y")) == "DIGEST_INVALID"
    location = client("POST", "/v2/a/blobs/uploads/").headers["Location"]
    assert client("DELETE", location).status == 204
    assert code(client("GET", location)) == "BLOB_UPLOAD_UNKNOWN"


def test_body_may_be_chunked_and_announced(registry: EmbeddedRegistry) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", registry.port, timeout=5)
    digest = digest_of(b"abcdef")
    headers = {"Expect": "100-continue", "Transfer-Encoding": "chunked"}
    connection.request(
        "POST", f"/v2/a/blobs/uploads/?digest={digest}", iter([b"abc", b"def"]), headers, encode_chunked=True
    )
    assert connection.getresponse().status == 201
    connection.close()
    assert registry.repository("a").blobs[digest] == b"abcdef"


def test_mount(registry: EmbeddedRegistry, client: Client) -> None:
    digest = registry.put_blob("from", b"shared")
    assert client("POST", f"/v2/to/blobs/uploads/?mount={digest}&from=from").status == 201
    assert registry.repository("to").blobs == {digest: b"shared"}
    response = client("POST", f"/v2/to/blobs/uploads/?mount={digest_of(b'none')}&from=from")
    assert response.status == 202
    assert "/blobs/uploads/" in response.headers["Location"]


def test_tags_are_listed_in_pages(registry: EmbeddedRegistry, client: Client) -> None:
    images.image().push_to(registry, "a", "c", "a", "b")
    response = client("GET", "/v2/a/tags/list?n=2")
    assert json.loads(content(response))["tags"] == ["a", "b"]
    following = response.headers["Link"].partition(">")[0].strip("<")
    response = client("GET", following)
    assert json.loads(content(response))["tags"] == ["c"]
    assert "Link" not in response.headers


def test_deletion(registry: EmbeddedRegistry, client: Client) -> None:
    image = images.image()
    image.push_to(registry, "a", "v1", "v2")
    assert client("DELETE", "/v2/a/manifests/v1").status == 202
    assert client("GET", "/v2/a/manifests/v1").status == 404
    assert client("GET", "/v2/a/manifests/v2").status == 200
    assert client("DELETE", f"/v2/a/manifests/{image.digest}").status == 202
    assert registry.repository("a").tags == {}
    assert client("DELETE", f"/v2/a/manifests/{image.digest}").status == 404
    digest = next(iter(image.blobs))
    assert client("DELETE", f"/v2/a/blobs/{digest}").status == 202
    assert client("DELETE", f"/v2/a/blobs/{digest}").status == 404
    registry.settings.delete = False
    assert code(client("DELETE", "/v2/a/manifests/v2")) == "UNSUPPORTED"


def test_referrers(registry: EmbeddedRegistry, client: Client) -> None:
    subject = images.image()
    one = images.referrer(subject, b"one", "application/x.one", {"note": "first"})
    two = images.referrer(subject, b"two", "application/x.two")
    push(client, subject, "a", "v1")
    response = push(client, one, "a", one.digest)
    assert response.headers["OCI-Subject"] == subject.digest
    push(client, two, "a", two.digest)
    response = client("GET", f"/v2/a/referrers/{subject.digest}")
    assert response.headers["Content-Type"] == OCI_INDEX
    listed = json.loads(content(response))["manifests"]
    assert [d["digest"] for d in listed] == [one.digest, two.digest]
    assert (listed[0]["artifactType"], listed[0]["annotations"]) == ("application/x.one", {"note": "first"})
    response = client("GET", f"/v2/a/referrers/{subject.digest}?artifactType=application/x.two")
    assert response.headers["OCI-Filters-Applied"] == "artifactType"
    assert [d["digest"] for d in json.loads(content(response))["manifests"]] == [two.digest]
    assert json.loads(content(client("GET", f"/v2/a/referrers/{digest_of(b'')}")))["manifests"] == []
    assert client("GET", "/v2/a/referrers/v1").status == 400


def test_referrers_in_pages(registry: EmbeddedRegistry, client: Client) -> None:
    registry.settings.page_size = 2
    subject = images.image()
    wanted = []
    for number in range(5):
        wanted.append(images.referrer(subject, b"%d" % number, "application/x").push_to(registry, "a"))
    path, found, pages = f"/v2/a/referrers/{subject.digest}?artifactType=application/x", [], 0
    while path:
        response = client("GET", path)
        found += [d["digest"] for d in json.loads(content(response))["manifests"]]
        path = response.headers.get("Link", "").partition(">")[0].strip("<")
        pages += 1
    assert (found, pages) == (wanted, 3)


def test_no_referrers_api() -> None:
    subject = images.image()
    with EmbeddedRegistry(referrers=False) as registry:
        client = Client(registry)
        assert client("GET", f"/v2/a/referrers/{subject.digest}").status == 404
        push(client, subject, "a", "v1")
        one = images.referrer(subject, b"one", "application/x.one")
        assert "OCI-Subject" not in push(client, one, "a", one.digest).headers
        client.close()


def test_etags(registry: EmbeddedRegistry, client: Client) -> None:
    registry.settings.etag = True
    first, second = images.image("first"), images.image("second")
    assert push(client, first, "a", "v1", If_None_Match="*").status == 201
    assert push(client, second, "a", "v1", If_None_Match="*").status == 412
    etag = client("GET", "/v2/a/manifests/v1").headers["ETag"]
    assert client("GET", "/v2/a/manifests/v1", If_None_Match=etag).status == 304
    assert push(client, second, "a", "v1", If_Match='"other"').status == 412
    assert push(client, second, "a", "v1", If_Match=etag).status == 201
    assert push(client, first, "a", "v1", If_Match=etag).status == 412
    assert push(client, first, "a", "new", If_Match="*").status == 412


def test_preconditions_are_ignored_without_etags(client: Client) -> None:
    assert push(client, images.image(), "a", "v1", If_Match='"other"').status == 201


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_basic() -> None:
    with EmbeddedRegistry(auth="basic", users=USERS, anonymous_pull=True) as registry:
        client = Client(registry)
        response = client("GET", "/v2/")
        assert (response.status, response.headers["WWW-Authenticate"]) == (401, 'Basic realm="registry"')
        assert client("GET", "/v2/", Authorization=basic("ci", "s3cret")).status == 200
        assert client("GET", "/v2/", Authorization=basic("ci", "wrong")).status == 401
        assert client("GET", "/v2/", Authorization="Basic ???").status == 401
        assert push(client, images.image(), "a", "v1", Authorization=basic("ci", "s3cret")).status == 201
        assert client("GET", "/v2/a/manifests/v1").status == 200, "everybody may pull"
        assert client("POST", "/v2/a/blobs/uploads/").status == 401
        client.close()


def token(client: Client, query: str, **headers: str) -> str:
    response = client("GET", f"/token?{query}", None, **headers)
    assert response.status == 200
    return "Bearer " + t.cast(str, json.loads(content(response))["token"])


def test_tokens_are_for_a_repository_and_an_action() -> None:
    with EmbeddedRegistry(auth="token", users=USERS) as registry:
        client = Client(registry)
        challenge = client("POST", "/v2/a/blobs/uploads/").headers["WWW-Authenticate"]
        assert challenge == (
            f'Bearer realm="http://127.0.0.1:{registry.port}/token",service="embedded-registry",'
            'scope="repository:a:pull,push"'
        )
        ours = basic("ci", "s3cret")
        pull = token(client, "scope=repository:a:pull", Authorization=ours)
        both = token(client, "scope=repository:a:pull,push&scope=repository:b:pull", Authorization=ours)
        assert client("GET", "/v2/", Authorization=pull).status == 200
        response = client("POST", "/v2/a/blobs/uploads/", Authorization=pull)
        assert response.status == 401
        assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]
        assert push(client, images.image(), "a", "v1", Authorization=both).status == 201
        assert client("GET", "/v2/b/manifests/v1", Authorization=both).status == 404
        assert client("POST", "/v2/b/blobs/uploads/", Authorization=both).status == 401
        assert client("DELETE", "/v2/a/manifests/v1", Authorization=both).status == 401
        delete = token(client, "scope=repository:a:delete", Authorization=ours)
        assert client("DELETE", "/v2/a/manifests/v1", Authorization=delete).status == 202
        assert client("GET", "/token", Authorization=basic("ci", "wrong")).status == 401
        assert client("GET", "/v2/", Authorization="Bearer forged").status == 401
        assert client("GET", "/v2/", Authorization=ours).status == 401, "a token is wanted"
        client.close()


def test_mount_needs_pull_on_its_source() -> None:
    with EmbeddedRegistry(auth="token", users=USERS) as registry:
        digest = registry.put_blob("from", b"shared")
        path = f"/v2/to/blobs/uploads/?mount={digest}&from=from"
        client = Client(registry)
        ours = basic("ci", "s3cret")
        response = client(
            "POST", path, Authorization=token(client, "scope=repository:to:pull,push", Authorization=ours)
        )
        assert 'scope="repository:from:pull repository:to:pull,push"' in response.headers["WWW-Authenticate"]
        both = token(client, "scope=repository:to:pull,push&scope=repository:from:pull", Authorization=ours)
        assert client("POST", path, Authorization=both).status == 201
        client.close()


def test_anonymous_tokens_pull_only() -> None:
    with EmbeddedRegistry(auth="token", users=USERS, anonymous_pull=True) as registry:
        images.image().push_to(registry, "a", "v1")
        client = Client(registry)
        assert client("GET", "/v2/a/manifests/v1").status == 401, "a token is wanted even for this"
        nobody = token(client, "scope=repository:a:pull,push")
        assert client("GET", "/v2/a/manifests/v1", Authorization=nobody).status == 200
        assert client("POST", "/v2/a/blobs/uploads/", Authorization=nobody).status == 401
        client.close()


def test_oauth2_grants() -> None:
    with EmbeddedRegistry(auth="token", users=USERS) as registry:
        client = Client(registry)

        def post(**form: str) -> http.client.HTTPResponse:
            body = urllib.parse.urlencode({"service": "embedded-registry", "scope": "repository:a:pull", **form})
            return client("POST", "/token", body.encode(), Content_Type="application/x-www-form-urlencoded")

        response = post(grant_type="password", username="ci", password="s3cret", access_type="offline")
        answer = json.loads(content(response))
        assert client("GET", "/v2/a/manifests/v1", Authorization=f"Bearer {answer['access_token']}").status == 404
        response = post(grant_type="refresh_token", refresh_token=answer["refresh_token"])
        answer = json.loads(content(response))
        assert "refresh_token" not in answer
        assert client("GET", "/v2/a/manifests/v1", Authorization=f"Bearer {answer['access_token']}").status == 404
        assert post(grant_type="refresh_token", refresh_token=registry.access.identity_token("ci")).status == 200
        assert post(grant_type="refresh_token", refresh_token="forged").status == 401
        assert post(grant_type="password", username="ci", password="wrong").status == 401
        assert post(grant_type="device").status == 400
        client.close()


def test_tokens_end() -> None:
    with EmbeddedRegistry(auth="token", users=USERS, token_ttl=0) as registry:
        client = Client(registry)
        ours = token(client, "scope=repository:a:pull", Authorization=basic("ci", "s3cret"))
        response = client("GET", "/v2/a/manifests/v1", Authorization=ours)
        assert (response.status, 'error="invalid_token"' in response.headers["WWW-Authenticate"]) == (401, True)
        registry.access.token_ttl = 300
        ours = token(client, "scope=repository:a:pull", Authorization=basic("ci", "s3cret"))
        assert client("GET", "/v2/a/manifests/v1", Authorization=ours).status == 404
        registry.access.revoke()
        assert client("GET", "/v2/a/manifests/v1", Authorization=ours).status == 401
        registry.access.realm = "https://elsewhere.example/token"
        assert 'realm="https://elsewhere.example/token"' in client("GET", "/v2/").headers["WWW-Authenticate"]
        client.close()


def test_tls_with_client_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with EmbeddedRegistry(tls=authority.server(), client_ca=authority.ca) as registry:
        context = ssl.create_default_context(cafile=str(authority.ca))
        client = Client(registry, context)
        # with TLS 1.3 the server's refusal may come with the first read, and then as a reset
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            client("GET", "/v2/")
        context.load_cert_chain(*authority.client())
        client = Client(registry, context)
        assert client("GET", "/v2/").status == 200
        client.close()
        other = ssl.create_default_context(cafile=str(Authority(tmp_path, "another CA").ca))
        with pytest.raises(ssl.SSLCertVerificationError):
            Client(registry, other)("GET", "/v2/")


def test_whatever_is_no_http_gets_400(registry: EmbeddedRegistry) -> None:
    # the first bytes of a TLS handshake, without a line end: go-containerregistry tries https on each registry first
    for data in (b"\x16\x03\x01\x02\x00", b"nonsense\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", registry.port), 2) as sock:
            sock.sendall(data)
            assert sock.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_record(registry: EmbeddedRegistry, client: Client) -> None:
    push(client, images.image(padding=100_000), "a", "v1")
    writes = registry.writes()
    assert [(r.method, r.status) for r in writes] == [("POST", 201), ("POST", 201), ("PUT", 201)]
    big = max(writes, key=lambda r: r.body_size)
    assert (big.body_size > 100_000, big.body) == (True, b""), "large bodies are counted, not kept"
    registry.reset_requests()
    client("GET", "/v2/a/tags/list?n=1", X_Trace="7")
    (request,) = registry.requests
    assert (request.path, request.query, request.headers["x-trace"]) == ("/v2/a/tags/list", {"n": "1"}, "7")
    assert registry.writes() == []


def test_many_at_once_and_no_thread_left() -> None:
    before = threading.active_count()
    with EmbeddedRegistry() as registry:
        digest = images.image().push_to(registry, "a", "v1")
        clients = [Client(registry) for dummy in range(32)]
        found: list[str] = []

        def work(client: Client) -> None:
            found.extend(client("GET", "/v2/a/manifests/v1").headers["Docker-Content-Digest"] for dummy in range(10))

        threads = [threading.Thread(target=work, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert found == [digest] * 320
        assert registry.connections == 32
    assert threading.active_count() == before
    for client in clients:
        client.close()


def test_as_a_program(tmp_path: Path) -> None:
    users, log = tmp_path / "users", tmp_path / "log"
    users.write_text("ci:pass:word\n")
    arguments = ["--auth", "basic", "--users", str(users), "--log", str(log), "--no-referrers"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.registry", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": ""},
    )
    try:
        assert process.stdout is not None
        host = process.stdout.readline().strip()
        connection = http.client.HTTPConnection(host, timeout=5)
        connection.request("GET", "/v2/", headers={"Authorization": basic("ci", "pass:word")})
        assert connection.getresponse().status == 200
        connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    assert json.loads(log.read_text()) == {"method": "GET", "target": "/v2/", "status": 200, "bytes": 0}
