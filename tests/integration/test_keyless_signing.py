# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks that sign without a key, on the virtual services: what they do, what they leave alone, whom they tell."""

from __future__ import annotations

import base64
import json
import os
import sys
import tempfile
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.integration.conftest import COLLECTIONS, Playbook, Run
from tests.integration.documents import readme
from tests.support import faults
from tests.support.http_server import Exchange, HTTPServer, Request, Response
from tests.support.images import multi_arch
from tests.support.registry import EmbeddedRegistry
from tests.support.sigstore.server import ANYBODY, VirtualServices
from tests.support.sigstore.tuf_repository import TufRepository

Task = dict[str, t.Any]

GITHUB = "https://token.actions.githubusercontent.com"
REQUEST_TOKEN = "canary-request-token"
SHA = "5b3c9f2"

ON_OUR_OWN = """
- name: sign
  supplychain.cosign.cosign_sign:
    image: PUSHED
    identity_token: "{{ token }}"
    trusted_root: trusted_root.json
    signing_config: signing_config.v0.2.json
"""
RUN_VARIABLES = {"sha": SHA, "run_id": "77", "run_attempt": "1"}
FROM_ENVIRONMENT = {"token": "{{ lookup('ansible.builtin.env', 'THE_TOKEN') }}"}


class GitHub:
    """What a job of GitHub Actions finds: an address that hands out tokens for it, which Fulcio knows."""

    def __init__(self, services: VirtualServices) -> None:
        self._services = services
        self.who = replace(services.issuer.workflow("acme/app"), issuer=GITHUB)
        self.requests: list[Request] = []
        self._server = HTTPServer(Exchange.normal, self._answer)
        known = services.issuer.fulcio_config()
        kind = {GITHUB: {"issuer-url": GITHUB, "client-id": "sigstore", "type": "github-workflow"}}
        services.issuer.fulcio_config = lambda: {**known, **kind}  # type: ignore[method-assign]
        self.environ = {
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{self._server.port}/token?api-version=2.0",
        }
        self.token = services.token(self.who)

    def close(self) -> None:
        self._server.close()

    def _answer(self, request: Request) -> Response:
        self.requests.append(request)
        if request.headers.get("authorization") != f"bearer {REQUEST_TOKEN}" or request.query["audience"] != "sigstore":
            return Response(403)
        return Response(200, {"Content-Type": "application/json"}, json.dumps({"value": self.token}).encode())


@pytest.fixture
def services() -> t.Iterator[VirtualServices]:
    with VirtualServices() as services:
        yield services


@pytest.fixture
def github(services: VirtualServices) -> t.Iterator[GitHub]:
    github = GitHub(services)
    yield github
    github.close()


@pytest.fixture
def own(playbook: Playbook, services: VirtualServices) -> Playbook:
    """Playbooks in a folder with the trusted root and the signing config of an instance of one's own."""
    (playbook.folder / "trusted_root.json").write_text(json.dumps(services.trusted_root()))
    (playbook.folder / "signing_config.v0.2.json").write_text(json.dumps(services.signing_config(2)))
    playbook.environ["THE_TOKEN"] = services.token()
    return playbook


@pytest.fixture(params=[1, 2], ids=["v1", "v2"])
def public(playbook: Playbook, services: VirtualServices, github: GitHub, request: pytest.FixtureRequest) -> Playbook:
    """Playbooks of a job of GitHub Actions, for which the services are the public ones that TUF distributes."""
    distributed = {
        "trusted_root.json": services.trusted_root(),
        "signing_config.v0.2.json": services.signing_config(request.param),
    }
    repository = TufRepository({name: json.dumps(one).encode() for name, one in distributed.items()})
    for name, data in repository.files.items():
        path = playbook.folder / "mirror" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (playbook.folder / "root.json").write_bytes(repository.first_root)
    playbook.environ.update(
        {
            "TUF_MIRROR": f"file://{playbook.folder}/mirror",
            "TUF_ROOT_JSON": str(playbook.folder / "root.json"),
            "TUF_ROOT": str(playbook.folder / "tuf"),
            **github.environ,
        }
    )
    return playbook


def release(registry: EmbeddedRegistry, **more: t.Any) -> list[Task]:
    """The README's example of a release, to a registry without TLS, with further variables of the role."""
    (task,) = json.loads(json.dumps(readme("## Sign without a key")[0]).replace("ghcr.io", registry.host))
    task["vars"].update(release_allow_http_registry=True, **more)
    return [task]


def example(pushed: str, **more: t.Any) -> list[Task]:
    (task,) = yaml.safe_load(ON_OUR_OWN.replace("PUSHED", pushed))
    task["supplychain.cosign.cosign_sign"].update(more)
    return [task]


