# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who signed, asked by playbooks of images that were signed on the virtual Sigstore."""

from __future__ import annotations

import base64
import contextlib
import json
import typing as t
import urllib.parse
from pathlib import Path

import pytest

from tests.integration.conftest import Playbook
from tests.support.images import multi_arch
from tests.support.keys import private_key
from tests.support.registry import EmbeddedRegistry
from tests.support.sigstore.attach import Attacher
from tests.support.sigstore.tuf_repository import TufRepository
from tests.support.sigstore.virtual import IDENTITY, ISSUER, VirtualSigstore, public_pem

Task = dict[str, t.Any]

VARIABLES = {"COSIGN_CERTIFICATE_OIDC_ISSUER": ISSUER, "COSIGN_CERTIFICATE_IDENTITY": IDENTITY}
OPTIONS: Task = {"certificate_identity": IDENTITY, "certificate_oidc_issuer": ISSUER}
GO_ON = {"ignore_errors": True}
FORMATS = pytest.mark.parametrize(
    ("form", "log"), [("bundle", "v1"), ("bundle", "v2"), ("legacy", "v1")], ids=["bundle-v1", "bundle-v2", "legacy"]
)


def verify(name: str, image: str, keywords: Task | None = None, **options: t.Any) -> Task:
    module = {"image": image, "offline": True, **options}
    return {"name": name, "supplychain.cosign.cosign_verify": module, **(keywords or {})}


def environment(*more: Task) -> Task:
    return {"environment": {name: value for one in (VARIABLES, *more) for name, value in one.items()}}


def look_ups(registry: EmbeddedRegistry) -> int:
    return len([one for one in registry.requests if "/referrers/" in one.path])


@FORMATS
@pytest.mark.parametrize("run_on", ["controller", "target"])
def test_identity_and_issuer_from_the_environment_of_the_task(
    playbook: Playbook,
    sigstore: VirtualSigstore,
    pushed: str,
    root: str,
    attach: t.Callable[..., str],
    form: str,
    log: str,
    run_on: str,
) -> None:
    attach(form, log=log)
    tagged = f"{pushed.split('@')[0]}:1.4"
    tasks = [
        verify("file", tagged, environment(), trusted_root=root, run_on=run_on),
        verify("inline", tagged, environment(), trusted_root=sigstore.trusted_root(), run_on=run_on),
    ]
    run = playbook(tasks)
    assert run.status == 0, run.output
    for result in run.results.values():
        assert result["verified"] is True and result["pinned"] == pushed
        (signature,) = result["signatures"]
        assert (signature["format"], signature["certificate"]["subject"]) == (form, IDENTITY)
        assert result["images"][0]["signer"] == f"{IDENTITY} ({ISSUER})"


def test_check_mode_does_the_same(
    playbook: Playbook, registry: EmbeddedRegistry, pushed: str, root: str, attach: t.Callable[..., str]
) -> None:
    attach("bundle")
    tasks = [
        verify("right", pushed, environment(), trusted_root=root),
        verify("wrong", pushed, GO_ON, certificate_identity="x", certificate_oidc_issuer=ISSUER, trusted_root=root),
    ]
    registry.reset_requests()
    run = playbook(tasks, "--check")
    assert run.status == 0 and registry.writes() == [], run.output
    assert run.results["right"]["verified"] is True and run.results["right"]["changed"] is False
    assert run.results["wrong"]["rejection"]["code"] == "IDENTITY_MISMATCH"


def test_several_signers(playbook: Playbook, pushed: str, root: str, attach: t.Callable[..., str]) -> None:
    key = private_key()
    (playbook.folder / "virtual.pub").write_bytes(public_pem(key))
    signers = [OPTIONS, {"certificate_identity": "alice@acme.example", "certificate_oidc_issuer": ISSUER}]
    wanted: Task = {"signers": [*signers, {"key": "virtual.pub"}], "required_signatures": 2, "trusted_root": root}
    attach("bundle")
    assert playbook([verify("one", pushed, **wanted)]).results["one"]["rejection"]["code"] == "THRESHOLD"
    attach("legacy", issue={"san": "alice@acme.example"})
    run = playbook(
        [verify("two", pushed, **wanted), verify("three", pushed, GO_ON, **{**wanted, "required_signatures": 3})]
    )
    assert run.results["two"]["verified"] is True, run.output
    assert run.results["three"]["rejection"]["code"] == "THRESHOLD"
    attach("bundle", keyless=False, key=key)
    run = playbook([verify("three", pushed, **{**wanted, "required_signatures": 3})])
    assert run.results["three"]["verified"] is True, run.output


