# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import json
import threading
import time
import typing as t
import urllib.parse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import digest_of
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._http.proxy import Proxies, Proxy
from ansible_collections.supplychain.cosign.plugins.module_utils._http.request import Request as Call
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import Transport, TransportOptions
from ansible_collections.supplychain.cosign.plugins.module_utils._http.url import origin_of, parse_url
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.challenge import (
    Challenge,
    check_realm,
    parse_challenge,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.credentials import Credential
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.reference import parse_reference
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.registry import open_repository
from tests.support import faults
from tests.support.certificates import Authority
from tests.support.http_server import Exchange, Request, Response
from tests.support.registry import EmbeddedRegistry

from .conftest import CANARY, REPOSITORY, USER, Content, Opener, code_of, put, resolve_to

USERS = {"ci": CANARY}
TOKEN = ("*", r"\A/token")


@pytest.fixture
def guarded() -> t.Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry(auth="token", users=USERS) as registry:
        Content().into(registry, "v1")
        yield registry


def tokens(registry: EmbeddedRegistry) -> list[Request]:
    return [request for request in registry.requests if request.path == "/token"]


# Challenges


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Bearer realm="https://a/t",service="s",scope="x"', Challenge("bearer", "https://a/t", "s")),
        ('bearer realm="https://a/t" , service=s', Challenge("bearer", "https://a/t", "s")),
        ('Basic realm="r", Bearer realm="https://a/t"', Challenge("bearer", "https://a/t")),
        ('Negotiate, Basic realm="a \\"b\\", c"', Challenge("basic", 'a "b", c')),
        ("Basic", Challenge("basic")),
        ('Digest realm="x",nonce="y", Basic realm="r"', Challenge("basic", "r")),
        ('Bearer realm="https://a",error="invalid_token"', Challenge("bearer", "https://a", "", "invalid_token")),
        ('Bearer realm="https://first", Bearer realm="https://second"', Challenge("bearer", "https://first")),
    ],
)
def test_challenges(header: str, expected: Challenge) -> None:
    assert parse_challenge(header) == expected


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "AUTH_REFUSED"),
        ("Negotiate", "AUTH_REFUSED"),
        ('Bearer realm="x', "MALFORMED"),
        ('Bearer realm="x" service="y"', "MALFORMED"),
        ('Bearer realm="a",realm="b"', "MALFORMED"),
        ("Bearer realm=", "MALFORMED"),
        ("<html>", "MALFORMED"),
        ('Bearer realm="https://a/\x7f"', "MALFORMED"),
        pytest.param('Bearer realm="https://ä/"', "MALFORMED", id="AT-06-j-non-ascii"),
        pytest.param('Bearer realm="https://a/\r\nX: y"', "MALFORMED", id="AT-06-j-crlf"),
        pytest.param(f'Bearer realm="https://a/{"x" * 10_000}"', "MALFORMED", id="AT-06-j-long"),
    ],
)
def test_challenges_that_are_refused(header: str, code: str) -> None:
    assert code_of(lambda: parse_challenge(header)) == code


@given(st.text(max_size=100) | st.text(alphabet='Bearsic ="\\,realm:/x', max_size=200))
def test_any_header_reads_or_is_refused(header: str) -> None:
    try:
        assert parse_challenge(header).scheme in ("basic", "bearer")
    except Rejection as error:
        code = error.code
    else:
        code = "MALFORMED"
    assert code in ("MALFORMED", "AUTH_REFUSED")


