# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import importlib.resources
import json
import os
import socket
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import TrustedRoot
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._services.tuf import Document
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases import trust as module
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.trust import (
    Source,
    Trust,
    default_document,
    document_at_hand,
    trust_by_default,
    trust_in_document,
    trust_in_files,
)
from tests.support.http_server import Exchange, HTTPServer, Request, Response
from tests.support.keys import public_key
from tests.support.sigstore.ca import CertificateAuthority
from tests.support.sigstore.tuf_repository import BASE, TufRepository

ROOT = json.dumps({"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}).encode()


def refusal(call: t.Callable[[], object]) -> Rejection:
    with pytest.raises(Rejection) as caught:
        call()
    return caught.value


def test_the_root_is_found_once_for_all_threads() -> None:
    found, gate = [], threading.Event()

    def find() -> TrustedRoot:
        gate.wait(10)
        found.append(TrustedRoot())
        return found[-1]

    trust = Trust("x", find)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(trust.root) for _dummy in range(8)]
        gate.set()
        roots = [one.result() for one in asked]
    assert len(found) == 1 and all(root is found[0] for root in roots)


def test_a_refusal_is_told_to_everyone_and_not_asked_for_again() -> None:
    calls = []

    def find() -> TrustedRoot:
        calls.append(1)
        raise Rejection("TRUST_ROOT", "None is to be had.")

    trust = Trust("x", find)
    one, other = refusal(trust.root), refusal(trust.root)
    assert (one.code, one.message) == (other.code, other.message) == ("TRUST_ROOT", "None is to be had.")
    assert one is not other and calls == [1]


def test_a_document_that_is_given_is_read_at_once() -> None:
    """An option that cannot be honoured is refused, whether any evidence needs it or not."""
    assert refusal(lambda: trust_in_document(Document(b"{", "trusted root"))).code == "MALFORMED"
    trust = trust_in_document(Document(ROOT, "mine"))
    assert trust.root().name == "mine" and trust.root() is trust.root()
    assert trust.fingerprint != trust_in_document(Document(ROOT + b" ", "mine")).fingerprint


def test_files_are_all_that_is_trusted() -> None:
    files = {"SIGSTORE_REKOR_PUBLIC_KEY": public_key().pem}
    trust = trust_in_files({}, files)
    root = trust.root()
    assert len(root.logs) == 1 and not root.certificate_authorities
    assert trust.fingerprint != trust_in_files({}, {"SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": public_key().pem}).fingerprint
    assert trust.fingerprint != trust_in_files({}, {"SIGSTORE_REKOR_PUBLIC_KEY": b""}).fingerprint


def test_the_name_of_files_says_what_else_to_name() -> None:
    """Whoever gives single files has no trusted root that could be given."""
    rekor = trust_in_files({}, {"SIGSTORE_REKOR_PUBLIC_KEY": public_key().pem}).root().name
    assert rekor.startswith("content of SIGSTORE_REKOR_PUBLIC_KEY") and "the default root" in rekor
    assert "SIGSTORE_ROOT_FILE" in rekor and "insecure_ignore_sct" in rekor and "insecure_ignore_tlog" not in rekor
    chain = CertificateAuthority(datetime(2026, 3, 1, tzinfo=timezone.utc)).chain_pem
    own = trust_in_files({"certificate_chain": chain}, {}).root().name
    for name in ("SIGSTORE_REKOR_PUBLIC_KEY", "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE", "SIGSTORE_TSA_CERTIFICATE_FILE"):
        assert name in own
    assert "SIGSTORE_ROOT_FILE" not in own


def test_the_files_of_options_are_read_at_once() -> None:
    rejection = refusal(lambda: trust_in_files({"ca_roots": b"junk"}, {}))
    assert rejection.code == "TRUST_ROOT" and "ca_roots" in rejection.message
    trust = trust_in_files({}, {"SIGSTORE_ROOT_FILE": b"junk"})
    assert refusal(trust.root).code == "TRUST_ROOT"


def test_a_file_that_was_not_read_is_told_to_who_needs_it() -> None:
    trust = trust_in_files({}, {}, Rejection("TRUST_ROOT", "It is gone."))
    assert refusal(trust.root).message == "It is gone."


# By TUF --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def repository() -> TufRepository:
    return TufRepository({"trusted_root.json": ROOT})


@pytest.fixture
def mirror(repository: TufRepository) -> t.Iterator[str]:
    server = repository.serve()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.close()


def source_of(mirror: str, repository: TufRepository, tmp_path: Path, **more: str) -> Source:
    start = tmp_path / "root.json"
    start.write_bytes(repository.first_root)
    environ = {"TUF_MIRROR": mirror, "TUF_ROOT_JSON": str(start), "TUF_ROOT": str(tmp_path / "tuf")}
    return Source(lambda path: Path(path).read_bytes(), {**environ, **more})


def test_the_default_is_fetched_only_when_it_is_needed(mirror: str, repository: TufRepository, tmp_path: Path) -> None:
    said: list[str] = []
    trust = trust_by_default(source_of(mirror, repository, tmp_path), said.append)
    assert repository.requests == []
    assert trust.root().name == f"trusted root of {mirror}" and said == []
    assert len(list((tmp_path / "tuf/supplychain.cosign").iterdir())) == 1


@pytest.mark.attack("AT-34", "AT-08")
def test_at_34_requests_are_nobodys(
    mirror: str, repository: TufRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login canary password canary\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    default_document(source_of(mirror, repository, tmp_path, COSIGN_REGISTRY_PASSWORD="canary"))
    names = {name.lower() for one in repository.requests for name in one.headers}
    assert names == {"host", "user-agent", "accept-encoding"}
    assert "canary" not in repr(repository.requests)


def folder_of(repository: TufRepository, tmp_path: Path) -> str:
    for name, data in repository.files.items():
        (tmp_path / "mirror" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mirror" / name).write_bytes(data)
    return f"file://{tmp_path}/mirror/"


@pytest.mark.parametrize("offline", [False, True])
def test_a_mirror_may_be_a_folder_which_needs_no_connection(
    offline: bool, repository: TufRepository, tmp_path: Path
) -> None:
    source = source_of(folder_of(repository, tmp_path), repository, tmp_path)
    assert default_document(dataclasses.replace(source, offline=offline)).data == ROOT


def test_a_mirror_of_what_is_no_file_ends(repository: TufRepository, tmp_path: Path) -> None:
    source = source_of(folder_of(repository, tmp_path), repository, tmp_path)
    (tmp_path / "mirror/timestamp.json").unlink()
    os.mkfifo(tmp_path / "mirror/timestamp.json")
    done: list[Rejection] = []
    worker = threading.Thread(target=lambda: done.append(refusal(lambda: default_document(source))), daemon=True)
    worker.start()
    worker.join(15)
    assert done[0].code == "TRUST_ROOT"


@pytest.mark.parametrize(
    "mirror",
    [
        "sigstore-tuf-root",
        "ftp://tuf.test",
        "https://u:canary@tuf.test",
        "https://tuf.test?key=canary",
        "file://tuf",
        "file:///tuf\0",
        "https://tuf.test/\0",
    ],
)
def test_a_mirror_that_is_no_url_is_refused(mirror: str, repository: TufRepository, tmp_path: Path) -> None:
    rejection = refusal(lambda: default_document(source_of(mirror, repository, tmp_path)))
    assert rejection.code == "TRUST_ROOT" and "TUF_MIRROR" in rejection.message and "canary" not in rejection.message


def test_a_root_json_that_is_not_there_is_named(mirror: str, repository: TufRepository, tmp_path: Path) -> None:
    rejection = refusal(lambda: default_document(source_of(mirror, repository, tmp_path, TUF_ROOT_JSON="/none")))
    assert rejection.code == "TRUST_ROOT" and "TUF_ROOT_JSON" in rejection.message and "/none" in rejection.message


def test_another_start_or_mirror_has_a_folder_of_its_own(repository: TufRepository, tmp_path: Path) -> None:
    one = source_of("https://a.test", repository, tmp_path)
    other = source_of("https://b.test", repository, tmp_path)
    third = Source(one.read, {name: value for name, value in one.environ.items() if name != "TUF_ROOT_JSON"})
    assert len({source.repository().folder for source in (one, other, third)}) == 3
    assert len({source.fingerprint for source in (one, other, third)}) == 3


def test_the_fingerprint_is_of_what_is_trusted_and_not_of_its_name(repository: TufRepository, tmp_path: Path) -> None:
    """The same path with another content, in one run whose verdicts are kept."""
    source = source_of("https://a.test", repository, tmp_path)
    before = source.fingerprint
    (tmp_path / "root.json").write_bytes(TufRepository({}).first_root)
    assert source.fingerprint == before, "what was read is what is trusted"
    later = dataclasses.replace(source)
    assert later.fingerprint != before and later.repository().root == (tmp_path / "root.json").read_bytes()
    (tmp_path / "root.json").unlink()
    gone = dataclasses.replace(source)
    assert gone.fingerprint not in (before, later.fingerprint)
    elsewhere = dataclasses.replace(gone, environ={**source.environ, "TUF_ROOT": "/elsewhere"})
    assert elsewhere.fingerprint != gone.fingerprint


def folder(**environ: str) -> str:
    return Source(lambda path: b"", environ).repository().folder


def test_the_folder_is_below_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    assert folder(HOME="/home/ci").startswith("/home/ci/.cache/supplychain.cosign/tuf-")
    assert folder(HOME="/home/ci", XDG_CACHE_HOME="/cache").startswith("/cache/supplychain.cosign/tuf-")
    assert folder(XDG_CACHE_HOME="/cache", TUF_ROOT="/tuf").startswith("/tuf/supplychain.cosign/tuf-")
    monkeypatch.setenv("HOME", "/home/other")
    assert folder().startswith("/home/other/.cache/")


@pytest.mark.attack("AT-34")
def test_at_34_no_folder_is_taken_from_where_a_task_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    home = "/home/ci"
    assert folder(HOME=home, TUF_ROOT="~/tuf").startswith("/home/ci/tuf/supplychain.cosign/")
    assert folder(HOME=home, XDG_CACHE_HOME="~").startswith("/home/ci/supplychain.cosign/")
    assert folder(HOME=home, TUF_ROOT="~root/tuf").startswith("/root/tuf/supplychain.cosign/")
    assert folder(HOME=home, XDG_CACHE_HOME=".cache").startswith("/home/ci/.cache/supplychain.cosign/"), "as XDG says"
    for value in (".cache", "rel/../x", "~nobody-here/x"):
        rejection = refusal(lambda value=value: folder(HOME=home, TUF_ROOT=value))  # type: ignore[misc]
        assert rejection.code == "TRUST_ROOT" and "TUF_ROOT" in rejection.message and "from / " in rejection.message
    monkeypatch.setenv("HOME", "not/absolute")
    assert folder(HOME="not/absolute") == "", "nowhere is better than anywhere"


@pytest.mark.parametrize("name", ["TUF_ROOT", "TUF_ROOT_JSON", "XDG_CACHE_HOME", "HOME"])
def test_a_nul_in_a_variable_is_refused_by_its_name(name: str) -> None:
    source = Source(lambda path: Path(path).read_bytes(), {name: "/a\0b"})
    assert source.fingerprint
    rejection = refusal(lambda: default_document(source))
    assert rejection.code == "TRUST_ROOT" and f"{name} holds a NUL" in rejection.message


@pytest.mark.attack("AT-34")
def test_at_34_a_folder_that_cannot_be_written_has_one_of_the_run(
    mirror: str, repository: TufRepository, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    source = dataclasses.replace(
        source_of(mirror, repository, tmp_path, TUF_ROOT="/proc/nope"), spare=str(tmp_path / "run")
    )
    assert {default_document(source).data for _dummy in range(3)} == {ROOT}
    assert len([one for one in repository.requests if one.path == "/timestamp.json"]) == 1


def test_what_is_at_hand_needs_no_request(mirror: str, repository: TufRepository, tmp_path: Path) -> None:
    source = source_of(mirror, repository, tmp_path)
    assert document_at_hand(source) is None and repository.requests == []
    assert default_document(source).data == ROOT
    repository.requests.clear()
    found = document_at_hand(source)
    assert found and found.data == ROOT and repository.requests == []
    shipped = document_at_hand(Source(lambda path: b"", {}, offline=True))
    assert shipped and "sigstore" in shipped.name
    at_hand = document_at_hand(source_of(folder_of(repository, tmp_path), repository, tmp_path))
    assert at_hand and at_hand.data == ROOT and repository.requests == []


@pytest.mark.attack("AT-34", "AT-13")
@pytest.mark.parametrize("how", ["429", "stalls", "drips", "resets", "nobody listens", "endless", "slow"])
def test_at_34_a_mirror_that_fails_ends_in_time(
    how: str, repository: TufRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TOTAL_SECONDS", 1.0)

    def handler(exchange: Exchange) -> Response | None:
        if how == "429":
            return Response(429, {"Retry-After": "3600"})
        if how == "slow":
            # Each request would end in time, all of them together do not.
            exchange.pause(0.4)
            return exchange.normal()
        if how == "resets":
            exchange.reset()
        elif how == "stalls":
            exchange.pause(20)
        elif how == "endless":
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + bytes(6 * 2**20))
        else:
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n")
            for _dummy in range(200):
                exchange.send(b" ")
                exchange.pause(0.1)
        return None

    def normal(request: Request) -> Response:
        status, body = repository.get(f"{BASE}{request.path}")
        return Response(status, {}, body)

    server = HTTPServer(handler, normal)
    try:
        if how == "nobody listens":
            server.close()
        source = source_of(f"http://127.0.0.1:{server.port}", repository, tmp_path)
        done: list[Rejection] = []
        worker = threading.Thread(target=lambda: done.append(refusal(lambda: default_document(source))), daemon=True)
        worker.start()
        worker.join(15)
        assert not worker.is_alive()
    finally:
        server.close()
    assert done[0].code == "TRUST_ROOT" and ("answered 429" in done[0].message) == (how == "429")


# Offline -------------------------------------------------------------------------------------------------------------


def test_offline_opens_no_socket_and_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: t.Any, **_more: t.Any) -> t.NoReturn:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    said: list[str] = []
    environ = {"HOME": str(tmp_path), "TUF_ROOT": str(tmp_path / "tuf")}
    root = trust_by_default(Source(lambda path: b"", environ, offline=True), said.append).root()
    folder = importlib.resources.files("sigstore._store")
    shipped = folder.joinpath("https%3A%2F%2Ftuf-repo-cdn.sigstore.dev", "trusted_root.json").read_bytes()
    assert len(root.logs) == len(json.loads(shipped)["tlogs"])
    assert list(tmp_path.iterdir()) == []
    assert len(said) == 1 and "sigstore" in said[0]


def test_offline_with_a_mirror_of_ones_own_needs_a_trusted_root(tmp_path: Path) -> None:
    source = Source(lambda path: b"", {"TUF_MIRROR": "https://tuf.example.test"}, offline=True)
    rejection = refusal(lambda: default_document(source))
    assert rejection.code == "TRUST_ROOT" and "give trusted_root" in rejection.message