HOSTS = ",".join(f"host{number}" for number in range(12)) + ","


def test_many_hosts_cost_one_look(
    playbook: Playbook, registry: EmbeddedRegistry, pushed: str, root: str, attach: t.Callable[..., str]
) -> None:
    attach("bundle")
    registry.reset_requests()
    tasks = [
        verify("ours", pushed, environment(), trusted_root=root),
        verify("again", pushed, trusted_root=root, **OPTIONS),
        verify("theirs", pushed, {**environment({"COSIGN_CERTIFICATE_IDENTITY": "x"}), **GO_ON}, trusted_root=root),
        verify("elsewhere", pushed, environment(), trusted_root="other_root.json"),
    ]
    other = VirtualSigstore(host="other.test").trusted_root()
    (playbook.folder / "other_root.json").write_text(json.dumps(other))
    run = playbook(tasks, "-f", "6", hosts=HOSTS)
    outcomes: dict[str, set[str]] = {}
    for name, one in run.results.items():
        outcomes.setdefault(name.split("@")[0], set()).add(one.get("rejection", {}).get("code", "verified"))
    assert outcomes == {
        "ours": {"verified"},
        "again": {"verified"},
        "theirs": {"IDENTITY_MISMATCH"},
        "elsewhere": {"TRUST_ROOT"},
    }, run.output
    uncached = [name for name, one in run.results.items() if not one["images"][0].get("cached")]
    assert [len([one for one in uncached if one.startswith(name)]) for name in ("ours", "again", "theirs")] == [1, 0, 1]


def test_a_rescue_branches_on_the_code(
    playbook: Playbook, pushed: str, root: str, attach: t.Callable[..., str]
) -> None:
    attach("bundle", issue={"issuer": "https://login.acme.example"})
    block = {
        "block": [verify("look", pushed, {**environment(), "register": "found"}, trusted_root=root)],
        "rescue": [
            {"name": "why", "ansible.builtin.assert": {"that": "found.rejection.code == 'ISSUER_MISMATCH'"}},
            verify(
                "theirs",
                pushed,
                environment({"COSIGN_CERTIFICATE_OIDC_ISSUER": "https://login.acme.example"}),
                trusted_root=root,
            ),
        ],
    }
    run = playbook([block])
    assert run.status == 0, run.output
    assert run.results["theirs"]["verified"] is True


def pem_files(folder: Path, sigstore: VirtualSigstore) -> dict[str, str]:
    files = {
        "SIGSTORE_ROOT_FILE": sigstore.ca.chain_pem,
        "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": sigstore.ct.pem,
        "SIGSTORE_REKOR_PUBLIC_KEY": sigstore.rekor.public_pem,
        "SIGSTORE_TSA_CERTIFICATE_FILE": sigstore.tsa.chain_pem(),
    }
    for name, data in files.items():
        (folder / f"{name}.pem").write_bytes(data)
    return {name: str(folder / f"{name}.pem") for name in files}


@pytest.mark.parametrize("run_on", ["controller", "target"])
def test_trust_from_the_environment_of_the_task(
    playbook: Playbook, sigstore: VirtualSigstore, pushed: str, attach: t.Callable[..., str], run_on: str
) -> None:
    attach("bundle", timestamp=True)
    names = pem_files(playbook.folder, sigstore)
    tasks = [verify("all", pushed, environment(names), run_on=run_on)]
    for missing in names:
        some = {name: value for name, value in names.items() if name != missing}
        tasks.append(verify(missing, pushed, {**environment(some), **GO_ON}, run_on=run_on))
    run = playbook(tasks)
    assert run.results["all"]["verified"] is True, run.output
    assert {name: run.results[name]["rejection"]["code"] for name in names} == {
        "SIGSTORE_ROOT_FILE": "CHAIN_INVALID",
        "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": "SCT_INVALID",
        "SIGSTORE_REKOR_PUBLIC_KEY": "TRUST_ROOT",
        "SIGSTORE_TSA_CERTIFICATE_FILE": "TSA_INVALID",
    }