@pytest.mark.parametrize(
    ("home", "realm", "code"),
    [
        pytest.param("https://reg.example", "http://auth.example/t", "REALM_REFUSED", id="AT-06-a"),
        pytest.param("https://reg.example", "http://reg.example/t", "REALM_REFUSED", id="AT-06-a-same-host"),
        pytest.param("https://reg.example", "file:///etc/passwd", "MALFORMED", id="AT-06-b-file"),
        pytest.param("https://reg.example", "ftp://reg.example/", "MALFORMED", id="AT-06-b-ftp"),
        pytest.param("https://reg.example", "gopher://reg.example/", "MALFORMED", id="AT-06-b-gopher"),
        pytest.param("https://reg.example", "auth.example/t", "MALFORMED", id="AT-06-b-none"),
        pytest.param("https://reg.example", "https://127.0.0.1/t", "REALM_REFUSED", id="AT-06-c-loopback"),
        pytest.param("https://reg.example", "https://[::1]/t", "REALM_REFUSED", id="AT-06-c-v6"),
        pytest.param("https://reg.example", "https://169.254.169.254/t", "REALM_REFUSED", id="AT-06-c-link-local"),
        pytest.param("https://reg.example", "https://evil.com/t", "REALM_REFUSED", id="AT-06-d"),
        pytest.param("https://reg.example", "https://evilreg.example/t", "REALM_REFUSED", id="AT-06-d-suffix"),
        pytest.param(
            "https://reg.acme.example", "https://acme.example.evil.com/t", "REALM_REFUSED", id="AT-06-d-prefix"
        ),
        pytest.param("https://a.azurecr.io", "https://b.azurecr.io/t", "REALM_REFUSED", id="AT-06-d-shared"),
        pytest.param("https://reg.co.uk", "https://evil.co.uk/t", "REALM_REFUSED", id="AT-06-d-co-uk"),
        pytest.param("https://a.x.amazonaws.com", "https://b.x.amazonaws.com/t", "REALM_REFUSED", id="AT-06-d-aws"),
        pytest.param("https://reg", "https://evil/t", "REALM_REFUSED", id="AT-06-d-one-label"),
        pytest.param("https://10.0.0.1", "https://10.0.0.2/t", "REALM_REFUSED", id="AT-06-d-addresses"),
        pytest.param("https://reg.example", "https://user:pw@reg.example/t", "MALFORMED", id="AT-06-e"),
        pytest.param("http://127.0.0.1:5000", "http://evil.example/t", "REALM_REFUSED", id="AT-06-http-elsewhere"),
        pytest.param("http://reg.example", "http://127.0.0.1/t", "REALM_REFUSED", id="AT-06-http-inside"),
        pytest.param("https://reg.example", "https://reg.example/t", None, id="same-host"),
        pytest.param("https://reg.example", "https://REG.example:8443/t", None, id="same-host-other-port"),
        pytest.param("https://registry-1.docker.io", "https://auth.docker.io/token", None, id="docker-hub"),
        pytest.param("https://registry.gitlab.com", "https://gitlab.com/jwt/auth", None, id="parent"),
        pytest.param("https://registry.acme.example", "https://gitlab.acme.example/jwt", None, id="sibling"),
        pytest.param("https://acme.example", "https://auth.acme.example/t", None, id="child"),
        pytest.param("http://127.0.0.1:5000", "http://127.0.0.1:5001/t", None, id="http-same-host"),
        pytest.param("http://localhost:5000", "http://127.0.0.1:5001/t", "REALM_REFUSED", id="AT-08-d-alias"),
    ],
)
def test_AT_06_realms(home: str, realm: str, code: str | None) -> None:
    origin = origin_of(*t.cast("tuple[str, str]", tuple(home.split("://"))))
    if code is None:
        check_realm(realm, origin, trusted=False, with_credential=True)
    else:
        assert code_of(lambda: check_realm(realm, origin, trusted=False, with_credential=True)) == code


def test_AT_06_d_trusted_realms_and_no_credential() -> None:
    home = origin_of("https", "reg.example")
    check_realm("https://auth.elsewhere.example/t", home, trusted=True, with_credential=True)
    check_realm("https://auth.elsewhere.example/t", home, trusted=False, with_credential=False)
    assert code_of(lambda: check_realm("http://elsewhere.example/t", home, True, True)) == "REALM_REFUSED"


# Basic


def test_basic(opener: Opener) -> None:
    with EmbeddedRegistry(auth="basic", users=USERS) as registry:
        content = Content().into(registry, "v1")
        assert opener.place(registry, USER).get_manifest("v1") == content.manifest
        assert code_of(lambda: opener.place(registry).get_manifest("v1")) == "AUTH_REFUSED"