def changed(run: Run) -> list[str]:
    assert run.status == 0, run.output
    return [name for name, one in run.results.items() if one.get("changed")]


# What the examples do


def test_a_release_in_github_actions_twice(
    public: Playbook, services: VirtualServices, github: GitHub, registry: EmbeddedRegistry
) -> None:
    multi_arch().push_to(registry, "acme/app", SHA)
    first = public(release(registry), vars=RUN_VARIABLES)
    assert changed(first) == ["Sign the image"]
    verification = first.results["Verify our own work"]
    (signature,) = verification["signatures"]
    assert (signature["certificate"]["subject"], signature["certificate"]["issuer"]) == (github.who.name, GITHUB)
    assert signature["annotations"] == RUN_VARIABLES and len(signature["logged"]) == 1
    assert [services.count(name) for name in ("fulcio", "rekor")] == [1, 1]

    services.reset_requests()
    registry.reset_requests()
    assert changed(public(release(registry), vars=RUN_VARIABLES)) == []
    assert services.requests == [] and registry.writes() == []


def test_the_check_button_on_an_empty_registry(
    public: Playbook, services: VirtualServices, github: GitHub, registry: EmbeddedRegistry
) -> None:
    more = {"release_source": "oci:image", "release_recursive": True}
    predicted = public(release(registry, **more), "--check", "--diff", vars=RUN_VARIABLES)
    assert services.requests == [] and registry.writes() == []
    done = public(release(registry, **more), vars=RUN_VARIABLES)
    assert changed(predicted) == changed(done) == ["Push the image", "Sign the image"]
    assert "Verify our own work" in done.results and predicted.results["Verify our own work"]["skipped"]
    (diff,) = predicted.results["Sign the image"]["diff"]
    assert diff["before"] == {"signatures": []}
    assert [one["annotations"] for one in diff["after"]["signatures"]] == [RUN_VARIABLES]
    again = public(release(registry, **more), "--check", vars=RUN_VARIABLES)
    assert changed(again) == [] and again.results["Verify our own work"]["verified"] is True


@pytest.mark.attack("F-19")
def test_check_mode_names_who_would_sign_and_asks_no_service(
    public: Playbook, services: VirtualServices, github: GitHub, registry: EmbeddedRegistry
) -> None:
    multi_arch().push_to(registry, "acme/app", SHA)
    there = {path for path in public.folder.rglob("*") if "tuf" not in str(path)}
    run = public(release(registry), "--check", "--diff", vars=RUN_VARIABLES)
    assert changed(run) == ["Sign the image"]
    (diff,) = run.results["Sign the image"]["diff"]
    assert [one["signer"] for one in diff["after"]["signatures"]] == [f"{github.who.name} ({GITHUB})"]
    assert services.requests == [] and registry.writes() == []
    new = {path.name for path in public.folder.rglob("*") if "tuf" not in str(path)} - {path.name for path in there}
    assert new <= {"play.yml", "tmp"}
    done = public(release(registry), "--diff", vars=RUN_VARIABLES)
    (made,) = done.results["Sign the image"]["diff"]
    for name in ("format", "annotations", "signer"):
        assert made["after"]["signatures"][0][name] == diff["after"]["signatures"][0][name]


def test_an_instance_of_ones_own(own: Playbook, services: VirtualServices, pushed: str) -> None:
    first = own(example(pushed), vars=FROM_ENVIRONMENT)
    assert changed(first) == ["sign"]
    assert first.results["sign"]["images"][0]["signer"] == f"{ANYBODY} ({services.urls.issuer})"
    assert [services.count(name) for name in ("fulcio", "rekor", "tsa")] == [1, 1, 1]
    # Who signs is not known of an issuer of one's own before it issues a certificate.
    services.reset_requests()
    assert changed(own(example(pushed), vars=FROM_ENVIRONMENT)) == []
    assert [services.count(name) for name in ("fulcio", "rekor", "tsa")] == [1, 0, 0]
    # Where it is said, nothing is asked, and no token is needed.
    services.reset_requests()
    named = {"certificate_identity": ANYBODY, "certificate_oidc_issuer": services.urls.issuer, "identity_token": "none"}
    assert changed(own(example(pushed, **named))) == []
    assert services.requests == []