@pytest.mark.parametrize("run_on", ["controller", "target"])
def test_the_default_trusted_root_is_fetched_and_kept(
    playbook: Playbook, mirror: dict[str, str], pushed: str, attach: t.Callable[..., str], run_on: str
) -> None:
    """The controller fetches it: a host has neither `sigstore` nor `tuf`."""
    attach("bundle", log="v2")
    for name in ("sigstore", "tuf"):
        (playbook.folder / "host" / name).mkdir(parents=True)
        (playbook.folder / "host" / name / "__init__.py").write_text("raise ImportError")
    host = {"PYTHONPATH": str(playbook.folder / "host")}
    tasks = [verify("verify", pushed, environment(mirror, host), offline=False, run_on=run_on)]
    run = playbook(tasks)
    assert run.results["verify"]["verified"] is True, run.output
    for path in Path(playbook.folder, "mirror").rglob("*.json"):
        path.unlink()
    assert playbook(tasks).results["verify"]["verified"] is True


def test_offline_uses_the_shipped_root_and_says_so(
    playbook: Playbook, pushed: str, attach: t.Callable[..., str]
) -> None:
    attach("bundle")
    result = playbook([verify("verify", pushed, environment())]).results["verify"]
    assert result["rejection"]["code"] == "TRUST_ROOT", result
    assert any("sigstore" in one and "ships" in one for one in result["warnings"])


CANARIES = {"SIGSTORE_ID_TOKEN": "canary-identity-token+/=", "COSIGN_REGISTRY_PASSWORD": "canary-registry-password"}


@pytest.mark.parametrize("run_on", ["controller", "target"])
@pytest.mark.parametrize("callback", ["json", "ansible.builtin.default"])
def test_AT_42_no_secret_anywhere(
    playbook: Playbook, sigstore: VirtualSigstore, mirror: dict[str, str], run_on: str, callback: str
) -> None:
    """Neither in results nor at -vvvv nor in files left behind; and the trusted root is not printed with the call."""
    image = multi_arch()
    users = {"ci": CANARIES["COSIGN_REGISTRY_PASSWORD"]}
    with EmbeddedRegistry() as public, EmbeddedRegistry(auth="token", users=users) as private:
        image.push_to(public, "acme/app")
        Attacher(public.host, "acme/app").attach(image.digest, sigstore.sign(image.digest))
        source, target = public.repository("acme/app"), private.repository("acme/app")
        target.blobs, target.manifests = dict(source.blobs), dict(source.manifests)
        # Core prints the lines of a playbook where a task failed: secrets do not stand there.
        playbook.environ.update({f"THE_{name}": secret for name, secret in CANARIES.items()})
        secrets = {name: f"{{{{ lookup('env', 'THE_{name}') }}}}" for name in CANARIES}
        given = environment(mirror, secrets, {"COSIGN_REGISTRY_USERNAME": "ci"})
        pinned = f"{private.host}/acme/app@{image.digest}"
        tasks = [
            verify("right", pinned, given, offline=False, run_on=run_on),
            verify("wrong", pinned, {**given, **GO_ON}, offline=False, run_on=run_on, certificate_identity="x"),
        ]
        run = playbook(tasks, "-vvvv", callback=callback)
    assert run.status == 0, run.output
    if callback == "json":
        assert run.results["right"]["verified"] is True
        assert run.results["wrong"]["rejection"]["code"] == "IDENTITY_MISMATCH"
    text = run.output
    for path in playbook.folder.rglob("*"):
        if path.is_file():
            text += path.read_bytes().decode("utf-8", "replace")
    for secret in CANARIES.values():
        for form in (secret, base64.b64encode(secret.encode()).decode(), urllib.parse.quote(secret, safe="")):
            assert form not in text, text[max(0, text.index(form) - 300) : text.index(form) + 100]
    assert "_trusted_root" not in run.output and "certificateAuthorities" not in run.output, "handed over, not shown"


def on_target(name: str, image: str, variables: Task, **options: t.Any) -> Task:
    return verify(name, image, {"environment": variables, **GO_ON}, run_on="target", offline=False, **options)


