# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import tarfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import (
    OCI_CONFIG,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
    parse_manifest,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.archive import (
    DockerArchive,
    open_oci_archive,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.place import Place
from tests.support import images
from tests.support.images import tar
from tests.support.store import digest_of

LAYER = "application/vnd.oci.image.layer.v1.tar"


def plain(text: str = "hello", layers: int = 2) -> images.Image:
    """An image as docker's own store has it: uncompressed layers."""
    return images.image(text, layers=layers, compressed=False)


def manifest_of(image: images.Image) -> Manifest:
    return parse_manifest(image.manifest.body, image.manifest.media_type, image.digest)


def put(place: Place, image: images.Image, tag: str | None) -> None:
    for data in image.blobs.values():
        descriptor = Descriptor("application/octet-stream", digest_of(data), len(data))
        place.put_blob(descriptor, lambda data=data: contextlib.nullcontext([data]))  # type: ignore[misc]
    for digest, found in image.manifests.items():
        manifest = parse_manifest(found.body, found.media_type, digest)
        place.put_manifest(manifest, tag if digest == image.digest else None)


def check_content(place: Place, manifest: Manifest, image: images.Image) -> None:
    """Config and layers are there and right."""
    for descriptor in (manifest.config, *manifest.layers):
        assert place.get_blob(descriptor, descriptor.size) == image.blobs[descriptor.digest]


def refused(code: str, call: t.Callable[[], object]) -> str:
    with pytest.raises(Rejection) as caught:
        call()
    assert caught.value.code == code
    return caught.value.message


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "image.tar"


def catalogue(path: Path) -> list[dict[str, t.Any]]:
    with tarfile.open(path) as archive:
        return t.cast(
            "list[dict[str, t.Any]]", json.load(t.cast(io.BufferedReader, archive.extractfile("manifest.json")))
        )


# oci-archive


def test_oci_archive_of_others(path: Path) -> None:
    image = images.multi_arch()
    path.write_bytes(tar({f"./{name}": data for name, data in image.layout("v1").items()}))
    with open_oci_archive(str(path)) as place:
        assert place.name == f"oci-archive:{path}"
        found = place.get_manifest("v1")
        assert found == manifest_of(image)
        child = place.get_manifest(found.manifests[0].digest)
        assert child is not None
        check_content(place, child, image)


def test_oci_archive_is_whole_or_as_before(path: Path) -> None:
    with open_oci_archive(str(path)) as place:
        put(place, images.image("one"), "v1")
        assert not path.exists()
    before = path.read_bytes()

    def fail() -> None:
        with open_oci_archive(str(path)) as place:
            put(place, images.image("two"), "v2")
            raise Rejection("UNREACHABLE", "The registry went away.")

    refused("UNREACHABLE", fail)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["image.tar"]


def test_oci_archive_keeps_what_it_had(path: Path) -> None:
    images.image("one").write_oci_archive(path, "v1")
    path.chmod(0o604)
    with open_oci_archive(str(path)) as place:
        put(place, images.image("two"), "v2")
    with open_oci_archive(str(path)) as place:
        assert place.get_manifest("v1") == manifest_of(images.image("one"))
        assert place.get_manifest("v2") == manifest_of(images.image("two"))
    assert path.stat().st_mode & 0o777 == 0o604


def test_archives_are_the_same_each_time(tmp_path: Path) -> None:
    for number in (1, 2):
        with open_oci_archive(str(tmp_path / f"oci{number}")) as place:
            put(place, images.multi_arch(), "v1")
        with DockerArchive(str(tmp_path / f"docker{number}")) as archive:
            put(archive, images.image(), "app:1")
    assert (tmp_path / "oci1").read_bytes() == (tmp_path / "oci2").read_bytes()
    assert (tmp_path / "docker1").read_bytes() == (tmp_path / "docker2").read_bytes()


def test_archive_changed_by_somebody_else(path: Path) -> None:
    images.image("one").write_oci_archive(path, "v1")
    place = open_oci_archive(str(path))
    put(place, images.image("two"), "v2")
    images.image("three").write_oci_archive(path, "v3")
    refused("CONFLICT", lambda: place.close(commit=True))
    with open_oci_archive(str(path)) as place:
        assert place.get_manifest("v3") == manifest_of(images.image("three"))
    assert [one.name for one in path.parent.iterdir()] == ["image.tar"]


def test_archive_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("image.tar")
    with open_oci_archive(str(tmp_path / "link")) as place:
        put(place, images.image(), "v1")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "image.tar").is_file()


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    place = open_oci_archive(str(tmp_path / "none" / "image.tar"))
    message = refused("UNREACHABLE", lambda: put(place, images.image(), "v1"))
    assert "No such file or directory" in message


