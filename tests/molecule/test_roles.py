# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the roles promise beside the way that the molecule scenario goes, each in a play of its own."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from tests.support import images
from tests.support.registry import EmbeddedRegistry
from tests.support.sigstore.server import ANYBODY, VirtualServices, Wrong

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "canary-registry-password"
KEY_PASSWORD = "canary-key-password"
Vars = dict[str, t.Any]
INVENTORY = """\
localhost ansible_connection=local
far1 ansible_host=192.0.2.1
far2 ansible_host=192.0.2.2
"""


class Stage:
    """A folder with an image and a key pair, a registry that wants a login, and plays against it."""

    def __init__(self, folder: Path, registry: EmbeddedRegistry) -> None:
        self.folder = folder
        self.registry = registry
        self.image = images.multi_arch()
        self.image.write_layout(folder / "image")
        (folder / "inventory").write_text(INVENTORY)
        self.environ: dict[str, str] = {"COSIGN_PASSWORD": KEY_PASSWORD}
        self.release: Vars = {
            "release_image": f"{registry.host}/acme/app:1",
            "release_source": "oci:image",
            "release_registry_username": "ci",
            "release_registry_password": PASSWORD,
            "release_allow_http_registry": True,
            "release_key": "cosign.key",
            "release_tlog_upload": False,
        }

    def play(self, *tasks: Vars, arguments: t.Sequence[str] = (), **keywords: t.Any) -> tuple[int, str]:
        """Run the tasks; the exit status and all output. `keywords` are those of the play."""
        play = {"hosts": "localhost", "gather_facts": False, "tasks": list(tasks), **keywords}
        (self.folder / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("COSIGN_")}
        finished = subprocess.run(
            [
                str(Path(sys.executable).with_name("ansible-playbook")),
                f"--inventory={self.folder}/inventory",
                str(self.folder / "play.yml"),
                *arguments,
            ],
            # Paths mean the folder of the playbook, whatever this one is.
            cwd="/",
            env={**kept, "ANSIBLE_COLLECTIONS_PATH": str(ROOT.parents[2]), "HOME": str(self.folder), **self.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        print(finished.stdout)
        return finished.returncode, finished.stdout

    def write_auth_file(self, path: Path, password: str) -> None:
        path.parent.mkdir(exist_ok=True)
        entry = {"auth": base64.b64encode(f"ci:{password}".encode()).decode()}
        path.write_text(json.dumps({"auths": {self.registry.host: entry}}))


def role(name: str, variables: Vars, **more: t.Any) -> Vars:
    return {"ansible.builtin.include_role": {"name": f"supplychain.cosign.{name}", **more}, "vars": variables}


def holds(*conditions: str) -> Vars:
    return {"ansible.builtin.assert": {"that": list(conditions)}}


KEY_PAIR = {"supplychain.cosign.cosign_key_pair": {"path": "cosign.key", "run_on": "controller"}}


@pytest.fixture
def stage(tmp_path: Path) -> t.Iterator[Stage]:
    with EmbeddedRegistry(auth="token", users={"ci": PASSWORD}) as registry:
        yield Stage(tmp_path, registry)


def test_what_could_not_be_verified_is_not_pushed(stage: Stage) -> None:
    status, output = stage.play(role("release", {**stage.release, "release_key": "env://NAME"}))
    assert status != 0
    assert "set release_public_key" in " ".join(output.split())
    assert not stage.registry.requests


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "roles").iterdir()))
def test_each_variable_is_described_has_its_default_and_is_used(name: str) -> None:
    folder = ROOT / "roles" / name
    specs = yaml.safe_load((folder / "meta/argument_specs.yml").read_text())["argument_specs"]
    options = {option: one for spec in specs.values() for option, one in spec["options"].items()}
    defaults = yaml.safe_load((folder / "defaults/main.yml").read_text())
    assert {option: one["default"] for option, one in options.items() if "default" in one}.items() <= defaults.items()
    assert defaults.keys() <= options.keys()
    tasks = "".join(path.read_text() for path in (folder / "tasks").iterdir())
    assert [option for option in options if f"{{{{ {option} " not in tasks and f" {option} " not in tasks] == []


