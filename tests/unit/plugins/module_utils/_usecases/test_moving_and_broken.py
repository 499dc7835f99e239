# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_copy import TASK as COPY
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_sign import TASK as SIGN
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_verify import TASK as VERIFY
from tests.support import faults
from tests.support.images import image, multi_arch
from tests.support.registry import EmbeddedRegistry
from tests.support.store import OCI_INDEX, Manifest, digest_of
from tests.support.tasks import Runner


def code(result: dict[str, t.Any]) -> str:
    assert result["failed"] and not result.get("verified"), result
    return str(result["rejection"]["code"])


def test_AT_02_a_a_tag_that_moves_is_asked_once(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    """What is verified is what is returned, whatever the tag names a moment later."""
    other = image("moved")
    other.push_to(registry, "acme/app")
    run(SIGN, image=pushed, key="ours.key")
    store = registry.repository("acme/app")

    def move(exchange: t.Any) -> t.Any:
        response = exchange.normal()
        store.tags["1.4"] = other.digest
        return response

    registry.fault(("GET", r"/manifests/1\.4$"), move)
    result = run(VERIFY, image=f"{registry.host}/acme/app:1.4", key="ours.pub")
    assert result["pinned"] == pushed and store.tags["1.4"] == other.digest
    assert code(run(VERIFY, image=f"{registry.host}/acme/app:1.4", key="ours.pub")) == "NO_SIGNATURE"


def test_AT_02_b_a_tag_beside_a_digest_is_not_asked(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    run(SIGN, image=pushed, key="ours.key")
    registry.reset_requests()
    assert run(VERIFY, image=pushed.replace("@", ":none@"), key="ours.pub")["verified"]
    assert not [one for one in registry.requests if "none" in one.path]


def test_AT_02_d_a_signature_tag_replaced_between_look_and_fetch(
    run: Runner, registry: EmbeddedRegistry, pushed: str
) -> None:
    """The layers are those of the manifest that was read, whatever stands under the tag now."""
    run(SIGN, image=pushed, key="ours.key", signature_format="legacy")
    store = registry.repository("acme/app")
    tag = pushed.split("@")[1].replace(":", "-") + ".sig"

    def move(exchange: t.Any) -> t.Any:
        response = exchange.normal()
        store.tags.pop(tag, None)
        return response

    registry.fault(("GET", r"\.sig$"), move)
    assert run(VERIFY, image=pushed, key="ours.pub")["verified"]


def children(registry: EmbeddedRegistry, pinned: str) -> list[str]:
    name, digest = pinned.split("@")
    manifests = registry.repository(name.split("/", 1)[1]).manifests[digest].content["manifests"]
    return [f"{name}@{one['digest']}" for one in manifests]


def test_AT_18_an_index_and_its_images_are_signed_each_for_itself(
    run: Runner, registry: EmbeddedRegistry, pushed: str
) -> None:
    """a: a signed child does not sign the index. c: recursive names the child that is not. g: nor the other way."""
    first, second = children(registry, pushed)
    run(SIGN, image=first, key="ours.key")
    assert code(run(VERIFY, image=pushed, key="ours.pub")) == "NO_SIGNATURE"
    run(SIGN, image=pushed, key="ours.key")
    refused = run(VERIFY, image=pushed, key="ours.pub", recursive=True)
    assert code(refused) == "NO_SIGNATURE" and second.split("@")[1] in refused["msg"]
    assert code(run(VERIFY, image=second, key="ours.pub")) == "NO_SIGNATURE"


def test_AT_18_f_a_child_of_other_bytes(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    run(SIGN, image=pushed, key="ours.key", recursive=True)
    digest = children(registry, pushed)[0].split("@")[1]
    registry.fault(("GET", f"/manifests/{digest}$"), faults.wrong_bytes)
    assert code(run(VERIFY, image=pushed, key="ours.pub", recursive=True, registry_timeout=1)) == "DIGEST_MISMATCH"


def test_AT_18_i_indexes_in_indexes_have_an_end(run: Runner, registry: EmbeddedRegistry) -> None:
    inner = multi_arch()
    inner.push_to(registry, "deep/app")
    digest = inner.digest
    store = registry.repository("deep/app")
    for _level in range(3):
        descriptor = {"mediaType": OCI_INDEX, "digest": digest, "size": len(store.manifests[digest].body)}
        body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor]}).encode()
        digest = digest_of(body)
        store.put_manifest(Manifest.parse(OCI_INDEX, body), digest)
    store.tags["1"] = digest
    result = run(SIGN, image=f"{registry.host}/deep/app:1", key="ours.key", recursive=True)
    assert code(result) == "LIMIT_EXCEEDED"


def test_AT_18_h_a_recursive_run_that_broke_off_is_completed(
    run: Runner, registry: EmbeddedRegistry, pushed: str
) -> None:
    registry.fault(("PUT", "/manifests/"), faults.status(403), after=1)
    broken = run(SIGN, image=pushed, key="ours.key", recursive=True)
    assert broken["failed"], broken
    registry.clear_faults()
    assert run(SIGN, image=pushed, key="ours.key", recursive=True)["changed"]
    verified = run(VERIFY, image=pushed, key="ours.pub", recursive=True, signatures="all")
    assert verified["verified"] and len(verified["signatures"]) == 1, "none is there twice"


@pytest.mark.parametrize("signature_format", ["bundle", "legacy"])
@pytest.mark.parametrize("after", [0, 1], ids=["F-09", "F-10"])
@pytest.mark.attack("AT-43")
def test_killed_between_two_writes(
    run: Runner, registry: EmbeddedRegistry, pushed: str, signature_format: str, after: int
) -> None:
    """F-09, F-10, F-11: the second run ends with one signature that counts, whatever the first left."""
    registry.fault(("PUT", "/manifests/"), faults.status(403), after=after)
    run(SIGN, image=pushed, key="ours.key", signature_format=signature_format)
    registry.clear_faults()
    assert run(SIGN, image=pushed, key="ours.key", signature_format=signature_format)["verified"]
    verified = run(VERIFY, image=pushed, key="ours.pub", signatures="all")
    assert verified["verified"] and len(verified["signatures"]) == 1


def test_F_09_a_copy_that_broke_off_shows_nothing_and_is_completed(
    run: Runner, registry: EmbeddedRegistry, pushed: str
) -> None:
    with EmbeddedRegistry() as other:
        other.fault(("PUT", "/manifests/"), faults.status(403), after=1)
        destination = f"{other.host}/new/app:1"
        assert run(COPY, source=pushed, destination=destination)["failed"]
        assert not other.repository("new/app").tags
        other.clear_faults()
        other.reset_requests()
        assert run(COPY, source=pushed, destination=destination)["changed"]
        assert not [one for one in other.writes() if "/blobs/" in one.path], "the blobs were there"