LAYOUT = images.image().layout("v1")


def with_type(kind: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("index.json")
        member.type, member.linkname = kind, "oci-layout"
        archive.addfile(member)
    return buffer.getvalue()


def with_pax_header(size: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "x" * size}
    ) as archive:
        archive.addfile(tarfile.TarInfo("index.json"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (tar({**LAYOUT, "/index.json": b""}), "MALFORMED"),
        (tar({**LAYOUT, "../index.json": b""}), "MALFORMED"),
        (tar({**LAYOUT, "blobs/../../x": b""}), "MALFORMED"),
        (tar({**LAYOUT, "./index.json": b"{}"}), "MALFORMED"),
        (tar(LAYOUT, {"blobs/sha256/link": "/etc/passwd"}), "MALFORMED"),
        (with_type(tarfile.LNKTYPE), "MALFORMED"),
        (with_type(tarfile.FIFOTYPE), "MALFORMED"),
        (with_type(tarfile.CHRTYPE), "MALFORMED"),
        (with_type(tarfile.GNUTYPE_SPARSE), "MALFORMED"),
        (with_pax_header(2_000_000), "LIMIT_EXCEEDED"),
        (tar({str(number): b"" for number in range(20_001)}), "LIMIT_EXCEEDED"),
        (gzip.compress(tar(LAYOUT)), "MALFORMED"),
        (b"not a tar" * 200, "MALFORMED"),
        (b"", "MALFORMED"),
        (tar({"layer": bytes(100_000)})[:50_000], "MALFORMED"),
        (tar(LAYOUT)[:700], "MALFORMED"),
    ],
    ids=[
        "absolute name",
        "name above",
        "name above in the middle",
        "name twice",
        "symbolic link",
        "hard link",
        "fifo",
        "device",
        "sparse",
        "huge header",
        "too many",
        "compressed",
        "no tar",
        "empty",
        "cut in a member",
        "cut in a header",
    ],
)
@pytest.mark.parametrize("kind", ["oci", "docker"])
def test_bad_archives(path: Path, data: bytes, code: str, kind: str) -> None:
    path.write_bytes(data)

    def look() -> None:
        with open_oci_archive(str(path)) if kind == "oci" else DockerArchive(str(path)) as place:
            place.get_manifest("v1")

    if kind == "docker" and b"/etc/passwd" in data:
        refused("MALFORMED", look)  # a docker-archive may hold links, but only to its own members
    else:
        refused(code, look)


@pytest.mark.parametrize("kind", [open_oci_archive, DockerArchive])
def test_path_that_is_no_file(tmp_path: Path, kind: t.Callable[[str], Place]) -> None:
    refused("MALFORMED", lambda: kind(str(tmp_path)))
    os.mkfifo(tmp_path / "fifo")
    refused("MALFORMED", lambda: kind(str(tmp_path / "fifo")))


def test_every_cut_and_flipped_byte_ends_in_a_rejection_or_the_truth(path: Path) -> None:
    image = plain(layers=1)
    data = images.old_docker_archive((image, ["app:1"]))
    digest = None
    for position in range(0, len(data), 97):
        for broken in (data[:position], data[:position] + bytes([data[position] ^ 0x41]) + data[position + 1 :]):
            path.write_bytes(broken)
            with contextlib.suppress(Rejection), DockerArchive(str(path)) as place:
                found = place.get_manifest("")
                if found is not None and {x.digest for x in (found.config, *found.layers)} == set(image.blobs):
                    check_content(place, found, image)
                    digest = found.digest
    assert digest is not None


# docker-archive as docker wrote it before 25


