# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json
import time
import typing as t
import urllib.parse

import pytest

from tests.integration.conftest import PASSWORD, Playbook
from tests.support import faults
from tests.support.registry import EmbeddedRegistry

Task = dict[str, t.Any]


def task(name: str, module: str, keywords: Task | None = None, **options: t.Any) -> Task:
    return {"name": name, f"supplychain.cosign.cosign_{module}": options, **(keywords or {})}


def verify(name: str, image: str, keywords: Task | None = None, **options: t.Any) -> Task:
    return task(
        name, "verify", keywords, **{"image": image, "key": "ours.pub", "insecure_ignore_tlog": True, **options}
    )


def sign(name: str, image: str, keywords: Task | None = None, **options: t.Any) -> Task:
    return task(name, "sign", keywords, **{"image": image, "key": "ours.key", "tlog_upload": False, **options})


def look_ups(registry: EmbeddedRegistry) -> int:
    """How often somebody asked what is attached: once a verification."""
    return len([one for one in registry.requests if "/referrers/" in one.path])


HOSTS = ",".join(f"host{number}" for number in range(12)) + ","


def test_twelve_hosts_cost_one_verification(playbook: Playbook, registry: EmbeddedRegistry, pushed: str) -> None:
    playbook([sign("sign", pushed)])
    registry.reset_requests()
    run = playbook([verify("verify", pushed)], "-f", "6", hosts=HOSTS)
    assert run.status == 0, run.output
    assert [one["verified"] for one in run.results.values()] == [True] * 12
    assert look_ups(registry) == 1
    assert sum(not one["images"][0]["cached"] for one in run.results.values()) == 1


def test_a_refusal_serves_the_other_hosts_of_its_task_only(
    playbook: Playbook, registry: EmbeddedRegistry, pushed: str
) -> None:
    again = {"ignore_errors": True}
    run = playbook([verify("one", pushed, again), verify("two", pushed, again)], hosts=HOSTS)
    assert run.status == 0 and look_ups(registry) == 2, run.output
    assert {one["rejection"]["code"] for one in run.results.values()} == {"NO_SIGNATURE"}


def test_twelve_hosts_sign_once(playbook: Playbook, registry: EmbeddedRegistry, pushed: str) -> None:
    """AT-43: whoever comes later finds the signature."""
    run = playbook([sign("sign", pushed, signature_format="both")], "-f", "6", hosts=HOSTS)
    assert run.status == 0, run.output
    assert sum(one["changed"] for one in run.results.values()) == 1


def test_verify_rescue_sign_verify(playbook: Playbook, pushed: str) -> None:
    block = {"block": [verify("before", pushed)], "rescue": [sign("sign", pushed), verify("after", pushed)]}
    run = playbook([block])
    assert run.status == 0, run.output
    assert run.results["before"]["rejection"]["code"] == "NO_SIGNATURE"
    assert run.results["after"]["verified"] is True


def test_verify_absent_verify(playbook: Playbook, pushed: str) -> None:
    run = playbook(
        [
            sign("sign", pushed),
            verify("before", pushed),
            sign("absent", pushed, state="absent"),
            verify("after", pushed, {"ignore_errors": True}),
        ]
    )
    assert run.results["before"]["verified"] is True, run.output
    assert run.results["after"]["rejection"]["code"] == "NO_SIGNATURE"


def test_until_looks_again(playbook: Playbook, registry: EmbeddedRegistry, pushed: str) -> None:
    keywords = {"register": "found", "until": "found is success", "retries": 2, "delay": 0, "ignore_errors": True}
    playbook([verify("verify", pushed, keywords)])
    assert look_ups(registry) == 3


def test_a_single_429_is_survived_and_a_lasting_one_is_never_kept(
    playbook: Playbook, registry: EmbeddedRegistry, pushed: str
) -> None:
    playbook([sign("sign", pushed)])
    registry.fault(("GET", "/referrers/"), faults.too_many_requests("0"), times=1)
    assert playbook([verify("verify", pushed)]).results["verify"]["verified"] is True
    rule = registry.fault(("GET", "/referrers/"), faults.too_many_requests("99999"), times=1)
    run = playbook([verify("one", pushed, {"ignore_errors": True}), verify("two", pushed)])
    assert run.results["one"]["rejection"]["code"] == "RATE_LIMITED" and rule.hits == 1, run.output
    assert run.results["two"]["verified"] is True