def test_only_the_image_is_required_by_the_role(stage: Stage) -> None:
    status, output = stage.play(role("release", {}))
    assert status != 0
    assert "release_image" in output


def test_without_source_the_image_that_is_there_is_signed_with_the_ambient_login(stage: Stage) -> None:
    stage.image.push_to(stage.registry, "acme/app", "1")
    stage.write_auth_file(stage.folder / ".docker/config.json", PASSWORD)
    variables = {name: value for name, value in stage.release.items() if "registry_" not in name and "sou" not in name}
    status, _output = stage.play(
        KEY_PAIR,
        role("release", {**variables, "release_allow_http_registry": True}),
        holds(f"release_digest == '{stage.image.digest}'", "release_verification.verified"),
    )
    assert status == 0
    assert stage.registry.host in (stage.folder / ".docker/config.json").read_text()


def test_the_login_of_the_role_goes_before_what_the_surroundings_have(stage: Stage) -> None:
    stage.write_auth_file(stage.folder / "wrong.json", "wrong")
    stage.environ.update(
        REGISTRY_AUTH_FILE=str(stage.folder / "wrong.json"),
        COSIGN_REGISTRY_USERNAME="ci",
        COSIGN_REGISTRY_PASSWORD="wrong",
    )
    status, _output = stage.play(KEY_PAIR, role("release", stage.release), holds("release_verification.verified"))
    assert status == 0


def test_the_login_is_taken_out_after_a_failure(stage: Stage) -> None:
    failing = {
        "block": [role("release", {**stage.release, "release_key_password": "wrong"})],
        "rescue": [
            holds(
                "'auth\"' not in lookup('file', registry_login_result.auth_file)",
                "ansible_failed_result.rejection.code == 'KEY_MISMATCH'",
            )
        ],
    }
    status, _output = stage.play(KEY_PAIR, failing)
    assert status == 0


def test_files_are_those_of_the_controller_for_any_host(stage: Stage) -> None:
    # Hosts that cannot be reached: nothing is to be done there, nor as somebody else.
    status, output = stage.play(
        KEY_PAIR,
        role("release", stage.release),
        holds(f"release_digest == '{stage.image.digest}'", "release_verification.verified"),
        hosts="far1:far2",
        become=True,
    )
    assert status == 0
    assert output.count("unreachable=0") == 2
    assert (stage.folder / "cosign.pub").exists()
    assert not (stage.folder / ".docker").exists()


def test_each_role_alone(stage: Stage) -> None:
    login = {
        "registry_login_registry": stage.registry.host,
        "registry_login_username": "ci",
        "registry_login_password": PASSWORD,
        "registry_login_auth_file": "auth/config.json",
        "registry_login_allow_http_registry": True,
    }
    push = {
        "image_push_source": "oci:image",
        "image_push_image": f"{stage.registry.host}/acme/app:1",
        "image_push_auth_file": "auth/config.json",
        "image_push_allow_http_registry": True,
        "image_push_platform": "linux/arm64",
    }
    sign = {
        "image_sign_image": f"{stage.registry.host}/acme/app:1",
        "image_sign_registry_username": "ci",
        "image_sign_registry_password": PASSWORD,
        "image_sign_allow_http_registry": True,
        "image_sign_key": "cosign.key",
        "image_sign_key_password": KEY_PASSWORD,
        "image_sign_signature_format": "legacy",
        "image_sign_annotations": {"sha": "abc"},
        "image_sign_tlog_upload": False,
    }
    status, _output = stage.play(
        KEY_PAIR,
        role("registry_login", login),
        holds("registry_login_result.changed", "registry_login_result.auth_file == playbook_dir ~ '/auth/config.json'"),
        role("image_push", push),
        holds("image_push_result.changed", f"image_push_result.digest != '{stage.image.digest}'"),
        role("image_sign", sign),
        holds(
            "image_sign_result.pinned == image_push_result.pinned",
            "image_sign_result.signatures | map(attribute='format') == ['legacy']",
            "image_sign_result.signatures[0].annotations == {'sha': 'abc'}",
        ),
        holds("'auth\"' in lookup('file', 'auth/config.json')"),
        role("registry_login", login, tasks_from="logout"),
        holds("'auth\"' not in lookup('file', 'auth/config.json')"),
    )
    assert status == 0