def test_old_docker_archive(path: Path) -> None:
    image = plain()
    path.write_bytes(images.old_docker_archive((image, ["app:1", "ghcr.io/acme/app:2"])))
    digests = set()
    for reference in ("", "app:1", "docker.io/library/app:1", "index.docker.io/library/app:1", "ghcr.io/acme/app:2"):
        with DockerArchive(str(path)) as place:
            assert place.name == f"docker-archive:{path}"
            found = place.get_manifest(reference)
            assert found is not None
            assert (found.media_type, found.config.media_type) == (OCI_MANIFEST, OCI_CONFIG)
            assert {layer.media_type for layer in found.layers} == {LAYER}
            assert [layer.digest for layer in found.layers] == [x["digest"] for x in image.manifest.content["layers"]]
            check_content(place, found, image)
            assert place.get_manifest(found.digest) == found
            digests.add(found.digest)
    assert len(digests) == 1
    with DockerArchive(str(path)) as place:
        for reference in ("app", "app:2", "other/app:1", "acme/app:2", f"app:1@{image.digest}"):
            assert place.get_manifest(reference) is None


def test_manifest_that_is_made_is_the_one_that_docker_25_makes(path: Path) -> None:
    image = plain(layers=1)
    path.write_bytes(images.old_docker_archive((image, ["app:1"])))
    with DockerArchive(str(path)) as place:
        found = place.get_manifest("")
    assert found is not None
    (config, layer) = (image.manifest.content["config"], image.manifest.content["layers"][0])
    assert found.data.decode() == (
        '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",'
        f'"config":{{"mediaType":"{OCI_CONFIG}","digest":"{config["digest"]}","size":{config["size"]}}},'
        f'"layers":[{{"mediaType":"{LAYER}","digest":"{layer["digest"]}","size":{layer["size"]}}}]}}'
    )


def test_several_images_in_one_archive(path: Path) -> None:
    one, two = plain("one"), plain("two")
    path.write_bytes(images.old_docker_archive((one, ["app:1"]), (two, ["app:2"])))
    with DockerArchive(str(path)) as place:
        message = refused("MALFORMED", lambda: place.get_manifest(""))
        assert "1, 2" in message
        found = place.get_manifest("app:2")
        assert found is not None
        check_content(place, found, two)


def test_layer_that_occurs_twice_is_a_link(path: Path) -> None:
    image = plain(layers=1)
    with tarfile.open(fileobj=io.BytesIO(images.old_docker_archive((image, ["app:1"])))) as archive:
        files = {m.name: t.cast(io.BufferedReader, archive.extractfile(m)).read() for m in archive}
    (entry,) = json.loads(files["manifest.json"])
    config = json.loads(files.pop(entry["Config"]))
    config["rootfs"]["diff_ids"] *= 2
    config_data = json.dumps(config).encode()
    entry["Config"] = digest_of(config_data).partition(":")[2] + ".json"
    entry["Layers"].append("second/layer.tar")
    files.update({entry["Config"]: config_data, "manifest.json": json.dumps([entry]).encode()})
    path.write_bytes(tar(files, {"second/layer.tar": f"../{entry['Layers'][0]}"}))
    with DockerArchive(str(path)) as place:
        found = place.get_manifest("app:1")
        assert found is not None
        assert found.layers[0] == found.layers[1]
        assert digest_of(place.get_blob(found.layers[1], 100_000)) == found.layers[1].digest


@pytest.mark.parametrize("target", ["../../etc/passwd", "/etc/passwd", "nowhere", "../second/layer.tar"])
def test_links_to_anything_else_are_refused(path: Path, target: str) -> None:
    entry = {"Config": "c.json", "RepoTags": None, "Layers": ["second/layer.tar"]}
    config = json.dumps({"rootfs": {"diff_ids": [digest_of(b"x")]}}).encode()
    files = {"c.json": config, "manifest.json": json.dumps([entry]).encode()}
    path.write_bytes(tar(files, {"second/layer.tar": target}))
    refused("MALFORMED", lambda: DockerArchive(str(path)))


def test_compressed_layers_are_taken_as_they_are(path: Path) -> None:
    image = images.image(layers=2)
    path.write_bytes(images.old_docker_archive((image, ["app:1"])))
    with DockerArchive(str(path)) as place:
        found = place.get_manifest("app:1")
        assert found is not None
        assert {layer.media_type for layer in found.layers} == {LAYER + "+gzip"}
        check_content(place, found, image)


