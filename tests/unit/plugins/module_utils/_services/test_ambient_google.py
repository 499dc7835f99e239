# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service account that is acted as, and credential files, which Google's own library reads."""

from __future__ import annotations

import json
import sys
import typing as t
import warnings
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ansible_collections.supplychain.cosign.plugins.module_utils._services import ambient_google
from tests.support.http_server import Request, Response
from tests.support.token_place import KEY, TOKEN, Server, Task, somewhere

ACCOUNT = "signer@acme.iam.gserviceaccount.example"
GCLOUD = "/home/someone/.config/gcloud/application_default_credentials.json"
PRIVATE = rsa.generate_private_key(65537, 2048)
PEM = PRIVATE.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


class Google:
    """The parts of Google that are asked: metadata server, token endpoint, and IAM credentials."""

    def __init__(self, task: Task) -> None:
        self.answers: dict[str, tuple[int, t.Any]] = {
            "/token": (200, {"access_token": KEY, "expires_in": 3600, "token_type": "Bearer"}),
            f"/v1/projects/-/serviceAccounts/{ACCOUNT}:generateIdToken": (200, {"token": TOKEN}),
            "/computeMetadata/v1/instance/service-accounts/default/token": (200, {"access_token": KEY}),
            "/computeMetadata/v1/instance/service-accounts/default/identity": (200, {}),
        }
        self.server: Server = task.serve(self._answer)

    def _answer(self, request: Request) -> Response:
        status, found = self.answers.get(request.path, (404, {}))
        return Response(status, {"Metadata-Flavor": "Google"}, json.dumps(found).encode())

    def asked(self, path: str) -> Request:
        (request,) = (one for one in self.server.requests if one.path == path)
        return request

    def account_file(self, **changed: t.Any) -> bytes:
        """A service account's key file."""
        return json.dumps(
            {
                "type": "service_account",
                "client_email": "runner@acme.example",
                "private_key_id": "1",
                "private_key": PEM,
                "token_uri": f"{self.server.url}/token",
                **changed,
            }
        ).encode()

    def user_file(self) -> bytes:
        """What gcloud keeps of a person who logged in."""
        return json.dumps(
            {"type": "authorized_user", "client_id": "id", "client_secret": KEY, "refresh_token": KEY}
        ).encode()


@pytest.fixture
def task() -> t.Iterator[Task]:
    with somewhere() as task:
        yield task


@pytest.fixture
def google(task: Task, monkeypatch: pytest.MonkeyPatch) -> Google:
    google = Google(task)
    monkeypatch.setattr(ambient_google, "_IAM", google.server.url)
    task.environ["GOOGLE_SERVICE_ACCOUNT_NAME"] = ACCOUNT
    return google


def check_impersonated(google: Google) -> None:
    request = google.asked(f"/v1/projects/-/serviceAccounts/{ACCOUNT}:generateIdToken")
    assert request.method == "POST" and request.headers["authorization"] == f"Bearer {KEY}"
    assert json.loads(request.body) == {"audience": "mine", "includeEmail": True}


def test_the_machines_account_acts_as_another(task: Task, google: Google) -> None:
    task.environ["GCE_METADATA_HOST"] = google.server.host
    assert task("google-impersonate", audience="mine") == TOKEN
    check_impersonated(google)
    token = google.asked("/computeMetadata/v1/instance/service-accounts/default/token")
    assert token.query == {"scopes": "https://www.googleapis.com/auth/cloud-platform"}


@pytest.mark.parametrize("named", [True, False])
def test_the_account_of_a_credential_file_acts_as_another(task: Task, google: Google, named: bool) -> None:
    task.environ["HOME"] = "/home/someone"
    task.files["/key.json" if named else GCLOUD] = google.account_file()
    if named:
        task.files[GCLOUD] = b"not this one"
        task.environ["GOOGLE_APPLICATION_CREDENTIALS"] = "/key.json"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert task(audience="mine") == TOKEN
    check_impersonated(google)
    body = google.asked("/token").body.decode()
    assertion = jwt.decode(
        body.partition("assertion=")[2].partition("&")[0],
        PRIVATE.public_key(),
        algorithms=["RS256"],
        audience="https://oauth2.googleapis.com/token",
    )
    assert assertion["iss"] == "runner@acme.example"