def test_what_could_not_be_meant_is_refused_before_anything_is_fetched_for_a_host(
    playbook: Playbook, sigstore: VirtualSigstore, registry: EmbeddedRegistry, pushed: str
) -> None:
    repository = TufRepository({"trusted_root.json": json.dumps(sigstore.trusted_root()).encode()})
    (playbook.folder / "root.json").write_bytes(repository.first_root)
    wrong: dict[str, Task] = {
        "two kinds": {"key": "ours.pub", **OPTIONS},
        "no signature": {**OPTIONS, "required_signatures": 0},
        "too many": {**OPTIONS, "required_signatures": 2},
        "no such option": {**OPTIONS, "certificate_identitty": "two"},
        "image and images": {"images": [pushed], **OPTIONS},
        "annotation": {**OPTIONS, "annotations": {1: "a", "1": "b"}},
        "workers": {**OPTIONS, "max_workers": 0},
    }
    with contextlib.closing(repository.serve()) as server:
        tuf = {
            "TUF_MIRROR": f"http://127.0.0.1:{server.port}",
            "TUF_ROOT_JSON": str(playbook.folder / "root.json"),
            "TUF_ROOT": str(playbook.folder / "tuf"),
        }
        tasks = [on_target(name, pushed, tuf, **options) for name, options in wrong.items()]
        tasks.append(on_target("two variables", pushed, {**tuf, **VARIABLES, "COSIGN_KEY": "ours.pub"}))
        registry.reset_requests()
        run = playbook(tasks)
        assert repository.requests == [] and registry.requests == []
        assert {name: one["failed"] for name, one in run.results.items()} == {task["name"]: True for task in tasks}
        assert "Unsupported parameters" in run.results["no such option"]["msg"]
        assert "COSIGN_KEY" in run.results["two variables"]["msg"]
        playbook([on_target("right", pushed, {**tuf, **VARIABLES})])
        assert repository.requests, "the guard sees what is fetched"


def test_variables_of_the_task_beat_those_of_the_host(
    playbook: Playbook, pushed: str, root: str, attach: t.Callable[..., str]
) -> None:
    attach("bundle")
    playbook.environ["COSIGN_KEY"] = str(playbook.folder / "ours.pub")
    tasks = [
        verify(run_on, pushed, environment(), trusted_root=root, run_on=run_on) for run_on in ("controller", "target")
    ]
    run = playbook(tasks)
    assert [one["verified"] for one in run.results.values()] == [True, True], run.output


@pytest.mark.attack("AT-42")
@pytest.mark.parametrize("unknown", ["1", "true", "sha256"])
def test_AT_42_a_variable_that_nothing_reads_masks_nothing(
    playbook: Playbook, pushed: str, root: str, attach: t.Callable[..., str], unknown: str
) -> None:
    attach("bundle")
    given = environment({"COSIGN_YES": unknown, "COSIGN_PASSWORD": "1"})
    tasks = [
        verify("verify", pushed, given, trusted_root=root, run_on="target"),
        {"name": "env", "supplychain.cosign.cosign_env": {"run_on": "target"}, **given},
    ]
    run = playbook(tasks)
    assert run.results["verify"]["pinned"] == pushed and run.results["verify"]["verified"] is True, run.output
    assert "********" not in json.dumps(run.results["verify"])
    rows = {row["name"]: row for row in run.results["env"]["variables"]}
    assert (rows["COSIGN_YES"]["value"], rows["COSIGN_YES"]["source"]) == ("******", "task")
    assert rows["COSIGN_CERTIFICATE_IDENTITY"]["source"] == "task"


@pytest.mark.attack("AT-42")
@pytest.mark.parametrize("named", [{"COSIGN_KEY": "env://MYKEY"}, {"COSIGN_KEY": "{{ lookup('env', 'THE_KEY') }}"}])
def test_AT_42_a_private_key_in_a_variable_is_shown_nowhere(playbook: Playbook, pushed: str, named: Task) -> None:
    key = (playbook.folder / "ours.key").read_text()
    playbook.environ["THE_KEY"] = key
    variables = {
        **named,
        "MYKEY": "{{ lookup('env', 'THE_KEY') }}",
        "COSIGN_PASSWORD": "{{ lookup('env', 'COSIGN_PASSWORD') }}",
    }
    options = {"image": pushed, "run_on": "target", "tlog_upload": False}
    task = {"name": "sign", "supplychain.cosign.cosign_sign": options, "environment": variables}
    run = playbook([task], "-vvvv", callback="ansible.builtin.default")
    assert run.status == 0, run.output
    assert key.splitlines()[1][:40] not in run.output and playbook.environ["COSIGN_PASSWORD"] not in run.output
