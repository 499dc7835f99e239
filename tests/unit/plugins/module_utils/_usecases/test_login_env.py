# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import stat
import typing as t
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_env import TASK as ENV
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_login import TASK as LOGIN
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.environment import VARIABLES
from tests.support.registry import EmbeddedRegistry
from tests.support.tasks import Runner

SECRET = "canary-password"


@pytest.fixture(params=["basic", "token"])
def registry(request: pytest.FixtureRequest) -> t.Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry(auth=request.param, users={"ci": SECRET}) as registry:
        yield registry


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    return Runner(tmp_path, {"HOME": str(tmp_path)}, allow_http_registry=True)


def test_login_and_logout(run: Runner, registry: EmbeddedRegistry, tmp_path: Path) -> None:
    options: dict[str, t.Any] = {"registry": registry.host, "username": "ci", "password": SECRET}
    assert run(LOGIN, check=True, **options)["changed"] and not (tmp_path / ".docker").exists()
    first = run(LOGIN, **options)
    assert first["changed"] and first["docker_config"] == str(tmp_path / ".docker")
    assert stat.S_IMODE(os.stat(first["auth_file"]).st_mode) == 0o600
    assert not run(LOGIN, **options)["changed"]
    assert run(LOGIN, check=True, registry=registry.host, state="absent")["changed"]
    assert run(LOGIN, registry=registry.host, state="absent")["changed"]
    assert not run(LOGIN, registry=registry.host, state="absent")["changed"]


def test_a_credential_that_is_refused_is_never_written_and_asked_once(
    run: Runner, registry: EmbeddedRegistry, tmp_path: Path
) -> None:
    for check in (True, False):
        registry.reset_requests()
        result = run(LOGIN, check=check, registry=registry.host, username="ci", password="wrong-canary")
        assert result["rejection"]["code"] == "AUTH_REFUSED" and "wrong-canary" not in str(result)
        assert len([one for one in registry.requests if "authorization" in {name.lower() for name in one.headers}]) == 1
    assert not (tmp_path / ".docker").exists()


def test_a_throw_away_login_is_made_in_check_mode_too(run: Runner, registry: EmbeddedRegistry) -> None:
    for check in (True, False):
        result = run(LOGIN, check=check, registry=registry.host, username="ci", password=SECRET, ephemeral=True)
        assert result["changed"] is False, "it ends with the run"
        assert Path(result["auth_file"]).exists()
        assert stat.S_IMODE(os.stat(result["docker_config"]).st_mode) == 0o700


def test_check_mode_refuses_what_the_real_run_refuses(run: Runner, registry: EmbeddedRegistry, tmp_path: Path) -> None:
    (tmp_path / "helper.json").write_text(json.dumps({"credHelpers": {registry.host: "x"}}))
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    login: dict[str, t.Any] = {"registry": registry.host, "username": "ci", "password": SECRET}
    for check in (True, False):
        for auth_file, wanted in (("helper.json", "POLICY_UNSUPPORTED"), ("link.json", "AUTH_REFUSED")):
            result = run(LOGIN, check=check, auth_file=auth_file, **login)
            assert result["failed"] and result["rejection"]["code"] == wanted, (check, result)
        logout = run(LOGIN, check=check, registry=registry.host, auth_file="helper.json", state="absent")
        assert logout["rejection"]["code"] == "POLICY_UNSUPPORTED"
        colon = run(LOGIN, check=check, **{**login, "username": "a:b"})
        assert colon["rejection"]["code"] == "POLICY_UNSUPPORTED"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"username": "ci"},
        {"username": "ci", "password": "x", "state": "absent"},
        {"username": "ci", "password": "x", "ephemeral": True, "auth_file": "x"},
        {"ephemeral": True, "state": "absent"},
    ],
)
def test_contradictions(run: Runner, registry: EmbeddedRegistry, options: dict[str, t.Any]) -> None:
    result = run(LOGIN, registry=registry.host, **options)
    assert result["rejection"]["code"] == "POLICY_UNSUPPORTED", result
    assert registry.requests == []


@pytest.mark.parametrize("name", ["ghcr.io/acme", "http://ghcr.io", "", "a b", "ghcr.io:port"])
def test_a_registry_that_is_none(run: Runner, name: str) -> None:
    assert run(LOGIN, registry=name, username="ci", password="x")["rejection"]["code"] == "MALFORMED"


def test_env_lists_what_cosign_lists_then_what_it_does_not_know(run: Runner) -> None:
    run.environ = {
        "COSIGN_PASSWORD": SECRET,
        "COSIGN_ZETA": "z=1",
        "COSIGN_ALPHA": "",
        "TUF_ROOT": "/x",
        "PATH": "/bin",
    }
    result = run(ENV)
    lines = result["lines"]
    assert (
        len(lines) == 29 + 2
        and lines[:29] == sorted(lines[:29])
        and lines[29:] == ["COSIGN_ALPHA=", "COSIGN_ZETA=******"]
    )
    assert "COSIGN_PASSWORD=******" in lines and "TUF_ROOT=/x" in lines and SECRET not in str(result)
    by_name = {row["name"]: row for row in result["variables"]}
    assert by_name["COSIGN_PASSWORD"]["option"] == "key_password" and by_name["COSIGN_PASSWORD"]["description"]
    assert by_name["REGISTRY_AUTH_FILE"]["registered"] is False and "PATH" not in by_name
    shown = run(ENV, show_sensitive_values=True, show_descriptions=False)
    assert f"COSIGN_PASSWORD={SECRET}" in shown["lines"] and "COSIGN_ZETA=z=1" in shown["lines"]
    assert "description" not in shown["variables"][0]


def test_env_says_where_a_value_came_from(run: Runner) -> None:
    from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.environment import show

    rows = {
        row["name"]: row for row in show({"COSIGN_KEY": "k", "TUF_ROOT": "t"}, {"COSIGN_KEY"}, True, False)["variables"]
    }
    assert [rows[name]["source"] for name in ("COSIGN_KEY", "TUF_ROOT", "TUF_MIRROR")] == ["task", "process", "unset"]


def test_the_table_is_closed() -> None:
    registered = [row for row in VARIABLES.values() if not row.ours]
    assert len(registered) == 29
    assert sorted(row.name for row in registered if row.sensitive) == [
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "BUILDKITE_AGENT_ACCESS_TOKEN",
        "COSIGN_PASSWORD",
        "COSIGN_PKCS11_PIN",
        "GITHUB_TOKEN",
        "GITLAB_TOKEN",
        "SIGSTORE_ID_TOKEN",
    ]