def test_changed_layer_and_changed_config(path: Path) -> None:
    image = plain(layers=1)
    data = images.old_docker_archive((image, ["app:1"]))
    path.write_bytes(data.replace(b"hello 0", b"HELLO 0"))
    with DockerArchive(str(path)) as place:
        found = place.get_manifest("app:1")
        assert found is not None
        refused("DIGEST_MISMATCH", lambda: place.get_blob(found.layers[0], 100_000))
    path.write_bytes(data.replace(b'"Labels": {"text"', b'"Labels": {"TEXT"'))
    refused("DIGEST_MISMATCH", lambda: DockerArchive(str(path)))


CONFIG = json.dumps({"rootfs": {"diff_ids": []}}).encode()


@pytest.mark.parametrize(
    ("catalogue", "config", "code"),
    [
        (b"{", CONFIG, "MALFORMED"),
        (b"{}", CONFIG, "MALFORMED"),
        (b"[7]", CONFIG, "MALFORMED"),
        (b"[{}]", CONFIG, "MALFORMED"),
        (b'[{"Config":"none"}]', CONFIG, "MALFORMED"),
        (b'[{"Config":7}]', CONFIG, "MALFORMED"),
        (b'[{"Config":"c.json","Layers":[7]}]', CONFIG, "MALFORMED"),
        (b'[{"Config":"c.json","Layers":["c.json"]}]', CONFIG, "MALFORMED"),
        (b'[{"Config":"c.json","Layers":{}, "RepoTags":"app"}]', CONFIG, "MALFORMED"),
        (b'[{"Config":"c.json"}]', b"{}", "MALFORMED"),
        (b'[{"Config":"c.json"}]', b"no json", "MALFORMED"),
        (b'[{"Config":"c.json","Layers":["c.json"]}]', b'{"rootfs":{"diff_ids":["sha256:x"]}}', "MALFORMED"),
        (b'[{"Config":"c.json","Config":"c.json"}]', CONFIG, "DUPLICATE_KEY"),
        (b"[" + b'{"Config":"c.json"},' * 1000 + b'{"Config":"c.json"}]', CONFIG, "MALFORMED"),
        (b'[{"Config":"c.json"}]', b" " * 5_000_000, "LIMIT_EXCEEDED"),
    ],
)
def test_bad_catalogues(path: Path, catalogue: bytes, config: bytes, code: str) -> None:
    path.write_bytes(tar({"manifest.json": catalogue, "c.json": config}))
    refused(code, lambda: DockerArchive(str(path)))


def test_image_without_layers_and_names(path: Path) -> None:
    path.write_bytes(tar({"manifest.json": b'[{"Config":"c.json","RepoTags":null,"Layers":null}]', "c.json": CONFIG}))
    with DockerArchive(str(path)) as place:
        found = place.get_manifest("")
        assert found is not None
        assert found.layers == []


# docker-archive as docker writes it since 25


@pytest.mark.parametrize("image", [plain(), images.image(docker=True)])
def test_new_docker_archive_keeps_the_digest(path: Path, image: images.Image) -> None:
    path.write_bytes(images.new_docker_archive(image, "app:1", "acme/app:2"))
    with DockerArchive(str(path)) as place:
        for reference in ("", "app:1", "docker.io/library/app:1", image.digest):
            assert place.get_manifest(reference) == manifest_of(image)
        assert place.get_manifest("app:2") is None
        check_content(place, manifest_of(image), image)


def test_name_that_only_the_catalogue_knows(path: Path) -> None:
    image = plain()
    files = image.layout()
    config = "blobs/" + image.manifest.content["config"]["digest"].replace(":", "/")
    files["manifest.json"] = json.dumps([{"Config": config, "RepoTags": ["app:1"], "Layers": []}]).encode()
    path.write_bytes(tar(files))
    with DockerArchive(str(path)) as place:
        assert place.get_manifest("app:1") == manifest_of(image)
        assert place.get_manifest("app:2") is None


