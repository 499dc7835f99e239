# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json
import os
import threading
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._registry import credentials
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.auth_file import (
    has_credential,
    remove_credential,
    store_credential,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.credentials import (
    Credential,
    CredentialOptions,
    find_credential,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.reference import parse_reference

from .conftest import CANARY

NOBODY = CredentialOptions()


def encoded(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()


def entry(password: str = CANARY, username: str = "ci") -> dict[str, str]:
    return {"auth": encoded(username, password)}


class Home:
    """A home folder, and the environment that goes with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {"HOME": str(folder), "PATH": str(folder / "bin")}

    def write(self, path: str, document: object) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return file

    def helper(self, name: str, script: str) -> None:
        file = self.write(f"bin/docker-credential-{name}", f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def find(self, image: str, options: CredentialOptions = NOBODY, **environ: str) -> Credential | None:
        return find_credential(parse_reference(image), options, {**self.environ, **environ})

    def refused(self, image: str, options: CredentialOptions = NOBODY) -> str:
        with pytest.raises(Rejection) as caught:
            self.find(image, options)
        assert caught.value.code == "AUTH_REFUSED"
        for secret in (CANARY, encoded("ci", CANARY)):
            assert secret not in caught.value.message
        return caught.value.message


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.mark.parametrize(
    ("key", "image", "found"),
    [
        ("https://index.docker.io/v1/", "alpine", True),
        ("docker.io", "alpine", True),
        ("index.docker.io", "acme/app", True),
        ("registry-1.docker.io", "docker.io/acme/app", True),
        ("docker.io/acme", "acme/app", True),
        ("docker.io/acme", "other/app", False),
        ("https://docker.io.evil.com/v1/", "alpine", False),
        ("ghcr.io", "ghcr.io/x/y", True),
        ("GHCR.IO", "ghcr.io/x/y", True),
        ("ghcr.io", "GHCR.io/x/y", True),
        ("https://ghcr.io", "ghcr.io/x/y", True),
        ("https://ghcr.io/", "ghcr.io/x/y", True),
        ("https://ghcr.io/v2/", "ghcr.io/x/y", True),
        ("http://ghcr.io", "ghcr.io/x/y", True),
        ("ghcr.io:443", "ghcr.io/x/y", True),
        ("ghcr.io", "ghcr.io:443/x/y", True),
        ("ghcr.io.", "ghcr.io/x/y", False),
        ("ghcr.io", "cr.io/x", False),
        ("cr.io", "ghcr.io/x", False),
        ("ghcr.io", "evilghcr.io/x", False),
        ("ghcr.io", "ghcr.io.evil.com/x", False),
        ("ghcr.io", "ghcr.io:8443/x", False),
        ("ghcr.io:8443", "ghcr.io/x", False),
        ("example.com", "evilexample.com/x", False),
        ("example.com", "sub.example.com/x", False),
        ("localhost:5000", "localhost:5000/x", True),
        ("127.0.0.1:5000", "victim.127.0.0.1:5000/x", False),
        ("[::1]:5000", "[::1]:5000/x", True),
        ("reg.io/ns", "reg.io/ns/app", True),
        ("reg.io/ns/app", "reg.io/ns/app", True),
        ("reg.io/ns", "reg.io/ns", True),
        ("reg.io/ns", "reg.io/nsx/app", False),
        ("reg.io/ns", "reg.io/x/ns", False),
        ("reg.io/ns/app", "reg.io/ns", False),
        ("https://reg.io/ns", "reg.io/ns/app", False),
        ("", "reg.io/x", False),
        ("/", "reg.io/x", False),
    ],
)
def test_AT_09_which_key_is_for_which_image(home: Home, key: str, image: str, found: bool) -> None:
    home.write(".docker/config.json", {"auths": {key: entry()}})
    assert (home.find(image) is not None) == found


def test_AT_09_the_longest_prefix_wins(home: Home) -> None:
    keys = {"reg.io": entry("host"), "reg.io/ns": entry("namespace"), "reg.io/ns/app": entry("repository")}
    home.write(".docker/config.json", {"auths": keys})
    passwords = {
        image: t.cast(Credential, home.find(image)).password for image in ("reg.io/a", "reg.io/ns/b", "reg.io/ns/app")
    }
    assert passwords == {"reg.io/a": "host", "reg.io/ns/b": "namespace", "reg.io/ns/app": "repository"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"auth": encoded("ci", "a:b:c")}, Credential("ci", "a:b:c")),
        ({"auth": encoded("ci", "")}, Credential("ci", "")),
        ({"auth": encoded("ci", "pässword")}, Credential("ci", "pässword")),
        ({"username": "ci", "password": "pw"}, Credential("ci", "pw")),
        ({"auth": encoded("ci", ""), "identitytoken": "T"}, Credential("ci", "", "T")),
        ({"auth": encoded("<token>", "T")}, Credential("<token>", "", "T")),
        ({"registrytoken": "T"}, Credential(registry_token="T")),
        ({}, None),
        ({"auth": ""}, None),
        ({"email": "x"}, None),
    ],
)
def test_AT_09_entries(home: Home, given: dict[str, str], expected: Credential | None) -> None:
    file = home.write(".docker/config.json", {"auths": {"reg.io": given}})
    found = home.find("reg.io/x")
    if expected is None:
        assert found is None
    else:
        assert found == Credential(
            expected.username, expected.password, expected.identity_token, expected.registry_token, str(file)
        )


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"auths": {"reg.io": {"auth": "***" + CANARY}}}, id="base64"),
        pytest.param({"auths": {"reg.io": {"auth": base64.b64encode(CANARY.encode()).decode()}}}, id="no-colon"),
        pytest.param({"auths": {"reg.io": {"auth": base64.b64encode(b"ci:\xff").decode()}}}, id="not-utf-8"),
        pytest.param({"auths": {"reg.io": {"auth": 5}}}, id="number"),
        pytest.param({"auths": {"reg.io": {"identitytoken": f"{CANARY}\r\nX: y"}}}, id="header-injection"),
        pytest.param({"auths": {"reg.io": {"username": "a:b", "password": CANARY}}}, id="colon-in-user"),
        pytest.param({"auths": {"reg.io": CANARY}}, id="no-object"),
        pytest.param({"auths": [CANARY]}, id="auths-array"),
        pytest.param({"credHelpers": CANARY}, id="helpers-text"),
        pytest.param(
            '{"auths":{"reg.io":{"auth":"YTpi"},"reg.io":{"auth":"' + encoded("ci", CANARY) + '"}}}', id="twice"
        ),
        pytest.param('{"auths":{"reg.io":{"auth":"' + CANARY, id="half"),
        pytest.param(CANARY, id="no-json"),
        pytest.param("[]", id="array"),
        pytest.param("x" * 2_000_000, id="large"),
    ],
)
def test_AT_09_broken_files(home: Home, document: object) -> None:
    file = home.write(".docker/config.json", document)
    home.write(".config/containers/auth.json", {"auths": {"other.io": entry()}})
    assert str(file) in home.refused("reg.io/x") or "user name" in home.refused("reg.io/x")


def test_AT_44_only_regular_files_are_read(home: Home) -> None:
    for make in (os.mkfifo, os.mkdir):
        path = str(home.folder / make.__name__)
        make(path)
        assert path in home.refused("reg.io/x", CredentialOptions(auth_file=path))
    home.write("real.json", {"auths": {"reg.io": entry()}})
    os.symlink(home.folder / "real.json", home.folder / "link.json")
    assert home.find("reg.io/x", CredentialOptions(auth_file=str(home.folder / "link.json")))


def test_options_go_first(home: Home) -> None:
    home.write(".docker/config.json", {"auths": {"reg.io": entry("file")}})
    found = home.find("reg.io/x", CredentialOptions("user", "pw", "token"))
    assert found == Credential("user", "pw", origin_of="option registry_username")
    found = home.find("reg.io/x", CredentialOptions(token="T"))
    assert found == Credential(registry_token="T", origin_of="option registry_token")
    assert "registry_password" in home.refused("reg.io/x", CredentialOptions("user"))
    assert "registry_username" in home.refused("reg.io/x", CredentialOptions(password=CANARY))
    other = home.write("other.json", {"auths": {"other.io": entry()}})
    assert home.find("reg.io/x", CredentialOptions(auth_file=str(other))) is None
    assert "missing.json" in home.refused("reg.io/x", CredentialOptions(auth_file=str(home.folder / "missing.json")))


def test_order_of_the_files(home: Home) -> None:
    places = {
        "docker": home.write("docker/config.json", {"auths": {"reg.io": entry("docker")}}),
        "registry": home.write("registry.json", {"auths": {"reg.io": entry("registry")}}),
        "runtime": home.write("run/containers/auth.json", {"auths": {"reg.io": entry("runtime")}}),
        "config": home.write(".config/containers/auth.json", {"auths": {"reg.io": entry("config")}}),
        "home": home.write(".docker/config.json", {"auths": {"reg.io": entry("home")}}),
    }
    environ = {
        "DOCKER_CONFIG": str(places["docker"].parent),
        "REGISTRY_AUTH_FILE": str(places["registry"]),
        "XDG_RUNTIME_DIR": str(home.folder / "run"),
    }

    def password() -> str | None:
        found = home.find("reg.io/x", NOBODY, **environ)
        return found.password if found else None

    assert password() == "docker"
    places["docker"].unlink()
    assert password() == "registry"
    places["registry"].unlink()
    assert password() is None, "podman's own files and ~/.docker were named away"
    del environ["REGISTRY_AUTH_FILE"]
    assert password() == "runtime"
    places["runtime"].write_text('{"auths":{"other.io":{}}}')
    assert password() == "config"
    places["config"].unlink()
    assert password() is None
    del environ["DOCKER_CONFIG"]
    assert password() == "home"


def test_the_process_environment_is_not_read(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write(".docker/config.json", {"auths": {"reg.io": entry()}})
    monkeypatch.setenv("HOME", str(home.folder))
    monkeypatch.setenv("DOCKER_CONFIG", str(home.folder / ".docker"))
    assert find_credential(parse_reference("reg.io/x"), NOBODY, {}) is None


# Helpers


def test_helpers(home: Home) -> None:
    home.helper("ok", 'read server; echo "{\\"Username\\":\\"$1\\",\\"Secret\\":\\"$server\\"}"')
    home.helper("token", 'echo \'{"Username":"<token>","Secret":"T"}\'')
    home.helper("none", "echo credentials not found in native keychain; exit 1")
    helpers = {"reg.io": "ok", "token.io": "token", "none.io": "none"}
    config = {"credHelpers": helpers, "credsStore": "ok", "auths": {"reg.io": entry(), "none.io": entry("file")}}
    home.write(".docker/config.json", config)
    found = home.find("reg.io/x")
    assert found is not None
    assert (found.username, found.password) == ("get", "reg.io")
    assert t.cast(Credential, home.find("token.io/x")).identity_token == "T"
    assert t.cast(Credential, home.find("none.io/x")).password == "file"
    assert t.cast(Credential, home.find("alpine")).password == "https://index.docker.io/v1/"
    assert t.cast(Credential, home.find("other.io:5000/x")).password == "other.io:5000"


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("exit 1", id="fails"),
        pytest.param("echo nonsense", id="nonsense"),
        pytest.param("echo '{}'", id="empty"),
        pytest.param("head -c 100000 /dev/zero", id="too-much"),
        pytest.param("kill -9 $$", id="killed"),
    ],
)
def test_AT_09_a_broken_helper_is_no_reason_to_ask_another(home: Home, script: str) -> None:
    home.helper("bad", script)
    home.write(".docker/config.json", {"credHelpers": {"reg.io": "bad"}, "auths": {"reg.io": entry()}})
    home.write(".config/containers/auth.json", {"auths": {"other.io": entry()}})
    assert "docker-credential-bad" in home.refused("reg.io/x")


def test_a_helper_that_hangs(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_HELPER_TIMEOUT", 0.3)
    home.helper("slow", "/bin/sleep 60 & /bin/sleep 60")
    home.write(".docker/config.json", {"credsStore": "slow"})
    started = time.monotonic()
    home.refused("reg.io/x")
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("name", ["../x", "/bin/sh", "-x", "a b", "A", "", "x" * 100, "a;b", "missing"])
def test_AT_44_names_of_helpers(home: Home, name: str) -> None:
    home.write(".docker/config.json", {"credHelpers": {"reg.io": name}})
    home.refused("reg.io/x")


def test_AT_14_a_helper_gets_no_secret_in_its_arguments(home: Home) -> None:
    home.helper("spy", f'read server; echo "$@" >{home.folder}/arguments; echo \'{{"Username":"u","Secret":"s"}}\'')
    home.write(".docker/config.json", {"credsStore": "spy"})
    home.find("reg.io/x")
    assert (home.folder / "arguments").read_text() == "get\n"


# Writing


def test_store_and_remove(tmp_path: Path) -> None:
    path = str(tmp_path / "new" / "config.json")
    assert not has_credential(path, "reg.io")
    assert not remove_credential(path, "reg.io")
    assert store_credential(path, "reg.io", "ci", CANARY)
    assert not store_credential(path, "reg.io", "ci", CANARY)
    assert has_credential(path, "reg.io")
    assert has_credential(path, "reg.io", "ci", CANARY)
    assert not has_credential(path, "reg.io", "ci", "other")
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(tmp_path / "new").st_mode & 0o777 == 0o700
    options = CredentialOptions(auth_file=path)
    found = find_credential(parse_reference("reg.io/x"), options, {})
    assert found == Credential("ci", CANARY, origin_of=path)
    assert remove_credential(path, "reg.io")
    assert not remove_credential(path, "reg.io")
    assert os.listdir(tmp_path / "new") == ["config.json"]


def test_store_keeps_what_it_does_not_know(home: Home) -> None:
    before = {"HttpHeaders": {"a": "b"}, "auths": {"other.io": entry("x"), "https://reg.io/v2/": entry("old")}, "ä": 1}
    file = home.write("config.json", before)
    assert store_credential(str(file), "reg.io", "ci", "new")
    after = json.loads(file.read_text(encoding="utf-8"))
    assert after == {**before, "auths": {"other.io": entry("x"), "reg.io": entry("new")}}
    assert list(after) == list(before)
    assert remove_credential(str(file), "reg.io")
    assert json.loads(file.read_text(encoding="utf-8")) == {**before, "auths": {"other.io": entry("x")}}


@pytest.mark.parametrize("registry", ["docker.io", "index.docker.io", "registry-1.docker.io"])
def test_docker_hub_is_stored_as_docker_does(tmp_path: Path, registry: str) -> None:
    path = str(tmp_path / "config.json")
    store_credential(path, registry, "ci", CANARY)
    assert list(json.loads(Path(path).read_text())["auths"]) == ["https://index.docker.io/v1/"]


def test_store_is_refused(home: Home) -> None:
    target = home.write("real.json", {})
    link = str(home.folder / "link.json")
    os.symlink(target, link)
    broken = str(home.write("broken.json", CANARY))
    cases = [(link, "AUTH_REFUSED"), (broken, "AUTH_REFUSED"), (str(home.folder), "AUTH_REFUSED")]
    for document in ({"credsStore": "x"}, {"credHelpers": {"reg.io": "x"}}):
        cases.append((str(home.write(f"{next(iter(document))}.json", document)), "POLICY_UNSUPPORTED"))
    for path, code in cases:
        with pytest.raises(Rejection) as caught:
            store_credential(path, "reg.io", "ci", CANARY)
        assert caught.value.code == code
        assert CANARY not in caught.value.message
    with pytest.raises(Rejection):
        store_credential(str(home.folder / "x.json"), "reg.io", "a:b", CANARY)
    assert target.read_text() == "{}"
    assert not (home.folder / "x.json").exists()


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "config.json")
    threads = [
        threading.Thread(target=store_credential, args=(path, f"reg{number}.io", "ci", "pw")) for number in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(json.loads(Path(path).read_text())["auths"]) == 16


def test_a_write_that_fails_leaves_the_file(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    file = home.write("config.json", {"auths": {}})

    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(Rejection, match="No space left"):
        store_credential(str(file), "reg.io", "ci", CANARY)
    assert file.read_text() == '{"auths": {}}'
    assert os.listdir(home.folder) == ["config.json"]
