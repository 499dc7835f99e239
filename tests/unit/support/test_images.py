# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from tests.support import images
from tests.support.registry import EmbeddedRegistry
from tests.support.store import digest_of


@pytest.mark.parametrize("docker", [False, True])
def test_images_are_the_same_each_time(docker: bool) -> None:
    one = images.image("text", layers=2, docker=docker)
    assert one.digest == images.image("text", layers=2, docker=docker).digest
    assert one.digest != images.image("other", layers=2, docker=docker).digest
    assert all(digest_of(data) == digest for digest, data in one.blobs.items())
    described = {one.manifest.content["config"]["digest"], *(x["digest"] for x in one.manifest.content["layers"])}
    assert described == set(one.blobs)


def test_layout_has_everything(tmp_path: Path) -> None:
    one = images.multi_arch()
    one.write_layout(tmp_path, "v1", "v2")
    entries = json.loads((tmp_path / "index.json").read_text())["manifests"]
    assert [e["annotations"]["org.opencontainers.image.ref.name"] for e in entries] == ["v1", "v2"]
    assert {e["digest"] for e in entries} == {one.digest}
    for digest in (*one.manifests, *one.blobs):
        assert digest_of((tmp_path / "blobs" / digest.replace(":", "/")).read_bytes()) == digest
    one.write_oci_archive(tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar") as archive:
        assert len(archive.getnames()) == 2 + len(one.manifests) + len(one.blobs)


def test_docker_archives() -> None:
    one = images.image("text", layers=2, docker=True, compressed=False)
    for data, config in (
        (images.old_docker_archive((one, ["app:1"])), "{hex}.json"),
        (images.new_docker_archive(one, "app:1"), "blobs/sha256/{hex}"),
    ):
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            member = archive.extractfile("manifest.json")
            assert member is not None
            (entry,) = json.load(member)
            expected = one.manifest.content["config"]["digest"].partition(":")[2]
            assert (entry["Config"], entry["RepoTags"]) == (config.format(hex=expected), ["app:1"])
            layers = [archive.extractfile(path) for path in entry["Layers"]]
            assert [digest_of(x.read()) for x in layers if x] == [x["digest"] for x in one.manifest.content["layers"]]


def test_push_to() -> None:
    with EmbeddedRegistry() as registry:
        one = images.multi_arch()
        assert one.push_to(registry, "a", "v1") == one.digest
        repository = registry.repository("a")
        assert (repository.tags, set(repository.manifests)) == ({"v1": one.digest}, set(one.manifests))
        assert registry.requests == []


def test_one_member_differs_between_architectures() -> None:
    one = images.multi_arch()
    platforms = [m["platform"]["architecture"] for m in one.manifest.content["manifests"]]
    assert (platforms, len(one.manifests)) == (["amd64", "arm64"], 3)