@pytest.mark.parametrize("kind", ["basic", "token"])
def test_wrong_credentials_are_shown_once(opener: Opener, kind: t.Any) -> None:
    with EmbeddedRegistry(auth=kind, users={"ci": "right"}) as registry:
        place = opener.place(registry, USER)
        codes: list[str] = []
        threads = [
            threading.Thread(target=lambda: codes.append(code_of(lambda: place.get_manifest("v1"))))
            for dummy in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        shown = [request for request in registry.requests if "authorization" in request.headers]
        assert codes == ["AUTH_REFUSED"] * 16
        assert len(shown) == 1


def test_a_user_who_may_not(opener: Opener) -> None:
    with EmbeddedRegistry(auth="basic", users=USERS) as registry:
        registry.fault(("PUT", ""), faults.status(403))
        content = Content().into(registry)
        assert code_of(lambda: opener.place(registry, USER).put_manifest(content.manifest)) == "AUTH_REFUSED"


def test_registry_token(opener: Opener, registry: EmbeddedRegistry) -> None:
    Content().into(registry, "v1")
    opener.place(registry, Credential(registry_token=CANARY, origin_of="a test")).get_manifest("v1")
    assert [request.headers.get("authorization") for request in registry.requests] == [f"Bearer {CANARY}"]
    registry.fault(("GET", ""), faults.status(401, {"WWW-Authenticate": 'Bearer realm="https://evil.example"'}))
    place = opener.place(registry, Credential(registry_token=CANARY, origin_of="a test"))
    registry.reset_requests()
    assert code_of(lambda: place.get_manifest("v1")) == "AUTH_REFUSED"
    assert len(registry.requests) == 1


# Tokens


def test_anonymous_token(opener: Opener) -> None:
    with EmbeddedRegistry(auth="token", anonymous_pull=True) as registry:
        content = Content().into(registry, "v1")
        place = opener.place(registry)
        assert place.get_manifest("v1") == content.manifest
        assert place.get_manifest("v1") == content.manifest
        assert len(tokens(registry)) == 1
        assert "authorization" not in tokens(registry)[0].headers
        assert code_of(lambda: place.put_manifest(content.manifest)) == "AUTH_REFUSED"


def test_AT_06_i_own_scopes_only(opener: Opener, guarded: EmbeddedRegistry) -> None:
    def greedy(response: Response) -> None:
        if response.status == 401:
            challenge = response.headers["WWW-Authenticate"].partition(",scope=")[0]
            response.headers["WWW-Authenticate"] = f'{challenge},scope="repository:*:* registry:catalog:*"'

    guarded.fault(("*", r"\A/v2/"), faults.edited(greedy))
    guarded.put_blob("other/base", b"mounted")
    place = opener.place(guarded, USER)
    place.get_manifest("v1")
    place.put_manifest(Content().manifest)
    place.delete_manifest("sha256:" + "0" * 64)
    put(place, b"mounted", mount_from="other/base")
    asked = [
        sorted(value for key, value in urllib.parse.parse_qsl(r.target.partition("?")[2]) if key == "scope")
        for r in tokens(guarded)
    ]
    assert asked == [
        [f"repository:{REPOSITORY}:pull"],
        [f"repository:{REPOSITORY}:pull,push"],
        [f"repository:{REPOSITORY}:pull,push,delete"],
        [f"repository:{REPOSITORY}:pull,push", "repository:other/base:pull"],
    ]


def test_F_22_one_token_for_all_threads(opener: Opener, guarded: EmbeddedRegistry) -> None:
    content = Content()
    transport = opener.transport()

    def read() -> None:
        place = open_repository(transport, parse_reference(f"{guarded.host}/{REPOSITORY}"), USER)
        assert place.get_manifest("v1") == content.manifest

    threads = [threading.Thread(target=read) for dummy in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens(guarded)) == 1
    assert len(guarded.requests) == 66, "one look at what is asked, one token, 64 manifests"


def test_identity_tokens_go_by_post(opener: Opener, guarded: EmbeddedRegistry) -> None:
    secret = guarded.access.identity_token("ci")
    place = opener.place(guarded, Credential("<token>", "", secret, origin_of="a test"))
    assert place.get_manifest("v1") == Content().manifest
    (request,) = tokens(guarded)
    assert request.method == "POST"
    assert secret not in request.target
    assert dict(urllib.parse.parse_qsl(request.body.decode()))["refresh_token"] == secret
    wrong = Credential("<token>", "", "wrong", origin_of="a test")
    assert code_of(lambda: opener.place(guarded, wrong).get_manifest("v1")) == "AUTH_REFUSED"


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "manifest"])
def test_F_06_tokens_that_end_in_the_middle(opener: Opener, guarded: EmbeddedRegistry, method: str) -> None:
    place = opener.place(guarded, USER)
    place.get_manifest("v1")

    def revoke(exchange: Exchange) -> Response:
        guarded.access.revoke()
        return exchange.normal()

    pattern = "/manifests/" if method == "manifest" else "/uploads/"
    guarded.fault(("PUT" if method == "manifest" else method, pattern), revoke, times=1)
    data = b"x" * 3_000_000
    assert put(place, data)
    place.put_manifest(Content().manifest, "v1")
    assert data in guarded.repository(REPOSITORY).blobs.values()