def test_a_key_from_the_environment_with_its_public_key_named(stage: Stage) -> None:
    assert stage.play(KEY_PAIR)[0] == 0
    stage.environ["SIGNING_KEY"] = (stage.folder / "cosign.key").read_text()
    variables = {"release_key": "env://SIGNING_KEY", "release_public_key": "cosign.pub", "release_recursive": True}
    status, _output = stage.play(
        role("release", {**stage.release, **variables}),
        holds("release_verification.images[0].children | length == 2"),
    )
    assert status == 0


def test_module_defaults_reach_options_that_are_no_variables_of_a_role(stage: Stage) -> None:
    defaults = {"group/supplychain.cosign.cosign": {"max_workers": 0}}
    status, output = stage.play(KEY_PAIR, role("release", stage.release), module_defaults=defaults)
    assert status != 0
    assert "max_workers must be between 1 and 64" in output


def test_no_output_shows_a_secret(stage: Stage) -> None:
    variables = {**stage.release, "release_key_password": KEY_PASSWORD}
    status, output = stage.play(KEY_PAIR, role("release", variables), arguments=["-vvvv"])
    assert status == 0
    assert PASSWORD not in output
    assert KEY_PASSWORD not in output


def test_the_registry_of_an_image(stage: Stage) -> None:
    cases = {
        "app": "docker.io",
        "acme/app:1": "docker.io",
        "docker://acme/app": "docker.io",
        "localhost/app": "localhost",
        "localhost:5000/app@sha256:" + "0" * 64: "localhost:5000",
        "ghcr.io/acme/app:1.4": "ghcr.io",
        "docker://ghcr.io/acme/app": "ghcr.io",
        "[::1]:5000/app": "[::1]:5000",
    }
    expected = " and ".join(
        f"lookup('template', 'registry.j2', template_vars={{'release_image': '{image}'}}) | trim == '{registry}'"
        for image, registry in cases.items()
    )
    (stage.folder / "registry.j2").write_text("{{ release_registry }}")
    status, _output = stage.play(holds(expected), vars_files=[str(ROOT / "roles/release/defaults/main.yml")])
    assert status == 0


# Without a key, and in a log


@pytest.fixture
def services() -> t.Iterator[VirtualServices]:
    with VirtualServices() as services:
        yield services


@pytest.fixture
def keyless(stage: Stage, services: VirtualServices) -> Vars:
    """The variables of a release without a key, on services that are all named, with a token in the environment."""
    (stage.folder / "trusted_root.json").write_text(json.dumps(services.trusted_root()))
    (stage.folder / "signing_config.json").write_text(json.dumps(services.signing_config(1)))
    stage.environ["SIGSTORE_ID_TOKEN"] = services.token()
    variables = {name: value for name, value in stage.release.items() if "_key" not in name and "tlog" not in name}
    return {
        **variables,
        "release_trusted_root": "trusted_root.json",
        "release_fulcio_url": services.urls.fulcio,
        "release_rekor_url": services.urls.rekor2,
        "release_rekor_version": 2,
        "release_timestamp_server_url": services.urls.tsa,
    }


def signed_by(name: str, issuer: str) -> list[str]:
    who = f"{name} ({issuer})"
    return [f"image_sign_result.images[0].signer == '{who}'", f"release_verification.images[0].signer == '{who}'"]


