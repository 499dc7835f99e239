# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import time
import typing as t

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._http.proxy import Proxies
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import TransportOptions
from ansible_collections.supplychain.cosign.plugins.module_utils._services import ambient_google
from ansible_collections.supplychain.cosign.plugins.module_utils._services.ambient import NO_TOKEN, PROVIDERS
from tests.support.http_server import Request, Response
from tests.support.token_place import KEY, TOKEN, Answer, Server, Task, somewhere

FILE = "/var/run/sigstore/cosign/oidc-token"


@pytest.fixture
def task() -> t.Iterator[Task]:
    with somewhere() as task:
        yield task


def value(name: str = "value") -> Answer:
    return lambda request: Response(200, {"Content-Type": "application/json"}, json.dumps({name: TOKEN}).encode())


def echo(status: int) -> Answer:
    """An answer that says again all that it was sent, wherever it can."""

    def answer(request: Request) -> Response:
        sent = request.headers.get("authorization", "")
        text = json.dumps({"value": 1, "message": sent, "token": [sent], sent: TOKEN}).encode()
        return Response(status, {"X-Echo": sent, "WWW-Authenticate": sent, "Location": f"https://{KEY}@/{KEY}"}, text)

    return answer


def github(task: Task, server: Server, path: str = "/idtoken?api-version=2.0") -> None:
    task.environ.update(
        ACTIONS_ID_TOKEN_REQUEST_TOKEN=KEY,
        ACTIONS_ID_TOKEN_REQUEST_URL=server.url + path,
    )


def buildkite(task: Task, server: Server) -> None:
    task.environ.update(
        BUILDKITE_AGENT_ACCESS_TOKEN=KEY, BUILDKITE_AGENT_ENDPOINT=f"{server.url}/v3", BUILDKITE_JOB_ID="0190-ab"
    )


def test_the_names_and_their_order_are_cosigns() -> None:
    assert PROVIDERS == (
        "filesystem",
        "envvar",
        "github-actions",
        "buildkite-agent",
        "google-workload-identity",
        "google-impersonate",
        "spiffe",
    )


def test_nothing_is_found_where_nothing_is(task: Task) -> None:
    assert task() is None
    assert all(name in NO_TOKEN for name in PROVIDERS) and "browser" in NO_TOKEN and "identity_token" in NO_TOKEN


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_that_is_asked_for_and_not_at_work_says_what_it_needs(task: Task, provider: str) -> None:
    rejection = task.refused(provider)
    assert rejection.code == "AUTH_REFUSED"
    assert f"{provider} is not at work here: it needs " in rejection.message


# Files and variables -------------------------------------------------------------------------------------------------


def test_the_token_file_goes_before_the_variable(task: Task) -> None:
    task.environ["SIGSTORE_ID_TOKEN"] = f" {TOKEN}-of-environment\n"
    assert task() == f"{TOKEN}-of-environment"
    task.files[FILE] = f"{TOKEN}\n".encode()
    assert task() == TOKEN
    assert task("envvar") == f"{TOKEN}-of-environment"


@pytest.mark.parametrize("content", [PermissionError(13, "Permission denied"), bytes([255]) + TOKEN.encode()])
def test_a_token_file_that_cannot_be_read_is_an_error_unless_another_provider_answers(
    task: Task, content: t.Any
) -> None:
    task.files[FILE] = content
    rejection = task.refused()
    assert rejection.code == "AUTH_REFUSED"
    assert FILE in rejection.message and "filesystem gave no token" in rejection.message
    task.environ["SIGSTORE_ID_TOKEN"] = TOKEN
    assert task() == TOKEN
    assert task.refused("filesystem").code == "AUTH_REFUSED"


# GitHub Actions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/idtoken?api-version=2.0", "/idtoken?api-version=2.0&audience=my+own%26x%3Dy"),
        ("/idtoken", "/idtoken?audience=my+own%26x%3Dy"),
    ],
)
def test_github_is_asked_for_the_audience(task: Task, path: str, target: str) -> None:
    server = task.serve(value())
    github(task, server, path)
    assert task(audience="my own&x=y") == TOKEN
    (request,) = server.requests
    assert (request.method, request.target) == ("GET", target)
    assert request.headers["authorization"] == f"bearer {KEY}"


