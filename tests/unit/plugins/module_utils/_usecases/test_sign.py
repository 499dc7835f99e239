# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import threading
import typing as t

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_sign import TASK as SIGN
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_verify import TASK as VERIFY
from tests.support import faults
from tests.support.registry import EmbeddedRegistry
from tests.support.store import Manifest
from tests.support.tasks import Runner

FORMATS = ["bundle", "legacy", "both"]


@pytest.mark.parametrize("signature_format", FORMATS)
@pytest.mark.attack("AT-43")
def test_a_second_run_changes_and_writes_nothing(
    run: Runner, registry: EmbeddedRegistry, pushed: str, signature_format: str
) -> None:
    """F-18: counted at the registry, by digest: three GETs with the referrers API, four without."""
    options: dict[str, t.Any] = {
        "image": pushed,
        "key": "ours.key",
        "signature_format": signature_format,
        "annotations": {"a": "1"},
    }
    first = run(SIGN, **options)
    assert first["changed"] and first["verified"], first
    assert {one["format"] for one in first["signatures"]} == (
        {"bundle", "legacy"} if signature_format == "both" else {signature_format}
    )
    registry.reset_requests()
    second = run(SIGN, **options)
    assert (second["changed"], second["verified"]) == (False, True), second
    assert registry.writes() == []
    gets = [one for one in registry.requests if one.path != "/v2/"]
    if signature_format == "bundle":
        assert len(gets) == (3 if registry.settings.referrers else 4), [one.path for one in gets]
    assert all(one.method in ("GET", "HEAD") for one in gets)


@pytest.mark.parametrize("signature_format", FORMATS)
def test_F_19_check_mode_predicts_and_writes_nothing(
    run: Runner, registry: EmbeddedRegistry, pushed: str, signature_format: str
) -> None:
    options: dict[str, t.Any] = {
        "image": pushed,
        "key": "ours.key",
        "signature_format": signature_format,
        "recursive": True,
    }
    registry.reset_requests()
    predicted = run(SIGN, check=True, **options)
    assert registry.writes() == []
    real = run(SIGN, **options)
    assert predicted["changed"] and real["changed"]
    assert len(predicted["diff"][0]["after"]["signatures"]) == len(real["diff"][0]["after"]["signatures"]) > 0
    assert run(SIGN, check=True, **options)["changed"] is False


def test_check_mode_accepts_what_an_earlier_task_would_have_made(run: Runner, registry: EmbeddedRegistry) -> None:
    digest = "sha256:" + "a" * 64
    for image in (f"{registry.host}/new/app@{digest}", f"{registry.host}/new/app:1"):
        result = run(SIGN, check=True, image=image, key="ours.key")
        assert result["changed"] and not result["verified"], result
        assert "not in the registry yet" in run.warnings[0]
        result = run(SIGN, check=True, image=image, key="not-made-yet.key")
        assert result["changed"], result
    refused = run(SIGN, image=f"{registry.host}/new/app:1", key="ours.key")
    assert refused["rejection"]["code"] == "UNREACHABLE"