def test_another_policy_is_another_question(playbook: Playbook, pushed: str) -> None:
    run = playbook(
        [
            sign("sign", pushed),
            verify("ours", pushed),
            verify("annotated", pushed, {"ignore_errors": True}, annotations={"a": "1"}),
            verify("other", pushed, {"ignore_errors": True}, key="other.pub"),
            verify("logged", pushed, {"ignore_errors": True}, insecure_ignore_tlog=False),
        ]
    )
    assert run.results["ours"]["verified"] is True
    codes = [run.results[name]["rejection"]["code"] for name in ("annotated", "other", "logged")]
    assert codes == ["ANNOTATION_MISMATCH", "KEY_MISMATCH", "TLOG_MISSING"]


def test_the_task_keyword_timeout_ends_a_stalled_task(
    playbook: Playbook, registry: EmbeddedRegistry, pushed: str
) -> None:
    """Far below the 120 s that the transport itself would wait."""
    registry.fault(("GET", "/"), faults.silence)
    images = [pushed, f"{pushed.split('@')[0]}:1.4", f"{registry.host}/acme/b:1"]
    started = time.monotonic()
    run = playbook([task("verify", "verify", {"timeout": 2}, images=images, key="ours.pub")])
    assert run.status != 0 and "timed out" in run.output.lower() or "timeout" in run.output.lower(), run.output
    assert time.monotonic() - started < 30


def test_check_mode_and_diff(playbook: Playbook, registry: EmbeddedRegistry, pushed: str) -> None:
    tasks = [
        task("copy", "copy", source="oci:image", destination=f"{registry.host}/new/app:1"),
        sign("sign", f"{registry.host}/new/app:1"),
    ]
    registry.reset_requests()
    predicted = playbook(tasks, "--check", "--diff")
    assert predicted.status == 0 and registry.writes() == [], predicted.output
    real = playbook(tasks, "--diff")
    again = playbook(tasks, "--diff")
    for name in ("copy", "sign"):
        assert [run.results[name]["changed"] for run in (predicted, real, again)] == [True, True, False]
    assert real.results["sign"]["diff"][0]["after"]["signatures"]
    assert "diff" not in playbook(tasks).results["sign"]


def test_the_environment_of_a_task_is_read(playbook: Playbook, pushed: str) -> None:
    playbook([sign("sign", pushed)])
    options: Task = {"environment": {"COSIGN_KEY": "ours.pub"}}
    tasks = [
        verify("from environment", pushed, {"environment": {"COSIGN_KEY": "ours.pub"}}, key=None),
        {"name": "env", "supplychain.cosign.cosign_env_info": {}, **options},
    ]
    del tasks[0]["supplychain.cosign.cosign_verify"]["key"]
    run = playbook(tasks)
    assert run.results["from environment"]["verified"] is True, run.output
    rows = {row["name"]: row for row in run.results["env"]["variables"]}
    assert rows["COSIGN_KEY"]["source"] == "task" and rows["COSIGN_PASSWORD"]["source"] == "process"


def test_whose_files_must_be_said_on_a_host_that_is_not_local(playbook: Playbook) -> None:
    tasks = [task("pair", "key_pair", {"vars": {"ansible_connection": "ssh"}}, path="new.key")]
    run = playbook(tasks, hosts="remote,")
    result = run.results["pair@remote"]
    assert result["rejection"]["code"] == "POLICY_UNSUPPORTED", run.output
    assert "controller" in result["msg"] and "target" in result["msg"]
    tasks[0]["supplychain.cosign.cosign_key_pair"]["run_on"] = "controller"
    assert playbook(tasks, hosts="remote,").results["pair@remote"]["changed"] is True
    assert (playbook.folder / "new.key").exists()


def test_options_are_read_as_their_types_before_it_is_decided_whose_files(playbook: Playbook) -> None:
    """`ephemeral: "no"` is no, and `a,oci:b` names a place on disk."""
    remote = {"vars": {"ansible_connection": "ssh"}, "ignore_errors": True}
    tasks = [
        task("login", "login", remote, registry="127.0.0.1:1", username="a", password="canary", ephemeral="no"),
        {"name": "verify", "supplychain.cosign.cosign_verify": {"images": "a/b,oci:/x", "key": "ours.pub"}, **remote},
    ]
    run = playbook(tasks, hosts="remote,")
    for name in ("login", "verify"):
        assert "run_on" in run.results[f"{name}@remote"]["msg"], run.output


def test_async_is_refused(playbook: Playbook, pushed: str) -> None:
    run = playbook([verify("verify", pushed, {"async": 10, "poll": 1})])
    assert run.status != 0 and "async" in run.output