def test_F_06_short_lived_tokens_are_renewed_in_time(opener: Opener) -> None:
    with EmbeddedRegistry(auth="token", users=USERS, token_ttl=1) as registry:
        content = Content().into(registry, "v1")
        place = opener.place(registry, USER)
        for dummy in range(3):
            assert place.get_manifest("v1") == content.manifest
            time.sleep(0.95)
        assert sum(request.status == 401 for request in registry.requests) == 1


def test_F_06_refused_for_ever(opener: Opener, guarded: EmbeddedRegistry) -> None:
    challenge = f'Bearer realm="{guarded.url}/token",error="invalid_token"'
    fault = guarded.fault(("GET", "/manifests/"), faults.status(401, {"WWW-Authenticate": challenge}))
    assert code_of(lambda: opener.place(guarded, USER).get_manifest("v1")) == "AUTH_REFUSED"
    assert fault.hits == 3
    assert len(tokens(guarded)) == 3


def test_a_token_that_does_not_suffice_is_not_renewed(opener: Opener, guarded: EmbeddedRegistry) -> None:
    challenge = f'Bearer realm="{guarded.url}/token",error="insufficient_scope"'
    guarded.fault(("GET", "/manifests/"), faults.status(401, {"WWW-Authenticate": challenge}))
    assert code_of(lambda: opener.place(guarded, USER).get_manifest("v1")) == "AUTH_REFUSED"
    assert len(tokens(guarded)) == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(faults.status(401), "AUTH_REFUSED", id="AT-13-401"),
        pytest.param(faults.status(403), "AUTH_REFUSED", id="AT-13-403"),
        pytest.param(faults.status(404), "UNREACHABLE", id="AT-13-404"),
        pytest.param(faults.status(500), "UNREACHABLE", id="AT-13-500"),
        pytest.param(faults.too_many_requests(), "RATE_LIMITED", id="AT-13-429"),
        pytest.param(faults.reset, "UNREACHABLE", id="AT-13-reset"),
        pytest.param(faults.html(), "MALFORMED", id="html"),
        pytest.param(faults.status(200, body=b"{}"), "MALFORMED", id="none"),
        pytest.param(faults.status(200, body=b'{"token":5}'), "MALFORMED", id="number"),
        pytest.param(faults.status(200, body=b'{"token":"a\\r\\nX: y"}'), "MALFORMED", id="AT-06-header-injection"),
        pytest.param(faults.status(200, body=b'{"token":"' + b"x" * 1_000_000 + b'"}'), "LIMIT_EXCEEDED", id="AT-03-h"),
        pytest.param(faults.redirect("http://127.0.0.1:1/steal", 302), "REALM_REFUSED", id="AT-06-f-302"),
        pytest.param(faults.redirect("http://127.0.0.1:1/steal", 307), "REALM_REFUSED", id="AT-06-f-307"),
    ],
)
@pytest.mark.parametrize("identity", [False, True], ids=["get", "post"])
def test_token_servers_that_misbehave(
    opener: Opener, guarded: EmbeddedRegistry, answer: faults.Answer, code: str, identity: bool
) -> None:
    guarded.fault(TOKEN, answer)
    credential = Credential("", "", CANARY, origin_of="a test") if identity else USER
    assert code_of(lambda: opener.place(guarded, credential, retries=1).get_manifest("v1")) == code
    assert len(guarded.requests) < 6


def test_a_token_server_that_recovers(opener: Opener, guarded: EmbeddedRegistry) -> None:
    fault = guarded.fault(TOKEN, faults.status(503), times=8)
    place = opener.place(guarded, USER, retries=3)
    assert code_of(lambda: place.get_manifest("v1")) == "UNREACHABLE"
    assert code_of(lambda: place.get_manifest("v1")) == "UNREACHABLE"
    assert fault.hits == 8
    assert place.get_manifest("v1") == Content().manifest


# Whom credentials are shown to


@pytest.fixture
def stranger() -> t.Iterator[EmbeddedRegistry]:
    """Another server; whatever happens, it must never see a credential."""
    with EmbeddedRegistry() as registry:
        yield registry
        for request in registry.requests:
            assert "authorization" not in request.headers
            assert CANARY.encode() not in request.body
            assert CANARY not in request.target


def aliased(registry: EmbeddedRegistry) -> str:
    return f"http://localhost:{registry.port}"