def test_without_a_key_and_again(stage: Stage, services: VirtualServices, keyless: Vars) -> None:
    named = {"release_certificate_identity": ANYBODY, "release_certificate_oidc_issuer": services.urls.issuer}
    options = {**named, "release_oidc_provider": "envvar", "release_recursive": True, "release_services_timeout": 60}
    who = signed_by(ANYBODY, services.urls.issuer)
    status, _output = stage.play(role("release", {**keyless, **options}), holds(*who, "image_sign_result.changed"))
    assert status == 0
    assert [services.count(name) for name in ("fulcio", "rekor2", "tsa")] == [1, 3, 3]
    services.reset_requests()
    status, _output = stage.play(role("release", {**keyless, **options}), holds(*who, "not image_sign_result.changed"))
    assert status == 0
    assert services.requests == []


def test_without_a_key_verified_by_whom_the_signature_names(
    stage: Stage, services: VirtualServices, keyless: Vars
) -> None:
    # Somebody else's signature must not do.
    other = {"release_identity_token": services.token("other@mail.example"), "release_oidc_client_id": "sigstore"}
    assert stage.play(role("release", {**keyless, **other}))[0] == 0
    status, _output = stage.play(role("release", keyless), holds(*signed_by(ANYBODY, services.urls.issuer)))
    assert status == 0


def test_a_certificate_for_somebody_else_is_not_used(stage: Stage, services: VirtualServices, keyless: Vars) -> None:
    wanted = {"release_certificate_identity": "other", "release_certificate_oidc_issuer": services.urls.issuer}
    failing = {
        "block": [role("release", {**keyless, **wanted})],
        "rescue": [holds("ansible_failed_result.rejection.code == 'IDENTITY_MISMATCH'")],
    }
    assert stage.play(failing)[0] == 0
    assert services.count("rekor") == 0


def test_without_a_log_a_timestamp_does(stage: Stage, services: VirtualServices, keyless: Vars) -> None:
    del keyless["release_rekor_url"], keyless["release_rekor_version"]
    status, _output = stage.play(
        role("release", {**keyless, "release_tlog_upload": False}),
        holds(
            *signed_by(ANYBODY, services.urls.issuer),
            "release_verification.signatures[0].logged == []",
            "release_verification.signatures[0].timestamps | length == 1",
        ),
    )
    assert status == 0
    assert services.count("rekor") == 0


def test_a_fulcio_without_certificate_log(stage: Stage, services: VirtualServices, keyless: Vars) -> None:
    services.wrong = Wrong(issue={"ct": None})
    assert stage.play(role("release", keyless))[0] != 0
    assert services.count("rekor") == 0
    assert stage.play(role("release", {**keyless, "release_insecure_ignore_sct": True}))[0] == 0


@pytest.mark.parametrize("by", ["variable of the role", "variable of the environment"])
def test_a_key_and_a_log(stage: Stage, services: VirtualServices, keyless: Vars, by: str) -> None:
    keyless = {name: value for name, value in keyless.items() if not name.endswith(("_url", "_version"))}
    keyless["release_signing_config"] = "{{ lookup('file', 'signing_config.json') | from_json }}"
    keyless["release_signature_format"] = "both"
    if by == "variable of the role":
        keyless["release_key"] = "cosign.key"
    else:
        keyless["release_public_key"] = "cosign.pub"
        stage.environ["COSIGN_KEY"] = "cosign.key"
    verified = "release_verification.signatures[0]"
    status, _output = stage.play(
        KEY_PAIR, role("release", keyless), holds(f"{verified}.key_id is defined", f"{verified}.logged | length == 1")
    )
    assert status == 0
    assert [services.count(name) for name in ("fulcio", "rekor1")] == [0, 2]


def test_a_key_that_fulcio_certifies_is_verified_as_whose_it_is(
    stage: Stage, services: VirtualServices, keyless: Vars
) -> None:
    status, _output = stage.play(
        KEY_PAIR,
        role("release", {**keyless, "release_key": "cosign.key"}),
        holds(*signed_by(ANYBODY, services.urls.issuer)),
        module_defaults={"supplychain.cosign.cosign_sign": {"issue_certificate": True}},
    )
    assert status == 0