def test_a_tag_is_resolved_once_and_the_digest_is_said(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    registry.reset_requests()
    result = run(SIGN, image=f"{registry.host}/acme/app:1.4", key="ours.key")
    assert result["pinned"] == pushed
    assert [one.path for one in registry.requests if one.path.endswith("/manifests/1.4")] == [
        "/v2/acme/app/manifests/1.4"
    ]


def test_other_annotations_and_other_keys_are_other_signatures(run: Runner, pushed: str) -> None:
    assert run(SIGN, image=pushed, key="ours.key", annotations={"a": "1"})["changed"]
    assert run(SIGN, image=pushed, key="ours.key")["changed"]
    assert run(SIGN, image=pushed, key="other.key", annotations={"a": "1"})["changed"]
    assert not run(SIGN, image=pushed, key="ours.key", annotations={"a": "1"})["changed"]


@pytest.mark.parametrize("signature_format", ["bundle", "legacy"])
def test_annotations_that_differ_only_in_case(run: Runner, pushed: str, signature_format: str) -> None:
    annotations = {"version": "1", "Version": "2", "n": 1, "yes": True}
    options: dict[str, t.Any] = {"image": pushed, "signature_format": signature_format, "annotations": annotations}
    assert run(SIGN, key="ours.key", **options)["changed"]
    assert not run(SIGN, key="ours.key", **options)["changed"]
    verified = run(VERIFY, image=pushed, key="ours.pub", annotations={"Version": "2", "yes": "true"})
    assert verified["signatures"][0]["annotations"] == {"version": "1", "Version": "2", "n": "1", "yes": "true"}


@pytest.mark.attack("AT-18c")
def test_recursive_signs_every_image_of_an_index(run: Runner, pushed: str) -> None:
    assert run(SIGN, image=pushed, key="ours.key")["changed"]
    refused = run(VERIFY, image=pushed, key="ours.pub", recursive=True)
    assert refused["rejection"]["code"] == "NO_SIGNATURE" and "of the index" in refused["msg"], refused
    result = run(SIGN, image=pushed, key="ours.key", recursive=True)
    assert result["changed"] and len(result["images"][0]["children"]) == 2
    assert run(VERIFY, image=pushed, key="ours.pub", recursive=True)["verified"]
    assert not run(SIGN, image=pushed, key="ours.key", recursive=True)["changed"]


def test_sign_container_identity_makes_one_legacy_signature_each(run: Runner, pushed: str) -> None:
    names = ["mirror.example/app", "other.example/app"]
    twice = [*names, names[0]]
    options: dict[str, t.Any] = {
        "image": pushed,
        "key": "ours.key",
        "signature_format": "legacy",
        "sign_container_identity": twice,
    }
    result = run(SIGN, **options)
    assert [one["signed_reference"] for one in result["signatures"]] == names
    assert not run(SIGN, **options)["changed"]
    for other in ({"signature_format": "bundle"}, {"state": "absent"}):
        assert run(SIGN, **{**options, **other})["rejection"]["code"] == "POLICY_UNSUPPORTED"


@pytest.mark.parametrize("signature_format", ["bundle", "legacy"])
def test_absent_removes_only_ours(run: Runner, registry: EmbeddedRegistry, pushed: str, signature_format: str) -> None:
    run(SIGN, image=pushed, key="ours.key", signature_format=signature_format, annotations={"a": "1"})
    run(SIGN, image=pushed, key="other.key", signature_format=signature_format)
    run(SIGN, image=pushed, key="ours.key", signature_format=signature_format)
    before = _layers(registry, pushed)
    registry.reset_requests()
    predicted = run(SIGN, check=True, image=pushed, key="ours.pub", state="absent", annotations={"a": "1"})
    assert predicted["changed"] and registry.writes() == []
    result = run(SIGN, image=pushed, key="ours.pub", state="absent", annotations={"a": "1"})
    assert result["changed"], result
    assert len(result["diff"][0]["before"]["signatures"]) == 3
    assert len(result["diff"][0]["after"]["signatures"]) == 2
    refused = run(VERIFY, image=pushed, key="ours.pub", annotations={"a": "1"})["rejection"]
    assert {one["code"] for one in refused["rejected"]} >= {"ANNOTATION_MISMATCH"}, refused
    assert run(VERIFY, image=pushed, key="ours.pub")["verified"]
    assert run(VERIFY, image=pushed, key="other.pub")["verified"]
    if signature_format == "legacy":
        assert _layers(registry, pushed) == before[1:]
    assert not run(SIGN, image=pushed, key="ours.key", state="absent", annotations={"a": "1"})["changed"]
    # without annotations: all of ours, whatever they carry
    assert run(SIGN, image=pushed, key="ours.key", state="absent")["changed"]
    assert run(VERIFY, image=pushed, key="other.pub")["verified"]
    assert run(SIGN, image=pushed, key="other.key", state="absent")["changed"]
    assert run(VERIFY, image=pushed, key="other.pub")["rejection"]["code"] == "NO_SIGNATURE"


def _layers(registry: EmbeddedRegistry, pinned: str) -> list[t.Any]:
    tag = pinned.split("@")[1].replace(":", "-") + ".sig"
    store = registry.repository("acme/app")
    if tag not in store.tags:
        return []
    layers: list[t.Any] = store.manifests[store.tags[tag]].content["layers"]
    return layers


@pytest.mark.parametrize("signature_format", ["bundle", "legacy"])
def test_absent_on_a_registry_that_does_not_delete_is_refused_and_changes_nothing(
    run: Runner, registry: EmbeddedRegistry, pushed: str, signature_format: str
) -> None:
    run(SIGN, image=pushed, key="ours.key", signature_format=signature_format)
    registry.settings.delete = False
    result = run(SIGN, image=pushed, key="ours.key", state="absent")
    assert result["rejection"]["code"] == "POLICY_UNSUPPORTED", result
    assert run(VERIFY, image=pushed, key="ours.pub")["verified"]


@pytest.mark.attack("AT-43")
def test_F_12_signers_at_once_lose_nothing(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    """Two keys, both formats, at the same time: with compare-and-swap everybody's signature stands at the end."""
    registry.settings.etag = True
    results: list[t.Any] = []

    def sign(key: str) -> None:
        results.append(run(SIGN, image=pushed, key=key, signature_format="both"))

    threads = [threading.Thread(target=sign, args=(key,)) for key in ("ours.key", "other.key")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for key in ("ours", "other"):
        verified = run(VERIFY, image=pushed, key=f"{key}.pub", signatures="all")
        assert {one["format"] for one in verified["signatures"]} == {"bundle", "legacy"}, (results, verified)


def test_a_signature_in_another_repository(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    run.environ["COSIGN_REPOSITORY"] = f"{registry.host}/acme/signatures"
    assert run(SIGN, image=pushed, key="ours.key", signature_format="both")["changed"]
    assert not run(SIGN, image=pushed, key="ours.key", signature_format="both")["changed"]
    assert run(VERIFY, image=pushed, key="ours.pub")["verified"]
    del run.environ["COSIGN_REPOSITORY"]
    assert run(VERIFY, image=pushed, key="ours.pub")["rejection"]["code"] == "NO_SIGNATURE"


def test_images_in_one_task(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    missing = f"{registry.host}/acme/missing:1"
    result = run(SIGN, images=[pushed, missing, pushed], key="ours.key")
    assert result["failed"] and result["rejection"]["code"] == "UNREACHABLE"
    assert [one["reference"] for one in result["images"]] == [pushed, missing, pushed]
    assert [one["verified"] for one in result["images"]] == [True, False, True]
    assert "signatures" not in result["images"][0]
    verified = run(VERIFY, image=pushed, key="ours.pub", signatures="all")
    assert len(verified["signatures"]) == 1, "one image twice in a task is signed once"


@pytest.mark.attack("AT-43")
def test_removers_at_once(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    for key in ("ours.key", "other.key"):
        run(SIGN, image=pushed, key=key)
    threads = [
        threading.Thread(target=run, args=(SIGN,), kwargs={"image": pushed, "key": key, "state": "absent"})
        for key in ("ours.key", "other.key")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert run(VERIFY, image=pushed, key="ours.pub")["rejection"]["code"] == "NO_SIGNATURE"


def test_a_removal_that_broke_off_can_be_repeated(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    for key in ("ours.key", "other.key"):
        run(SIGN, image=pushed, key=key)
    registry.fault(("DELETE", "/manifests/"), faults.status(500))
    assert run(SIGN, image=pushed, key="ours.key", state="absent", registry_timeout=1)["failed"]
    registry.clear_faults()
    assert run(VERIFY, image=pushed, key="other.pub")["verified"]
    assert run(VERIFY, image=pushed, key="ours.pub")["verified"], "nothing half-done: ours is still listed"
    assert run(SIGN, image=pushed, key="ours.key", state="absent")["changed"]
    assert run(VERIFY, image=pushed, key="other.pub")["verified"]


def test_what_was_written_before_a_refusal_is_told(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    registry.fault(("PUT", r"\.sig$"), faults.status(403))
    result = run(SIGN, image=pushed, key="ours.key", signature_format="both")
    assert result["failed"] and result["changed"], "the bundle stands"
    registry.clear_faults()
    registry.fault(("DELETE", r"\.sig$"), faults.status(403))
    run(SIGN, image=pushed, key="ours.key", signature_format="legacy")
    removed = run(SIGN, image=pushed, key="ours.key", state="absent")
    assert removed["failed"] and removed["changed"], "the bundle is gone"


def test_a_timestamp_that_is_not_looked_at_does_not_count(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    """A wrong one would be refused by whoever verifies; to be removed it need not be right."""
    run(SIGN, image=pushed, key="ours.key", signature_format="legacy")
    store = registry.repository("acme/app")
    tag = pushed.split("@")[1].replace(":", "-") + ".sig"
    content = store.manifests[store.tags[tag]].content
    content["layers"][0]["annotations"]["dev.sigstore.cosign/rfc3161timestamp"] = '{"SignedRFC3161Timestamp":"AAAA"}'
    store.put_manifest(Manifest.parse(content["mediaType"], json.dumps(content).encode()), tag)
    signed = run(SIGN, image=pushed, key="ours.key", signature_format="legacy")
    assert signed["changed"]
    assert len(store.manifests[store.tags[tag]].content["layers"]) == 2
    assert not run(SIGN, image=pushed, key="ours.key", signature_format="legacy")["changed"]
    assert run(SIGN, image=pushed, key="ours.key", signature_format="legacy", state="absent")["changed"]
    assert tag not in store.tags


@pytest.mark.parametrize("where", ["images", "attachments"])
def test_AT_09_a_credential_goes_to_one_registry(run: Runner, pushed: str, where: str) -> None:
    with EmbeddedRegistry(auth="basic", users={"ci": "canary"}) as other:
        options: dict[str, t.Any] = {"image": pushed, "attachment_repository": f"{other.host}/x/y"}
        if where == "images":
            options = {"images": [pushed, f"{other.host}/x/y:1"]}
        result = run(SIGN, **options, key="ours.key", registry_username="ci", registry_password="canary")
        assert result["rejection"]["code"] == "POLICY_UNSUPPORTED", result
        assert other.requests == []


def test_two_tags_of_one_image_are_signed_once(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    store = registry.repository("acme/app")
    store.tags["latest"] = store.tags["1.4"]
    name = pushed.split("@")[0]
    run(SIGN, images=[f"{name}:1.4", f"{name}:latest"], key="ours.key")
    assert len(run(VERIFY, image=pushed, key="ours.pub", signatures="all")["signatures"]) == 1


BAD_INPUT = [
    ({"key": "ours.key", "key_password": "wrong"}, "KEY_MISMATCH", "password"),
    ({"key": "ours.pub"}, "MALFORMED", "private key is needed"),
    ({"key": "missing.key"}, "MALFORMED", "could not be read"),
    ({"key": "awskms:///alias/x"}, "POLICY_UNSUPPORTED", "awskms"),
    ({"key": "http://127.0.0.1/cosign.key"}, "POLICY_UNSUPPORTED", "https"),
    ({"offline": True}, "POLICY_UNSUPPORTED", "without a key"),
    ({"key": "ours.key", "tlog_upload": True, "offline": True}, "POLICY_UNSUPPORTED", "tlog_upload: false"),
    ({"key": "ours.key", "annotations": {"a": [1]}}, "POLICY_UNSUPPORTED", "not a text"),
    ({"key": "ours.key", "max_attachment_size": "1TB"}, "LIMIT_EXCEEDED", "max_attachment_size"),
    ({"key": "ours.key", "max_attachment_size": "²"}, "LIMIT_EXCEEDED", "max_attachment_size"),
    ({"key": "ours.key", "registry_timeout": 10**400}, "LIMIT_EXCEEDED", "registry_timeout"),
    ({"key": "ours.key", "auth_file": "a\0b"}, "MALFORMED", "auth_file"),
    ({"key": "https://user:canary@h.example:x/k.pub"}, "MALFORMED", "no plain http"),
    ({"key": "https://user:canary/canary@h.example/k.pub"}, "MALFORMED", "no plain http"),
    ({"key": "https:/user:canary@h.example/k.pub"}, "MALFORMED", "could not be read"),
    ({"key": "ours.key", "max_workers": 0}, "LIMIT_EXCEEDED", "max_workers"),
    ({"key": "ours.key", "registry_username": "x"}, "POLICY_UNSUPPORTED", "required together"),
    ({"key": "ours.key", "registry_token": "x", "auth_file": "y"}, "POLICY_UNSUPPORTED", "mutually exclusive"),
    ({"key": "ours.key", "images": ["x"]}, "POLICY_UNSUPPORTED", "mutually exclusive"),
]


@pytest.mark.parametrize(
    ("options", "code", "text"), BAD_INPUT, ids=[f"{number}-{one[1]}" for number, one in enumerate(BAD_INPUT)]
)
def test_bad_input_is_refused_before_anything_is_written(
    run: Runner, registry: EmbeddedRegistry, pushed: str, options: dict[str, t.Any], code: str, text: str
) -> None:
    registry.reset_requests()
    result = run(SIGN, image=pushed, **options)
    assert result["failed"] and result["rejection"]["code"] == code, result
    assert text in result["msg"] and result["msg"][0].isupper() and result["msg"].endswith("."), result["msg"]
    assert registry.requests == [] and "canary" not in result["msg"]


def test_a_digest_without_a_repository_is_refused_before_any_request(run: Runner, registry: EmbeddedRegistry) -> None:
    result = run(SIGN, image="sha256:" + "a" * 64, key="ours.key")
    assert result["rejection"]["code"] == "MALFORMED" and "REPOSITORY" in result["msg"]


def test_F_17_a_write_that_is_refused_leaves_nothing(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    registry.fault(("PUT", r"/manifests/"), faults.status(507))
    result = run(SIGN, image=pushed, key="ours.key")
    assert result["failed"] and result["rejection"]["code"] == "LIMIT_EXCEEDED", result
    registry.clear_faults()
    assert run(VERIFY, image=pushed, key="ours.pub")["rejection"]["code"] == "NO_SIGNATURE"