@pytest.mark.parametrize("identity", [False, True], ids=["password", "AT-06-l-identity"])
def test_AT_06_a_realm_elsewhere(
    opener: Opener, guarded: EmbeddedRegistry, stranger: EmbeddedRegistry, identity: bool
) -> None:
    guarded.access.realm = f"{aliased(stranger)}/token"
    credential = Credential("", "", CANARY, origin_of="a test") if identity else USER
    assert code_of(lambda: opener.place(guarded, credential).get_manifest("v1")) == "REALM_REFUSED"
    assert stranger.requests == []


def test_AT_06_g_a_realm_that_changes(opener: Opener, guarded: EmbeddedRegistry, stranger: EmbeddedRegistry) -> None:
    place = opener.place(guarded, USER)
    place.get_manifest("v1")
    guarded.access.realm = f"{aliased(stranger)}/token"
    guarded.access.revoke()
    assert code_of(lambda: place.get_manifest("v1")) == "REALM_REFUSED"
    assert stranger.requests == []


def test_AT_06_h_basic_beside_a_refused_bearer(opener: Opener, registry: EmbeddedRegistry) -> None:
    header = 'Basic realm="r", Bearer realm="http://evil.example/token"'
    registry.fault(("GET", ""), faults.status(401, {"WWW-Authenticate": header}))
    assert code_of(lambda: opener.place(registry, USER).get_manifest("v1")) == "REALM_REFUSED"
    assert not any("authorization" in request.headers for request in registry.requests)


def test_AT_06_k_refresh_tokens_are_not_kept(opener: Opener, guarded: EmbeddedRegistry) -> None:
    def generous(response: Response) -> None:
        response.body = json.dumps({**json.loads(response.body), "refresh_token": "kept?"}).encode()

    guarded.fault(TOKEN, faults.edited(generous))
    place = opener.place(guarded, USER)
    place.get_manifest("v1")
    guarded.access.revoke()
    place.get_manifest("v1")
    assert len(tokens(guarded)) == 2
    assert all(request.method == "GET" and b"kept" not in request.body for request in tokens(guarded))


def test_a_realm_that_the_user_trusts(opener: Opener, guarded: EmbeddedRegistry) -> None:
    guarded.access.realm = f"{aliased(guarded)}/token"
    place = opener.place(guarded, USER, trusted_realms=(f"localhost:{guarded.port}",))
    assert place.get_manifest("v1") == Content().manifest


@pytest.mark.parametrize("private", [True, False])
def test_AT_07_a_realm_of_the_same_owner_may_be_private_where_the_registry_is(
    opener: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private: bool
) -> None:
    authority = Authority(tmp_path)
    names = ("reg.acme.example", "auth.acme.example")
    resolve_to(monkeypatch, {name: ["127.0.0.1"] for name in names})
    with EmbeddedRegistry(tls=authority.server(*names), auth="token", users=USERS) as registry:
        content = Content().into(registry, "v1")
        registry.access.realm = f"https://auth.acme.example:{registry.port}/token"
        host = f"reg.acme.example:{registry.port}"
        place = opener.place(registry, USER, host=host, allow_http=False, ca_file=str(authority.ca))
        if private:
            assert place.get_manifest("v1") == content.manifest
        else:
            monkeypatch.setattr(Transport, "is_private", lambda *_arguments: False)
            assert code_of(lambda: place.get_manifest("v1")) == "REALM_REFUSED"
            assert tokens(registry) == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", ["basic", "token"])
def test_AT_08_a_redirects_take_no_credentials_along(
    opener: Opener, stranger: EmbeddedRegistry, status: int, kind: t.Any
) -> None:
    with EmbeddedRegistry(auth=kind, users=USERS) as registry:
        content = Content().into(registry, "v1").into(stranger, "v1")
        url = f"{aliased(stranger)}/v2/{REPOSITORY}/manifests/v1"
        registry.fault(("GET", "/manifests/"), faults.redirect(url, status))
        place = opener.place(registry, USER, trusted_realms=("localhost",))
        assert place.get_manifest("v1") == content.manifest
        assert len(stranger.requests) == 1


def test_AT_08_e_there_and_back(opener: Opener, stranger: EmbeddedRegistry) -> None:
    with EmbeddedRegistry(auth="basic", users=USERS) as registry:
        Content().into(registry, "v1")
        there = f"{aliased(stranger)}/hop"
        stranger.fault(("GET", "/hop"), faults.redirect(f"{registry.url}/v2/{REPOSITORY}/manifests/v1"))
        registry.fault(("GET", "/manifests/v1"), faults.redirect(f"/v2/{REPOSITORY}/manifests/v2"), times=1)
        registry.fault(("GET", "/manifests/v1"), faults.redirect(there), times=1)
        place = opener.place(registry, USER, trusted_realms=("localhost",))
        assert code_of(lambda: place.get_manifest("v1")) == "AUTH_REFUSED"
        first, back, within = registry.requests[-3:]
        assert "authorization" in first.headers
        assert back.path.endswith("/manifests/v1")
        assert within.path.endswith("/manifests/v2")
        assert not any("authorization" in request.headers for request in (back, within))