def test_github_is_left_alone_without_both_variables(task: Task) -> None:
    server = task.serve(value())
    github(task, server)
    del task.environ["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
    assert task() is None
    assert "id-token: write" in task.refused("github-actions").message
    assert not server.requests


@pytest.mark.attack("F-02")
def test_github_is_asked_again_where_that_may_help(task: Task) -> None:
    answers = [Response(503), Response(500), value()(t.cast(t.Any, None))]
    server = task.serve(lambda request: answers.pop(0))
    github(task, server)
    assert task() == TOKEN
    assert len(server.requests) == 3


@pytest.mark.attack("AT-40g")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_server_is_refused(task: Task, status: int) -> None:
    elsewhere = task.serve(value())
    server = task.serve(lambda request: Response(status, {"Location": f"{elsewhere.url}/idtoken?{KEY}"}))
    github(task, server)
    rejection = task.refused()
    assert rejection.code == "REDIRECT_REFUSED"
    assert "github-actions" in rejection.message and "to another server" in rejection.message
    assert not elsewhere.requests


@pytest.mark.attack("AT-40g")
@pytest.mark.parametrize("url", [f"http://192.0.2.1/{KEY}?{KEY}", f"http://localhost.evil.example/?{KEY}"])
def test_a_token_request_in_clear_to_another_machine_is_refused(task: Task, url: str) -> None:
    task.environ.update(ACTIONS_ID_TOKEN_REQUEST_TOKEN=KEY, ACTIONS_ID_TOKEN_REQUEST_URL=url.replace(f"/{KEY}", "/"))
    rejection = task.refused()
    assert rejection.code == "POLICY_UNSUPPORTED" and "https://" in rejection.message


@pytest.mark.attack("AT-40e")
@pytest.mark.parametrize(
    "url", [f"file:///{TOKEN}", f"https://u:{KEY}@", f"https://u:{KEY}@host/x", "https://a b/", "//x"]
)
def test_what_is_no_address_is_refused(task: Task, url: str) -> None:
    task.environ.update(ACTIONS_ID_TOKEN_REQUEST_TOKEN=KEY, ACTIONS_ID_TOKEN_REQUEST_URL=url)
    with pytest.raises(Rejection) as caught:
        task()
    assert caught.value.code == "MALFORMED"
    assert KEY not in caught.value.message


@pytest.mark.attack("AT-40e")
@pytest.mark.parametrize("key", [f"{KEY}\r\nX-More: 1", f"{KEY} x", f"{KEY}ä", f"{KEY}\x00"])
def test_a_secret_that_no_header_can_carry_is_not_sent(task: Task, key: str) -> None:
    server = task.serve(value())
    github(task, server)
    task.environ["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = key
    rejection = task.refused()
    assert rejection.code == "AUTH_REFUSED" and "ACTIONS_ID_TOKEN_REQUEST_TOKEN" in rejection.message
    assert not server.requests


@pytest.mark.attack("AT-40e")
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (200, "AUTH_REFUSED"),
        (301, "REDIRECT_REFUSED"),
        (400, "AUTH_REFUSED"),
        (401, "AUTH_REFUSED"),
        (403, "AUTH_REFUSED"),
        (404, "AUTH_REFUSED"),
        (429, "RATE_LIMITED"),
        (500, "UNREACHABLE"),
        (501, "UNREACHABLE"),
    ],
)
@pytest.mark.parametrize("set_up", [github, buildkite])
def test_a_server_that_echoes_gets_nothing_into_a_message(
    task: Task, set_up: t.Callable[[Task, Server], None], status: int, code: str
) -> None:
    set_up(task, task.serve(echo(status)))
    rejection = task.refused()
    assert rejection.code == code
    assert "gave no token" in rejection.message


ANSWERS = {
    "empty": b"",
    "no JSON": TOKEN.encode(),
    "a list": json.dumps([TOKEN]).encode(),
    "other keys": json.dumps({"Value": TOKEN}).encode(),
    "a number": b'{"value": 1}',
    "empty text": b'{"value": ""}',
    "null": b'{"value": null}',
    "twice": json.dumps({"value": TOKEN}).encode()[:-1] + b', "value": "x"}',
    "not UTF-8": b'{"value": "\xff"}',
    "nested": b"[" * 100_000,
    "huge": json.dumps({"value": TOKEN * 100_000}).encode(),
}


