# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_copy import TASK as COPY
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_sign import TASK as SIGN
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_verify import TASK as VERIFY
from tests.support import faults
from tests.support.registry import EmbeddedRegistry
from tests.support.store import OCI_INDEX, Manifest
from tests.support.tasks import Runner


def test_a_second_copy_changes_and_writes_nothing(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    options: dict[str, t.Any] = {"source": "oci:image", "destination": f"{registry.host}/acme/app:1.4"}
    registry.reset_requests()
    again = run(COPY, **options)
    assert (again["changed"], again["pinned"], again["blobs_sent"]) == (False, pushed, 0)
    assert registry.writes() == []


def test_F_19_check_mode_returns_the_digest_that_would_be_pushed(
    run: Runner, registry: EmbeddedRegistry, pushed: str
) -> None:
    registry.reset_requests()
    predicted = run(COPY, check=True, source="oci:image", destination=f"{registry.host}/new/app:1")
    assert registry.writes() == []
    real = run(COPY, source="oci:image", destination=f"{registry.host}/new/app:1")
    assert {key: predicted[key] for key in ("changed", "digest", "pinned", "diff")} == {
        key: real[key] for key in ("changed", "digest", "pinned", "diff")
    }


def test_signatures_come_along_in_both_formats(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    run(SIGN, image=pushed, key="ours.key", signature_format="both", recursive=True)
    mirror = f"{registry.host}/mirror/app:1.4"
    first = run(COPY, source=pushed, destination=mirror)
    assert first["changed"] and len(first["attached"]) == 6, first
    verified = run(VERIFY, image=mirror, key="ours.pub", signatures="all", recursive=True)
    assert {one["format"] for one in verified["signatures"]} == {"bundle", "legacy"}
    assert not run(COPY, source=pushed, destination=mirror)["changed"]
    # one more signature on each side: the copy adds, and takes nothing away
    run(SIGN, image=pushed, key="other.key", signature_format="legacy")
    run(SIGN, image=mirror, key="ours.key", signature_format="legacy", annotations={"at": "mirror"})
    added = run(COPY, source=pushed, destination=mirror)
    assert added["changed"] and len(added["attached"]) == 1
    assert run(VERIFY, image=mirror, key="other.pub")["verified"]
    assert run(VERIFY, image=mirror, key="ours.pub", annotations={"at": "mirror"})["verified"]


def test_an_index_in_an_index_comes_with_all_signatures(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    digest = pushed.split("@")[1]
    store = registry.repository("acme/app")
    descriptor = {"mediaType": OCI_INDEX, "digest": digest, "size": len(store.manifests[digest].body)}
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor]}).encode()
    outer = store.put_manifest(Manifest.parse(OCI_INDEX, body), "outer")
    run(SIGN, image=f"{registry.host}/acme/app@{outer}", key="ours.key", recursive=True)
    copied = run(COPY, source=f"{registry.host}/acme/app:outer", destination=f"{registry.host}/new/app:1")
    assert len(copied["attached"]) == 4, copied
    assert run(VERIFY, image=copied["pinned"], key="ours.pub", recursive=True)["verified"]