@pytest.mark.parametrize("challenge", ['Basic realm="r"', 'Bearer realm="{url}/token"'])
def test_AT_08_h_challenges_of_a_redirect_target(
    opener: Opener, guarded: EmbeddedRegistry, stranger: EmbeddedRegistry, challenge: str
) -> None:
    stranger.fault(("GET", "/hop"), faults.status(401, {"WWW-Authenticate": challenge.format(url=guarded.url)}))
    guarded.fault(("GET", "/manifests/"), faults.redirect(f"{aliased(stranger)}/hop"))
    place = opener.place(guarded, USER, trusted_realms=("localhost",))
    assert code_of(lambda: place.get_manifest("v1")) == "AUTH_REFUSED"
    assert len(stranger.requests) == 1


def test_AT_08_i_same_origin_401_gets_a_new_token(opener: Opener, guarded: EmbeddedRegistry) -> None:
    place = opener.place(guarded, USER)
    place.get_manifest("v1")
    guarded.access.revoke()
    assert place.get_manifest("v1") == Content().manifest
    assert len(tokens(guarded)) == 2


def test_AT_08_f_uploads_to_a_store_take_no_credentials_along(
    opener: Opener, stranger: EmbeddedRegistry, guarded: EmbeddedRegistry
) -> None:
    guarded.fault(("POST", "/uploads/"), faults.header("Location", f"{aliased(stranger)}/upload"))
    place = opener.place(guarded, USER, trusted_realms=("localhost",))
    assert code_of(lambda: put(place, b"data")) == "REDIRECT_REFUSED", "not over http"
    assert stranger.requests == []


def test_AT_08_f_uploads_to_a_store_over_https(opener: Opener, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with EmbeddedRegistry(tls=authority.server()) as store, EmbeddedRegistry(auth="basic", users=USERS) as registry:
        store.fault(("PUT", "/upload"), faults.status(201))
        registry.fault(("POST", "/uploads/"), faults.header("Location", f"https://localhost:{store.port}/upload?sig=x"))
        place = opener.place(registry, USER, trusted_realms=(f"localhost:{store.port}",), ca_file=str(authority.ca))
        assert put(place, b"data")
        (request,) = store.requests
        assert request.body == b"data"
        assert request.query == {"sig": "x", "digest": digest_of(b"data")}
        assert "authorization" not in request.headers


@pytest.mark.parametrize("identity", [False, True], ids=["get", "post"])
@pytest.mark.parametrize("status", [302, 307, 308])
def test_AT_06_f_a_token_server_that_redirects(
    opener: Opener, guarded: EmbeddedRegistry, stranger: EmbeddedRegistry, status: int, identity: bool
) -> None:
    guarded.fault(TOKEN, faults.redirect(f"{aliased(stranger)}/token", status))
    credential = Credential("", "", CANARY, origin_of="a test") if identity else USER
    place = opener.place(guarded, credential, trusted_realms=("localhost",))
    assert code_of(lambda: place.get_manifest("v1")) == "REALM_REFUSED"
    assert stranger.requests == []


def test_AT_08_j_netrc_and_environment_are_not_read(
    opener: Opener, registry: EmbeddedRegistry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login ci password {CANARY}\n")
    (tmp_path / ".netrc").chmod(0o600)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert opener.place(registry).get_manifest("v1") is None
    assert "authorization" not in registry.requests[0].headers


def test_AT_14_secrets_are_in_no_representation() -> None:

    proxies = Proxies(f"http://u:{CANARY}@p", f"http://u:{CANARY}@p")
    origin = origin_of("http", "p")
    for one in (
        USER,
        dataclasses.replace(USER, identity_token=CANARY, registry_token=CANARY),
        proxies,
        TransportOptions(proxies=proxies),
        Proxy(origin, CANARY),
        Call("GET", parse_url("http://p/"), origin, {}, CANARY, CANARY.encode()),
    ):
        assert CANARY not in repr(one)
    assert CANARY not in str(parse_url(f"http://p/?token={CANARY}"))
