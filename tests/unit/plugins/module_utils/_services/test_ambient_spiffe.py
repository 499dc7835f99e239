# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Against a workload API that speaks gRPC on a socket of its own, as SPIRE's agent does."""

from __future__ import annotations

import socket
import sys
import threading
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc  # type: ignore[import-untyped]
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from spiffe._proto import workload_pb2, workload_pb2_grpc

from ansible_collections.supplychain.cosign.plugins.module_utils._services import ambient_spiffe
from tests.support.token_place import KEY, TOKEN, Task, somewhere

KEYS = ec.generate_private_key(ec.SECP256R1())
SUBJECT = "spiffe://acme.example/signer"


class WorkloadApi(workload_pb2_grpc.SpiffeWorkloadAPIServicer):
    """Answers as the test says, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[str], dict[str, t.Any]]] = []
        self.answer: t.Callable[[t.Any, t.Any], str] = lambda request, context: svid(list(request.audience))

    def FetchJWTSVID(self, request: t.Any, context: t.Any) -> t.Any:
        self.asked.append((list(request.audience), dict(context.invocation_metadata())))
        token = self.answer(request, context)
        return workload_pb2.JWTSVIDResponse(svids=[workload_pb2.JWTSVID(spiffe_id=SUBJECT, svid=token)])


def svid(audience: list[str], **changed: t.Any) -> str:
    claims = {"sub": SUBJECT, "aud": audience, "exp": int(time.time()) + 300, **changed}
    return jwt.encode(claims, KEYS, algorithm="ES256", headers={"kid": "1"})


@pytest.fixture
def task() -> t.Iterator[Task]:
    with somewhere() as task:
        yield task


@pytest.fixture
def api(task: Task, tmp_path: Path) -> t.Iterator[WorkloadApi]:
    api = WorkloadApi()
    server = grpc.server(ThreadPoolExecutor(2))
    workload_pb2_grpc.add_SpiffeWorkloadAPIServicer_to_server(api, server)  # type: ignore[no-untyped-call]
    server.add_insecure_port(f"unix:{tmp_path}/api.sock")
    server.start()
    task.environ["SPIFFE_ENDPOINT_SOCKET"] = f"{tmp_path}/api.sock"
    yield api
    server.stop(None).wait(5)


def test_the_workload_api_gives_a_token_for_the_audience(task: Task, api: WorkloadApi) -> None:
    token = task(audience="mine")
    assert token is not None
    assert jwt.decode(token, options={"verify_signature": False})["sub"] == SUBJECT
    ((audience, metadata),) = api.asked
    assert audience == ["mine"]
    assert metadata["workload.spiffe.io"] == "true"


@pytest.mark.parametrize("start", ["unix:", "unix://"])
def test_the_socket_may_be_a_url(task: Task, api: WorkloadApi, start: str) -> None:
    task.environ["SPIFFE_ENDPOINT_SOCKET"] = start + task.environ["SPIFFE_ENDPOINT_SOCKET"]
    assert task("spiffe")


def test_the_socket_of_spires_agent_is_found(task: Task, api: WorkloadApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ambient_spiffe, "_SOCKET", task.environ.pop("SPIFFE_ENDPOINT_SOCKET"))
    assert task("spiffe")


def test_without_a_socket_nothing_is_asked(task: Task, tmp_path: Path) -> None:
    task.environ["SPIFFE_ENDPOINT_SOCKET"] = f"{tmp_path}/nothing"
    assert task() is None


@pytest.mark.attack("AT-40e")
@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, "AUTH_REFUSED", "register the workload"),
        (grpc.StatusCode.UNAVAILABLE, "UNREACHABLE", "UNAVAILABLE"),
        (grpc.StatusCode.INTERNAL, "UNREACHABLE", "INTERNAL"),
    ],
)
def test_an_agent_that_refuses_is_told_without_its_words(
    task: Task, api: WorkloadApi, status: grpc.StatusCode, code: str, told: str
) -> None:
    api.answer = lambda request, context: context.abort(status, f"{TOKEN} {KEY}")
    rejection = task.refused()
    assert rejection.code == code and told in rejection.message


@pytest.mark.attack("AT-40e")
@pytest.mark.parametrize(
    "token",
    [
        "",
        TOKEN,
        f"{TOKEN}.{TOKEN}.{TOKEN}",
        svid(["somebody else"]),
        svid(["sigstore"], exp=1),
        svid(["sigstore"], sub="no SPIFFE ID"),
        jwt.encode({"sub": SUBJECT, "aud": "sigstore", "exp": 2**31}, KEY * 3, algorithm="HS256"),
    ],
)
def test_a_token_that_is_no_svid_is_refused(task: Task, api: WorkloadApi, token: str) -> None:
    api.answer = lambda request, context: token
    rejection = task.refused()
    assert rejection.code == "AUTH_REFUSED" and "gave no token of use" in rejection.message
    assert not token or token not in rejection.message


@pytest.mark.attack("F-05")
def test_a_silent_agent_does_not_hold_a_task(task: Task, api: WorkloadApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ambient_spiffe, "_SECONDS", 0.3)
    ended = threading.Event()
    api.answer = lambda request, context: "x" if ended.wait(10) else ""
    try:
        rejection = task.refused()
    finally:
        ended.set()
    assert rejection.code == "UNREACHABLE" and "DEADLINE_EXCEEDED" in rejection.message


def test_a_socket_that_nobody_serves_is_told(task: Task, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as unserved:
        unserved.bind(f"{tmp_path}/api.sock")
    task.environ["SPIFFE_ENDPOINT_SOCKET"] = f"{tmp_path}/api.sock"
    rejection = task.refused("spiffe")
    assert rejection.code == "UNREACHABLE" and f"{tmp_path}/api.sock" in rejection.message


def test_without_the_library_it_is_said_what_to_install(
    task: Task, api: WorkloadApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "spiffe", None)
    rejection = task.refused()
    assert rejection.code == "AUTH_REFUSED" and "Python package spiffe" in rejection.message