def test_a_destination_with_tag_and_digest_gets_the_tag(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    digest = pushed.split("@")[1]
    options: dict[str, t.Any] = {"source": pushed, "destination": f"{registry.host}/new/app:2@{digest}"}
    assert run(COPY, **options)["changed"]
    assert registry.repository("new/app").tags == {"2": digest}
    assert not run(COPY, **options)["changed"]


def test_what_a_layout_returns_can_be_asked_for(run: Runner, pushed: str) -> None:
    place = run(COPY, source=pushed, destination="oci:out:app")["pinned"]
    assert run(SIGN, image=place, key="ours.key")["changed"]
    assert run(VERIFY, image=place, key="ours.pub")["pinned"] == place


def test_a_tag_is_never_there_before_its_signatures(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    run(SIGN, image=pushed, key="ours.key", signature_format="both")
    registry.fault(("PUT", r"/new/app/manifests/sha256-.*\.sig$"), faults.status(403))
    result = run(COPY, source=pushed, destination=f"{registry.host}/new/app:1")
    assert result["failed"] and result["changed"] and "1" not in registry.repository("new/app").tags
    registry.clear_faults()
    assert run(COPY, source=pushed, destination=f"{registry.host}/new/app:1")["changed"]
    assert run(VERIFY, image=f"{registry.host}/new/app:1", key="ours.pub", signatures="all")["verified"]


def test_without_signatures(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    run(SIGN, image=pushed, key="ours.key")
    run(COPY, source=pushed, destination=f"{registry.host}/mirror/app:1", signatures=False)
    refused = run(VERIFY, image=f"{registry.host}/mirror/app:1", key="ours.pub")
    assert refused["rejection"]["code"] == "NO_SIGNATURE"


@pytest.mark.parametrize("place", ["oci:out:app", "oci-archive:out.tar:app"])
def test_there_and_back_keeps_digest_and_signatures(
    run: Runner, registry: EmbeddedRegistry, pushed: str, place: str
) -> None:
    run(SIGN, image=pushed, key="ours.key", recursive=True)
    out = run(COPY, source=pushed, destination=place)
    assert out["changed"] and out["digest"] == pushed.split("@")[1], out
    assert not run(COPY, source=pushed, destination=place)["changed"]
    back = run(COPY, source=place, destination=f"{registry.host}/back/app:1")
    assert back["digest"] == out["digest"]
    assert run(VERIFY, image=back["pinned"], key="ours.pub", recursive=True)["verified"]
    assert run(VERIFY, image=place, key="ours.pub")["verified"]


def test_one_platform_of_an_index(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    children = registry.repository("acme/app").manifests[pushed.split("@")[1]].content["manifests"]
    wanted = children[1]
    name = "/".join(wanted["platform"][key] for key in ("os", "architecture", "variant") if key in wanted["platform"])
    result = run(COPY, source=pushed, destination=f"{registry.host}/one/app:1", platform=name)
    assert result["digest"] == wanted["digest"]
    refused = run(COPY, source=pushed, destination=f"{registry.host}/one/app:2", platform="plan9/mips")
    assert refused["rejection"]["code"] == "UNREACHABLE" and name in refused["msg"]


def test_the_destination_must_not_name_another_digest(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    destination = f"{registry.host}/acme/other@sha256:" + "0" * 64
    assert run(COPY, source=pushed, destination=destination)["rejection"]["code"] == "DIGEST_MISMATCH"


def test_AT_01_a_registry_that_sends_other_bytes(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    registry.fault(("GET", r"/acme/app/blobs/"), faults.wrong_bytes)
    with EmbeddedRegistry() as other:
        result = run(COPY, source=pushed, destination=f"{other.host}/bad/app:1", registry_timeout=5)
        assert result["rejection"]["code"] == "DIGEST_MISMATCH", result
        assert not other.repository("bad/app").tags


def test_a_source_that_is_not_there(run: Runner, registry: EmbeddedRegistry, tmp_path: Path) -> None:
    for source in ("oci:none", "oci-archive:none.tar", "docker-archive:none.tar", f"{registry.host}/none/none:1"):
        result = run(COPY, source=source, destination=f"{registry.host}/a/b:1")
        assert result["failed"] and result["rejection"]["code"] in ("UNREACHABLE", "MALFORMED"), result


def test_signatures_are_not_left_behind_silently(run: Runner, pushed: str) -> None:
    result = run(COPY, source=pushed, destination="docker-archive:out.tar")
    assert result["rejection"]["code"] == "POLICY_UNSUPPORTED"


def test_credentials_of_the_destination_do_not_go_to_another_source(run: Runner, pushed: str) -> None:
    """I3: they were given for one registry; the source gets them only where it is the same one, or asks by name."""
    users: t.Any = {"ci": "canary-password"}
    with EmbeddedRegistry(auth="basic", users=users) as other:
        options: t.Any = {"registry_username": "ci", "registry_password": "canary-password"}
        result = run(COPY, source=pushed, destination=f"{other.host}/a/b:1", **options)
        assert result["changed"], result
        result = run(COPY, source=f"{other.host}/a/b:1", destination=f"{other.host}/c/d:1", **options)
        assert result["changed"], result
        own = {f"source_{name}": value for name, value in options.items()}
        assert run(COPY, source=f"{other.host}/a/b:1", destination="oci:x", **own)["changed"]


def test_credentials_stay_with_their_registry(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    with EmbeddedRegistry(auth="basic", users={"ci": "canary-password"}) as source:
        options: t.Any = {"registry_username": "ci", "registry_password": "canary-password"}
        result = run(COPY, source=f"{source.host}/a/b:1", destination=f"{registry.host}/c/d:1", **options)
        assert result["rejection"]["code"] == "AUTH_REFUSED"
        assert not [one for one in source.requests if "authorization" in {name.lower() for name in one.headers}]