@pytest.mark.attack("F-19")
def test_check_mode_on_an_instance_of_ones_own(
    own: Playbook, services: VirtualServices, registry: EmbeddedRegistry, pushed: str
) -> None:
    run = own(example(pushed), "--check", "--diff", vars=FROM_ENVIRONMENT)
    assert changed(run) == ["sign"]
    assert "As whom this would sign is not known" in run.results["sign"]["warnings"][0]
    named = {"certificate_identity": ANYBODY, "certificate_oidc_issuer": services.urls.issuer}
    run = own(example(pushed, **named), "--check", "--diff", vars=FROM_ENVIRONMENT)
    (diff,) = run.results["sign"]["diff"]
    assert [one["signer"] for one in diff["after"]["signatures"]] == [f"{ANYBODY} ({services.urls.issuer})"]
    assert services.requests == [] and registry.writes() == []


# What nobody may see


def leaks(secrets: t.Mapping[str, str], folder: Path, *texts: str) -> list[str]:
    """Where any of the secrets is: in which of the texts, in which file."""
    forms = {
        (name, form)
        for name, secret in secrets.items()
        for form in (secret.encode(), base64.b64encode(secret.encode()), json.dumps(secret)[1:-1].encode())
    }
    places = {f"text {number}": text.encode() for number, text in enumerate(texts)}
    files = [Path(place, name) for place, _folders, names in os.walk(folder, followlinks=True) for name in names]
    places |= {str(path): path.read_bytes() for path in files if path.is_file() and not path.is_symlink()}
    return sorted({f"{name} in {place}" for place, data in places.items() for name, form in forms if form in data})


def secrets_of(token: str) -> dict[str, str]:
    _head, claims, signature = token.split(".")
    return {
        "token": token,
        "claims of the token": claims,
        "signature of the token": signature,
        "request token": REQUEST_TOKEN,
        "one-time key": "PRIVATE KEY-----",
        "proof of possession": "CERTIFICATE REQUEST-----",
    }


@pytest.fixture
def watched(playbook: Playbook) -> t.Iterator[Playbook]:
    """Playbooks whose homes and temporary files are in their folder too, and that have no keys there."""
    for path in (*playbook.folder.glob("*.key"), *playbook.folder.glob("*.pub")):
        path.unlink()
    (playbook.folder / "home" / ".ansible").mkdir(parents=True)
    playbook.environ.pop("COSIGN_PASSWORD")
    # Ansible puts sockets there, whose paths may have 107 characters: longer ones than this folder leaves.
    with tempfile.TemporaryDirectory() as short:
        (playbook.folder / "leftovers").symlink_to(short)
        playbook.environ.update(HOME=str(playbook.folder / "home"), TMPDIR=short)
        yield playbook


@pytest.mark.attack("AT-42")
@pytest.mark.parametrize("callback", ["json", "default"])
def test_a_release_shows_no_secret(
    watched: Playbook,
    public: Playbook,
    services: VirtualServices,
    github: GitHub,
    registry: EmbeddedRegistry,
    callback: str,
) -> None:
    multi_arch().push_to(registry, "acme/app", SHA)
    for arguments in (["--check", "--diff"], []):
        run = public(release(registry), "-vvvv", *arguments, callback=callback, vars=RUN_VARIABLES)
        assert run.status == 0, run.output
        assert leaks(secrets_of(github.token), public.folder, run.output) == []
    assert services.count("fulcio") == 1


def echo(exchange: Exchange) -> Response:
    """A server that tells in its refusal all that it was sent."""
    request = exchange.request
    told = f"{request.headers.get('authorization')} {request.body.decode()}"
    return faults.status(400, body=json.dumps({"code": 3, "message": told}).encode())


@pytest.mark.attack("AT-42")
@pytest.mark.parametrize("run_on", ["controller", "target"])
def test_no_task_shows_a_secret_whatever_happens(
    watched: Playbook, own: Playbook, services: VirtualServices, pushed: str, run_on: str
) -> None:
    token = own.environ["THE_TOKEN"]
    urls = {"fulcio_url": services.urls.fulcio, "rekor_url": services.urls.rekor1, "trusted_root": "trusted_root.json"}
    ways: dict[str, Task] = {
        "signs": {},
        "is somebody else": {"certificate_identity": "other", "certificate_oidc_issuer": services.urls.issuer},
        "has a broken token": {"identity_token": "{{ token[:-5] }}"},
        "names no file": {"identity_token": "/nowhere/{{ token }}"},
        "has an option too many": {"surplus": "{{ token }}"},
        "has a wrong type": {"services_timeout": "{{ token }}"},
    }
    tasks = []
    for name, more in ways.items():
        (task,) = example(pushed, run_on=run_on, **more)
        tasks.append({**task, "name": name, "ignore_errors": True})
    (task,) = example(pushed, run_on=run_on)
    del task["supplychain.cosign.cosign_sign"]["identity_token"]
    tasks.append({**task, "name": "by variable", "environment": {"SIGSTORE_ID_TOKEN": "{{ token }}"}})
    run = own(tasks, "-vvvv", "--diff", vars=FROM_ENVIRONMENT)
    assert [name for name, one in run.results.items() if not one.get("failed")] == ["signs", "by variable"], run.output
    services.fault("fulcio", echo)
    refused = own(
        [
            {
                "name": f"version {version}",
                "supplychain.cosign.cosign_sign": {
                    "image": pushed,
                    "annotations": {"new": "yes"},
                    "identity_token": "{{ token }}",
                    "fulcio_version": version,
                    "run_on": run_on,
                    **urls,
                },
                "ignore_errors": True,
            }
            for version in (1, 2)
        ],
        "-vvvv",
        vars=FROM_ENVIRONMENT,
    )
    assert [one["rejection"]["code"] for one in refused.results.values()] == ["AUTH_REFUSED"] * 2, refused.output
    assert leaks(secrets_of(token), own.folder, run.output, refused.output) == []