def test_run_on_target_gives_the_same(playbook: Playbook, registry: EmbeddedRegistry, pushed: str) -> None:
    absolute = {name: str(playbook.folder / name) for name in ("ours.key", "ours.pub")}
    run = playbook(
        [
            sign("sign", pushed, key=absolute["ours.key"], run_on="target"),
            sign("again", pushed, key=absolute["ours.key"], run_on="target"),
            verify("verify", pushed, key=absolute["ours.pub"], run_on="target"),
            verify(
                "refused",
                pushed,
                {"ignore_errors": True},
                key=absolute["ours.pub"],
                run_on="target",
                annotations={"a": "1"},
            ),
        ],
    )
    assert run.results["sign"]["changed"] is True, run.output
    assert run.results["again"]["changed"] is False
    assert run.results["verify"]["verified"] is True
    assert run.results["refused"]["rejection"]["code"] == "ANNOTATION_MISMATCH"


CANARIES = {
    "option": "canary-option-secret+/=",
    "environment": "canary-environment-secret",
    "file": "canary-file-secret",
    "token": "canary-token-secret",
}


@pytest.mark.parametrize("run_on", ["controller", "target"])
@pytest.mark.parametrize("callback", ["json", "ansible.builtin.default"])
def test_AT_42_no_secret_anywhere(playbook: Playbook, pushed: str, run_on: str, callback: str) -> None:
    """AT-14, AT-42: at -vvvv, in results, and in files left behind; raw, base64 and URL-encoded."""
    users = {"ci": CANARIES["option"], "env": CANARIES["environment"], "file": CANARIES["file"]}
    with EmbeddedRegistry(auth="token", users=users) as private:
        image = f"{private.host}/acme/app:1"
        (playbook.folder / "auth.json").write_text(
            json.dumps(
                {"auths": {private.host: {"auth": base64.b64encode(f"file:{CANARIES['file']}".encode()).decode()}}}
            )
        )
        common: Task = {"run_on": run_on, "allow_http_registry": True}
        auth_file = str(playbook.folder / "made.json")
        go_on = {"ignore_errors": True}
        tasks = [
            task(
                "login",
                "login",
                registry=private.host,
                username="ci",
                password=CANARIES["option"],
                auth_file=auth_file,
                **common,
            ),
            task(
                "refused",
                "login",
                go_on,
                registry=private.host,
                username="ci",
                password=CANARIES["token"],
                auth_file=auth_file,
                **common,
            ),
            task(
                "copy",
                "copy",
                registry_username="ci",
                registry_password=CANARIES["option"],
                source=f"oci:{playbook.folder}/image",
                destination=image,
                **common,
            ),
            sign(
                "sign",
                image,
                {
                    "environment": {
                        "COSIGN_REGISTRY_USERNAME": "env",
                        "COSIGN_REGISTRY_PASSWORD": CANARIES["environment"],
                        "COSIGN_PASSWORD": PASSWORD,
                    }
                },
                key=str(playbook.folder / "ours.key"),
                run_on=run_on,
            ),
            verify(
                "verify",
                image,
                auth_file=str(playbook.folder / "auth.json"),
                key=str(playbook.folder / "ours.pub"),
                run_on=run_on,
            ),
            verify(
                "token",
                image,
                go_on,
                registry_token=CANARIES["token"],
                key=str(playbook.folder / "ours.pub"),
                run_on=run_on,
            ),
            sign(
                "password",
                image,
                go_on,
                key_password=CANARIES["token"],
                key=str(playbook.folder / "ours.key"),
                run_on=run_on,
            ),
            verify(
                "key in a variable",
                image,
                {"environment": {"MY_KEY": CANARIES["token"]}, **go_on},
                auth_file=str(playbook.folder / "auth.json"),
                key="env://MY_KEY",
                run_on=run_on,
            ),
            task(
                "env",
                "env",
                {
                    "environment": {
                        "COSIGN_REGISTRY_TOKEN": CANARIES["token"],
                        "COSIGN_SOMETHING": CANARIES["environment"],
                    }
                },
                run_on=run_on,
            ),
        ]
        run = playbook(tasks, "-vvvv", callback=callback)
        assert run.status == 0, run.output
        if callback == "json":
            assert run.results["verify"]["verified"] is True
            assert run.results["token"]["rejection"]["code"] == "AUTH_REFUSED"
            assert run.results["password"]["rejection"]["code"] == "KEY_MISMATCH"
        text = run.output
        for path in playbook.folder.rglob("*"):
            if path.is_file() and path.name not in ("play.yml", "auth.json", "made.json"):
                text += path.read_bytes().decode("utf-8", "replace")
        for secret in (*CANARIES.values(), PASSWORD):
            for form in (secret, base64.b64encode(secret.encode()).decode(), urllib.parse.quote(secret, safe="")):
                assert form not in text, text[max(0, text.index(form) - 300) : text.index(form) + 100]