def test_a_person_acts_as_an_account(task: Task, google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{google.server.url}/token")
    task.environ["GOOGLE_APPLICATION_CREDENTIALS"] = "/user.json"
    task.files["/user.json"] = google.user_file()
    assert task(audience="mine") == TOKEN
    check_impersonated(google)
    assert b"grant_type=refresh_token" in google.asked("/token").body


def test_a_workload_of_another_cloud_acts_as_an_account(task: Task, google: Google, tmp_path: Path) -> None:
    (tmp_path / "subject").write_text(KEY)
    info = {
        "type": "external_account",
        "audience": "//iam.example/pool",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{google.server.url}/token",
        "credential_source": {"file": str(tmp_path / "subject")},
    }
    task.environ["GOOGLE_APPLICATION_CREDENTIALS"] = "/pool.json"
    task.files["/pool.json"] = json.dumps(info).encode()
    assert task(audience="mine") == TOKEN
    check_impersonated(google)
    assert f"subject_token={KEY}".encode() in google.asked("/token").body


def test_a_key_file_speaks_for_its_own_account_on_a_machine_of_googles(task: Task, google: Google) -> None:
    del task.environ["GOOGLE_SERVICE_ACCOUNT_NAME"]
    task.environ.update(GCE_METADATA_HOST=google.server.host, GOOGLE_APPLICATION_CREDENTIALS="/key.json")
    task.files["/key.json"] = google.account_file()
    google.answers["/token"] = (200, {"id_token": _id_token()})
    assert task("google-workload-identity", audience="mine") == _id_token()
    body = google.asked("/token").body.decode()
    claims = jwt.decode(
        body.partition("assertion=")[2].partition("&")[0], options={"verify_signature": False, "verify_aud": False}
    )
    assert claims["target_audience"] == "mine"
    assert [request.path for request in google.server.requests] == ["/token"]


def test_a_persons_file_gives_no_identity_of_a_machine(task: Task, google: Google) -> None:
    del task.environ["GOOGLE_SERVICE_ACCOUNT_NAME"]
    task.environ.update(GCE_METADATA_HOST=google.server.host, HOME="/home/someone")
    task.files[GCLOUD] = google.user_file()
    assert task() is None


@pytest.mark.attack("AT-40e")
@pytest.mark.parametrize("name", ["a/../b", f"{KEY} x", "a?b", ""])
def test_a_name_that_is_no_accounts_is_not_asked_for(task: Task, google: Google, name: str) -> None:
    task.environ.update(GOOGLE_SERVICE_ACCOUNT_NAME=name, GCE_METADATA_HOST=google.server.host)
    assert task.refused("google-impersonate").code == "AUTH_REFUSED"
    assert not google.server.requests


@pytest.mark.attack("AT-40e")
@pytest.mark.parametrize(
    ("path", "status", "answer", "code"),
    [
        ("/token", 400, {"error": "invalid_grant", "error_description": f"{KEY} {PEM}"}, "AUTH_REFUSED"),
        ("/token", 200, {"access_token": ""}, "AUTH_REFUSED"),
        ("/token", 200, {"error": KEY}, "AUTH_REFUSED"),
        ("/token", 200, [KEY], "AUTH_REFUSED"),
        ("/token", 503, {}, "UNREACHABLE"),
        (":generateIdToken", 403, {"error": {"message": f"{KEY} may not"}}, "AUTH_REFUSED"),
        (":generateIdToken", 200, {"token": 1, KEY: TOKEN}, "AUTH_REFUSED"),
        (":generateIdToken", 501, {}, "UNREACHABLE"),
    ],
)
def test_what_google_answers_gets_nothing_into_a_message(
    task: Task, google: Google, path: str, status: int, answer: t.Any, code: str
) -> None:
    (where,) = (one for one in google.answers if one.endswith(path) and "compute" not in one)
    google.answers[where] = (status, answer)
    task.environ["GOOGLE_APPLICATION_CREDENTIALS"] = "/key.json"
    task.files["/key.json"] = google.account_file()
    rejection = task.refused()
    assert rejection.code == code and "google-impersonate gave no token" in rejection.message
    assert "PRIVATE KEY" not in rejection.message


@pytest.mark.attack("AT-40e")
@pytest.mark.parametrize(
    "content",
    [b"", KEY.encode(), b"[]", b"{}", json.dumps({"type": KEY}).encode(), b'{"type": "external_account"}'],
)
@pytest.mark.parametrize("wrong", [{}, {"private_key": KEY}, {"private_key": 1}, {"token_uri": 1}, {"token_uri": "x"}])
def test_a_credential_file_that_is_none_is_refused_without_being_shown(
    task: Task, google: Google, content: bytes, wrong: dict[str, t.Any]
) -> None:
    task.environ["GOOGLE_APPLICATION_CREDENTIALS"] = "/key.json"
    task.files["/key.json"] = google.account_file(**wrong) if wrong else content
    assert task.refused().code in ("AUTH_REFUSED", "MALFORMED")


@pytest.mark.attack("AT-40f")
def test_a_key_files_signature_goes_over_no_plain_http_to_another_machine(task: Task, google: Google) -> None:
    task.environ["GOOGLE_APPLICATION_CREDENTIALS"] = "/key.json"
    task.files["/key.json"] = google.account_file(token_uri="http://192.0.2.1/token")
    assert task.refused().code == "POLICY_UNSUPPORTED"


def test_a_credential_file_that_is_named_must_be_there(task: Task, google: Google) -> None:
    task.environ["GOOGLE_APPLICATION_CREDENTIALS"] = "/nowhere.json"
    assert "GOOGLE_APPLICATION_CREDENTIALS" in task.refused().message


@pytest.mark.parametrize("module", ["google.auth", "google.oauth2.service_account"])
def test_without_googles_library_it_is_said_what_to_install(
    task: Task, google: Google, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    task.environ["GOOGLE_APPLICATION_CREDENTIALS"] = "/key.json"
    task.files["/key.json"] = google.account_file()
    if module != "google.auth":
        task.environ["GCE_METADATA_HOST"] = google.server.host
        provider = "google-workload-identity"
    else:
        provider = "google-impersonate"
    rejection = task.refused(provider)
    assert rejection.code == "AUTH_REFUSED" and "google-auth" in rejection.message


def _id_token() -> str:
    return jwt.encode({"exp": 4_000_000_000, "iat": 1_700_000_000, "aud": "mine"}, "k" * 32, algorithm="HS256")