@pytest.mark.parametrize("image", [plain(), images.image(docker=True)])
def test_written_docker_archive(path: Path, image: images.Image) -> None:
    with DockerArchive(str(path)) as place:
        put(place, image, "app:1")
        put(place, image, "ghcr.io/acme/app")
        put(place, images.image("other"), "app:2")
    with DockerArchive(str(path)) as place:
        for reference in ("app:1", "docker.io/library/app:1", "ghcr.io/acme/app:latest", image.digest):
            assert place.get_manifest(reference) == manifest_of(image)
        check_content(place, manifest_of(image), image)
    first, second = catalogue(path)
    assert (first["RepoTags"], second["RepoTags"]) == (["app:1", "ghcr.io/acme/app:latest"], ["app:2"])
    with tarfile.open(path) as archive:
        members = {m.name: t.cast(io.BufferedReader, archive.extractfile(m)).read() for m in archive}
    assert members[first["Config"]] == image.blobs[image.manifest.content["config"]["digest"]]
    assert [digest_of(members[name]) for name in first["Layers"]] == [
        layer["digest"] for layer in image.manifest.content["layers"]
    ]
    names = [e["annotations"]["io.containerd.image.name"] for e in json.loads(members["index.json"])["manifests"]]
    assert names == ["docker.io/library/app:1", "ghcr.io/acme/app:latest", "docker.io/library/app:2"]
    assert set(json.loads(members["repositories"])) == {"app", "ghcr.io/acme/app"}


def test_written_docker_archive_reads_as_an_old_one(path: Path) -> None:
    image = plain()
    with DockerArchive(str(path)) as place:
        put(place, image, "app:1")
    with tarfile.open(path) as archive:
        members = {m.name: t.cast(io.BufferedReader, archive.extractfile(m)).read() for m in archive}
    del members["oci-layout"]
    path.write_bytes(tar(members))
    with DockerArchive(str(path)) as place:
        found = place.get_manifest("app:1")
        assert found is not None
        check_content(place, found, image)


def test_writing_to_an_old_archive_makes_it_a_new_one(path: Path) -> None:
    path.write_bytes(images.old_docker_archive((plain("one"), ["app:1"])))
    with DockerArchive(str(path)) as place:
        before = place.get_manifest("app:1")
        put(place, images.image("two"), "app:2")
    with DockerArchive(str(path)) as place:
        assert place.get_manifest("app:1") == before
        assert place.get_manifest("app:2") == manifest_of(images.image("two"))
    assert [one["RepoTags"] for one in catalogue(path)] == [["app:1"], ["app:2"]]
    with tarfile.open(path) as archive:
        assert not [name for name in archive.getnames() if name.endswith("layer.tar")]


def test_tag_moves_in_a_docker_archive(path: Path) -> None:
    for text in ("one", "two"):
        with DockerArchive(str(path)) as place:
            put(place, images.image(text), "docker.io/library/app:1" if text == "two" else "app:1")
    with DockerArchive(str(path)) as place:
        assert place.get_manifest("") == manifest_of(images.image("two"))
    assert [one["RepoTags"] for one in catalogue(path)] == [["app:1"]]


def test_docker_archive_holds_no_index_and_no_nameless_names(path: Path) -> None:
    with DockerArchive(str(path)) as place:
        message = refused("MEDIA_TYPE", lambda: put(place, images.multi_arch(), "app:1"))
        assert "oci-archive:" in message
        refused("MALFORMED", lambda: put(place, images.image(), "NOT A NAME"))
        refused("MALFORMED", lambda: put(place, images.image(), "app@" + digest_of(b"")))


def test_attachments_are_no_images_for_docker(path: Path) -> None:
    image, signature = images.image(), images.image("signature")
    attached = images.referrer(image, b"bundle", "application/x")
    tag = image.digest.replace(":", "-") + ".sig"
    with DockerArchive(str(path)) as place:
        put(place, image, "app:1")
        put(place, signature, tag)
        put(place, attached, None)
        place.add_referrer(manifest_of(attached))
    with DockerArchive(str(path)) as place:
        assert place.get_manifest(tag) == manifest_of(signature)
        assert place.get_manifest("") == manifest_of(image)
        assert [one.digest for one in place.referrers(image.digest)] == [attached.digest]
    assert [one["RepoTags"] for one in catalogue(path)] == [["app:1"]]