@pytest.mark.attack("AT-42")
@pytest.mark.parametrize("how", ["include_role", "roles"])
def test_variables_of_a_role_show_no_secret(
    watched: Playbook, own: Playbook, registry: EmbeddedRegistry, pushed: str, how: str
) -> None:
    token = own.environ["THE_TOKEN"]
    variables = {
        "release_image": pushed,
        "release_identity_token": FROM_ENVIRONMENT["token"],
        "release_trusted_root": "trusted_root.json",
        "release_signing_config": "signing_config.v0.2.json",
        "release_allow_http_registry": True,
    }
    if how == "roles":
        run = own([], "-vvvv", roles=[{"role": "supplychain.cosign.release", **variables}])
    else:
        role = {"name": "supplychain.cosign.release"}
        run = own([{"ansible.builtin.include_role": role, "vars": variables}], "-vvvv")
    assert changed(run) == ["Sign the image"]
    assert leaks(secrets_of(token), own.folder, run.output) == []


def test_a_secret_would_be_found(watched: Playbook, own: Playbook) -> None:
    """The search of the tests above finds what it looks for."""
    show = {"ansible.builtin.debug": {"msg": "{{ token.split('.')[1] }}"}}
    kept = own.folder / "home/.ansible/kept"
    keep = {"ansible.builtin.copy": {"content": "{{ token | b64encode }}", "dest": str(kept), "mode": "0600"}}
    run = own([show, keep], vars=FROM_ENVIRONMENT)
    assert run.status == 0, run.output
    found = leaks(secrets_of(own.environ["THE_TOKEN"]), own.folder, run.output)
    assert {"claims of the token in text 0", f"token in {kept}"} <= set(found)


@pytest.mark.attack("AT-42")
@pytest.mark.parametrize("by", ["variable", "file"])
def test_the_artefacts_of_ansible_runner_hold_no_secret(
    watched: Playbook, own: Playbook, registry: EmbeddedRegistry, pushed: str, by: str
) -> None:
    """What AWX keeps of a job, which it runs with ansible-runner. That notes the environment of the job itself."""
    ansible_runner = pytest.importorskip("ansible_runner", reason="what AWX runs jobs with is not installed")
    token = own.environ["THE_TOKEN"]
    with tempfile.TemporaryDirectory() as elsewhere:
        (Path(elsewhere) / "token").write_text(token)
        (task,) = example(pushed, allow_http_registry=True, identity_token=f"{elsewhere}/token")
        environ = {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
        environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        if by == "variable":
            del task["supplychain.cosign.cosign_sign"]["identity_token"]
            environ["SIGSTORE_ID_TOKEN"] = token
        project = own.folder / "job" / "project"
        project.mkdir(parents=True)
        for name in ("trusted_root.json", "signing_config.v0.2.json"):
            (project / name).write_bytes((own.folder / name).read_bytes())
        play = {"hosts": "localhost", "gather_facts": False, "tasks": [task]}
        (project / "play.yml").write_text(yaml.safe_dump([play]))
        done = ansible_runner.run(
            private_data_dir=str(project.parent),
            playbook="play.yml",
            verbosity=4,
            quiet=True,
            suppress_env_files=True,
            envvars=environ,
        )
    artefacts = project.parent / "artifacts"
    assert (done.status, done.stats["changed"]) == ("successful", {"localhost": 1}), done.stdout.read()
    assert [*artefacts.rglob("job_events/*.json")] and [*artefacts.rglob("stdout")]
    (command,) = artefacts.rglob("command")
    assert by == "file" or token in command.read_text()
    command.unlink()
    assert leaks(secrets_of(token), own.folder) == []