@pytest.mark.parametrize("body", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_without_a_token_is_refused(task: Task, body: bytes) -> None:
    github(task, task.serve(lambda request: Response(200, {}, body)))
    assert task.refused().code in ("AUTH_REFUSED", "MALFORMED", "DUPLICATE_KEY", "LIMIT_EXCEEDED")


@pytest.mark.attack("F-05")
def test_a_silent_server_does_not_hold_a_task(task: Task) -> None:
    github(task, task.serve(lambda request: None))
    task.options = TransportOptions(retries=2, total_timeout=0.5)
    assert task.refused().code == "UNREACHABLE"


# Buildkite -----------------------------------------------------------------------------------------------------------


def test_buildkites_agent_is_asked_for_the_job(task: Task) -> None:
    server = task.serve(value("token"))
    buildkite(task, server)
    assert task(audience="mine") == TOKEN
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/v3/jobs/0190-ab/oidc/tokens")
    assert json.loads(request.body) == {"audience": "mine"}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == f"Token {KEY}"


@pytest.mark.parametrize("job", ["", "../../v3/jobs/x", "a b", "x?y"])
def test_a_job_that_is_none_is_not_asked_for(task: Task, job: str) -> None:
    server = task.serve(value("token"))
    buildkite(task, server)
    task.environ["BUILDKITE_JOB_ID"] = job
    rejection = task.refused()
    assert rejection.code == "AUTH_REFUSED" and "BUILDKITE_JOB_ID" in rejection.message
    assert not server.requests


# Several -------------------------------------------------------------------------------------------------------------


def test_the_next_provider_is_asked_where_one_fails(task: Task) -> None:
    github(task, task.serve(echo(403)))
    buildkite(task, task.serve(value("token")))
    assert task() == TOKEN
    assert task.refused("github-actions").code == "AUTH_REFUSED"


def test_where_all_fail_the_first_failure_is_told(task: Task) -> None:
    github(task, task.serve(echo(501)))
    buildkite(task, task.serve(echo(403)))
    rejection = task.refused()
    assert rejection.code == "UNREACHABLE" and "github-actions" in rejection.message


def test_a_provider_that_is_chosen_is_the_only_one_asked(task: Task) -> None:
    one, other = task.serve(value()), task.serve(value("token"))
    github(task, one)
    buildkite(task, other)
    task.files[FILE] = b"another"
    assert task("buildkite-agent") == TOKEN
    assert not one.requests and len(other.requests) == 1


# Google's metadata server --------------------------------------------------------------------------------------------


def metadata(status: int = 200, flavor: str = "Google") -> Answer:
    def answer(request: Request) -> Response:
        if request.headers.get("metadata-flavor") != "Google":
            return Response(403, {"Metadata-Flavor": "Google"})
        body = {
            "/computeMetadata/v1/instance/service-accounts/default/identity": TOKEN,
            "/computeMetadata/v1/instance/service-accounts/default/token": json.dumps({"access_token": KEY}),
        }.get(request.path, "")
        return Response(status, {"Metadata-Flavor": flavor}, body.encode())

    return answer


def test_the_metadata_server_gives_the_machines_token(task: Task) -> None:
    server = task.serve(metadata())
    task.environ["GCE_METADATA_HOST"] = server.host
    assert task(audience="mine") == TOKEN
    (request,) = server.requests
    assert request.query == {"audience": "mine", "format": "full"}


def test_a_machine_of_googles_is_known_by_its_product_name(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    server = task.serve(metadata())
    monkeypatch.setattr(ambient_google, "_METADATA", server.host)
    task.files["/sys/class/dmi/id/product_name"] = b"Google Compute Engine\n"
    assert task() == TOKEN
    assert len(server.requests) == 1


def test_where_nothing_says_so_the_metadata_server_is_looked_for_last(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = task.serve(metadata())
    monkeypatch.setattr(ambient_google, "_METADATA", server.host)
    buildkite(task, task.serve(value("token")))
    assert task() == TOKEN
    assert not server.requests
    task.environ.clear()
    assert task() == TOKEN
    assert task("google-workload-identity") == TOKEN
    assert server.requests[0].path == "/"


@pytest.mark.attack("F-05")
def test_looking_for_a_metadata_server_takes_no_time_where_none_answers(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = task.serve(lambda request: None)
    monkeypatch.setattr(ambient_google, "_METADATA", server.host)
    start = time.monotonic()
    assert task() is None
    assert time.monotonic() - start < 5
    assert len(server.requests) == 1


def test_the_metadata_server_is_never_asked_through_a_proxy(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    server, proxy = task.serve(metadata()), task.serve(metadata())
    task.options = TransportOptions(retries=0, proxies=Proxies(http=proxy.url))
    # An address that leads to this machine without being named as its own, for which no proxy is asked anyway.
    monkeypatch.setattr(ambient_google, "_METADATA", server.host.replace("127.0.0.1", "0.0.0.0"))
    assert task() == TOKEN
    assert server.requests and not proxy.requests


@pytest.mark.parametrize("flavor", ["", "google"])
def test_another_server_is_not_taken_for_the_metadata_server(
    task: Task, monkeypatch: pytest.MonkeyPatch, flavor: str
) -> None:
    server = task.serve(metadata(flavor=flavor))
    monkeypatch.setattr(ambient_google, "_METADATA", server.host)
    assert task() is None
    task.environ["GCE_METADATA_HOST"] = server.host
    rejection = task.refused()
    assert rejection.code == "AUTH_REFUSED" and "GCE_METADATA_HOST" in rejection.message


@pytest.mark.parametrize(("status", "code"), [(403, "AUTH_REFUSED"), (501, "UNREACHABLE")])
def test_a_metadata_server_that_refuses_is_told(task: Task, status: int, code: str) -> None:
    task.environ["GCE_METADATA_HOST"] = task.serve(metadata(status)).host
    assert task.refused().code == code


def test_a_machine_without_service_account_has_no_token(task: Task) -> None:
    task.environ["GCE_METADATA_HOST"] = task.serve(metadata(404)).host
    assert task() is None


@pytest.mark.parametrize("host", ["http://127.0.0.1", f"u:{KEY}@127.0.0.1", "a b", "127.0.0.1:99999"])
def test_a_metadata_host_that_is_none_is_refused(task: Task, host: str) -> None:
    task.environ["GCE_METADATA_HOST"] = host
    assert task.refused().code == "MALFORMED"
