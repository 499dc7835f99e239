# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import stat
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import (
    MAX_MANIFEST_BYTES,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
    parse_manifest,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.archive import open_oci_archive
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.layout import OciLayout, open_oci_layout
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.place import Place
from tests.support import images
from tests.support.store import digest_of

Open = t.Callable[[], OciLayout]


def manifest_of(image: images.Image, digest: str | None = None) -> Manifest:
    found = image.manifests[digest or image.digest]
    return parse_manifest(found.body, found.media_type, digest or image.digest)


def descriptor_of(data: bytes, media_type: str = "application/octet-stream") -> Descriptor:
    return Descriptor(media_type, digest_of(data), len(data))


def put(place: Place, image: images.Image, tag: str | None) -> None:
    for data in image.blobs.values():
        place.put_blob(descriptor_of(data), lambda data=data: contextlib.nullcontext([data]))  # type: ignore[misc]
    for digest in image.manifests:
        place.put_manifest(manifest_of(image, digest), tag if digest == image.digest else None)


def refused(code: str, call: t.Callable[[], object]) -> str:
    with pytest.raises(Rejection) as caught:
        call()
    assert caught.value.code == code
    return caught.value.message


@pytest.fixture(params=["directory", "archive"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same, at first empty, place again and again."""
    if request.param == "directory":
        return lambda: open_oci_layout(str(tmp_path / "layout"))
    return lambda: open_oci_archive(str(tmp_path / "layout.tar"))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A layout with one image, named v1."""
    images.image().write_layout(tmp_path / "layout", "v1")
    return tmp_path / "layout"


def test_is_a_place(tmp_path: Path) -> None:
    place: Place = open_oci_layout(str(tmp_path))
    assert place.name == f"oci:{tmp_path}"


@pytest.mark.parametrize("image", [images.image(layers=3), images.multi_arch(), images.image(docker=True)])
def test_round_trip(reopen: Open, image: images.Image) -> None:
    with reopen() as place:
        assert place.get_manifest("v1") is None
        put(place, image, "v1")
        assert place.get_manifest("v1") == manifest_of(image)
    with reopen() as place:
        for reference in ("v1", image.digest, ""):
            assert place.get_manifest(reference) == manifest_of(image)
        assert place.get_manifest("v2") is None
        assert place.get_manifest(digest_of(b"none")) is None
        for digest in image.manifests:
            assert place.get_manifest(digest) == manifest_of(image, digest)
        for digest, data in image.blobs.items():
            assert place.has_blob(digest)
            assert place.get_blob(descriptor_of(data), len(data)) == data
            with place.open_blob(descriptor_of(data)) as chunks:
                assert b"".join(chunks) == data
        assert not place.has_blob(digest_of(b"none"))


def test_blobs_that_are_there_are_not_sent_again(reopen: Open) -> None:
    source_opened = []

    def source() -> contextlib.AbstractContextManager[list[bytes]]:
        source_opened.append(1)
        return contextlib.nullcontext([b"con", b"", b"tent"])

    with reopen() as place:
        assert place.put_blob(descriptor_of(b"content"), source) is True
        assert place.put_blob(descriptor_of(b"content"), source) is False
    with reopen() as place:
        assert place.put_blob(descriptor_of(b"content"), source, mount_from="elsewhere") is False
        assert place.get_blob(descriptor_of(b"content"), 7) == b"content"
    assert len(source_opened) == 1


@pytest.mark.parametrize(
    ("chunks", "code"),
    [([b"contenT"], "DIGEST_MISMATCH"), ([b"conten"], "SIZE_MISMATCH"), ([b"content", b"!"], "SIZE_MISMATCH")],
)
def test_nothing_wrong_is_kept(reopen: Open, chunks: list[bytes], code: str) -> None:
    place = reopen()
    refused(code, lambda: place.put_blob(descriptor_of(b"content"), lambda: contextlib.nullcontext(chunks)))
    assert not place.has_blob(digest_of(b"content"))
    place.close(commit=True)


def test_interrupted_source_leaves_nothing(tmp_path: Path) -> None:
    def chunks() -> t.Iterator[bytes]:
        yield b"con"
        raise Rejection("UNREACHABLE", "The registry went away.")

    place = open_oci_layout(str(tmp_path / "layout"))
    refused("UNREACHABLE", lambda: place.put_blob(descriptor_of(b"content"), lambda: contextlib.nullcontext(chunks())))
    assert [path.name for path in (tmp_path / "layout").rglob("*") if path.is_file()] == ["oci-layout"]


def test_sha512(reopen: Open) -> None:
    descriptor = Descriptor("application/octet-stream", digest_of(b"content", "sha512"), 7)
    with reopen() as place:
        assert place.put_blob(descriptor, lambda: contextlib.nullcontext([b"content"]))
    with reopen() as place:
        assert place.get_blob(descriptor, 7) == b"content"


# AT-01, AT-03: content that is not what its descriptor says


@pytest.mark.parametrize("whole", [True, False])
def test_wrong_bytes_are_refused_before_their_last_chunk(directory: Path, whole: bool) -> None:
    place = open_oci_layout(str(directory))
    data = bytes(3_000_000)
    descriptor = descriptor_of(data)
    path = directory / "blobs" / descriptor.digest.replace(":", "/")
    path.write_bytes(data[:-1] + b"x" if whole else data[:-1])
    received = 0

    def read() -> None:
        nonlocal received
        with place.open_blob(descriptor) as chunks:
            for chunk in chunks:
                received += len(chunk)

    refused("DIGEST_MISMATCH" if whole else "SIZE_MISMATCH", read)
    assert received < len(data) - 1


def test_changed_manifest_is_refused(directory: Path) -> None:
    image = images.image()
    path = directory / "blobs" / image.digest.replace(":", "/")
    path.write_bytes(
        path.read_bytes().replace(b"linux", b"LINUX").replace(b'"schemaVersion": 2', b'"schemaVersion":  2')
    )
    place = open_oci_layout(str(directory))
    refused("SIZE_MISMATCH", lambda: place.get_manifest("v1"))
    path.write_bytes(image.manifest.body.replace(b"config", b"c0nfig"))
    refused("DIGEST_MISMATCH", lambda: place.get_manifest("v1"))
    refused("DIGEST_MISMATCH", lambda: place.get_manifest(image.digest))


def test_limits(directory: Path) -> None:
    place = open_oci_layout(str(directory))
    data = next(iter(images.image().blobs.values()))
    refused("LIMIT_EXCEEDED", lambda: place.get_blob(descriptor_of(data), len(data) - 1))
    (directory / "index.json").write_bytes(b" " * (MAX_MANIFEST_BYTES + 1))
    refused("LIMIT_EXCEEDED", lambda: place.get_manifest("v1"))
    entry = images.image().descriptor
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] * 1001}
    (directory / "index.json").write_text(json.dumps(index))
    refused("LIMIT_EXCEEDED", lambda: place.get_manifest("v1"))


def test_missing_content_is_an_error_and_no_absence(directory: Path) -> None:
    image = images.image()
    place = open_oci_layout(str(directory))
    refused("UNREACHABLE", lambda: place.get_blob(descriptor_of(b"none"), 10))
    (directory / "blobs" / image.digest.replace(":", "/")).unlink()
    refused("UNREACHABLE", lambda: place.get_manifest("v1"))
    assert place.get_manifest(image.digest) is None


# Names


def test_which_image_without_a_name(tmp_path: Path) -> None:
    one, two = images.image("one"), images.image("two")
    place = open_oci_layout(str(tmp_path))
    assert place.get_manifest("") is None
    put(place, one, "v1")
    put(place, one, "latest")
    assert place.get_manifest("") == manifest_of(one)
    put(place, two, "v2")
    message = refused("MALFORMED", lambda: place.get_manifest(""))
    assert "latest, v1, v2" in message
    assert place.get_manifest("v2") == manifest_of(two)


def test_image_put_without_a_name(tmp_path: Path) -> None:
    one, two = images.image("one"), images.image("two")
    place = open_oci_layout(str(tmp_path))
    put(place, one, "")
    assert place.get_manifest("") == manifest_of(one)
    put(place, two, "")
    assert place.get_manifest("") == manifest_of(two)
    put(place, one, "v1")
    assert [e["digest"] for e in json.loads((tmp_path / "index.json").read_text())["manifests"]] == [
        two.digest,
        one.digest,
    ]


def test_one_name_for_two_images(directory: Path) -> None:
    index = json.loads((directory / "index.json").read_text())
    other = images.image("other")
    other.write_layout(directory, "v1")
    both = index["manifests"] + json.loads((directory / "index.json").read_text())["manifests"]
    (directory / "index.json").write_text(json.dumps({**index, "manifests": both}))
    refused("MALFORMED", lambda: open_oci_layout(str(directory)).get_manifest("v1"))


def test_children_and_referrers_that_are_listed_are_not_the_image(tmp_path: Path) -> None:
    image = images.multi_arch()
    attached = images.referrer(image, b"x", "application/x")
    image.write_layout(tmp_path)
    attached.write_layout(tmp_path)
    entries = [image.descriptor, attached.descriptor, *image.manifest.content["manifests"]]
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    (tmp_path / "index.json").write_text(json.dumps(index))
    assert open_oci_layout(str(tmp_path)).get_manifest("") == manifest_of(image)


def test_media_type_that_is_said_by_the_index_only(tmp_path: Path) -> None:
    bare = json.loads(images.image().manifest.body)
    del bare["mediaType"]
    body = json.dumps(bare).encode()
    manifest = parse_manifest(body, OCI_MANIFEST)
    place = open_oci_layout(str(tmp_path))
    place.put_manifest(manifest)
    assert place.get_manifest(manifest.digest) == manifest
    place.put_manifest(manifest, "v1")
    assert place.get_manifest("v1") == manifest


# Writing index.json


def test_others_entries_and_fields_stay(directory: Path) -> None:
    index = json.loads((directory / "index.json").read_text())
    index["annotations"] = {"theirs": "stay"}
    index["manifests"][0]["com.example.unknown"] = [1]
    (directory / "index.json").write_text(json.dumps(index))
    place = open_oci_layout(str(directory))
    put(place, images.image("two"), "v2")
    put(place, images.image("three"), "v2")
    found = json.loads((directory / "index.json").read_text())
    assert (found["annotations"], found["manifests"][0]) == (index["annotations"], index["manifests"][0])
    assert [e["digest"] for e in found["manifests"][1:]] == [images.image("three").digest]
    assert found["manifests"][1]["annotations"] == {
        "kind": "dev.cosignproject.cosign/image",
        "org.opencontainers.image.ref.name": "v2",
    }


def test_nothing_is_written_when_nothing_changes(reopen: Open, tmp_path: Path) -> None:
    with reopen() as place:
        put(place, images.image(), "v1")
    before = _state(tmp_path)
    with reopen() as place:
        put(place, images.image(), "v1")
        assert place.update_tag("v1", lambda found: found) == manifest_of(images.image())
        place.delete_manifest(digest_of(b"none"))
    assert _state(tmp_path) == before


def _state(folder: Path) -> dict[Path, tuple[int, int]]:
    found = {path: path.stat() for path in folder.rglob("*") if path.is_file()}
    return {path: (one.st_ino, one.st_mtime_ns) for path, one in found.items()}


def test_update_tag(reopen: Open) -> None:
    one, two = images.image("one"), images.image("two")
    seen: list[Manifest | None] = []

    def to(wanted: Manifest | None) -> t.Callable[[Manifest | None], Manifest | None]:
        def merge(found: Manifest | None) -> Manifest | None:
            seen.append(found)
            return wanted

        return merge

    with reopen() as place:
        assert place.update_tag("t", to(None)) is None
        assert place.update_tag("t", to(manifest_of(one))) == manifest_of(one)
        assert place.update_tag("t", to(manifest_of(two))) == manifest_of(two)
        place.put_manifest(manifest_of(two), "other")
    with reopen() as place:
        assert place.update_tag("t", to(None)) is None
        assert place.get_manifest("t") is None
        assert place.get_manifest(two.digest) is not None, "another name needs it"
        place.update_tag("other", to(None))
        assert place.get_manifest(two.digest) is None
    assert seen == [None, None, manifest_of(one), manifest_of(two), manifest_of(two)]


def test_delete(reopen: Open) -> None:
    image = images.image()
    with reopen() as place:
        put(place, image, "v1")
    with reopen() as place:
        place.delete_manifest(image.digest)
        assert place.get_manifest("v1") is None
    with reopen() as place:
        assert place.get_manifest(image.digest) is None
        assert place.get_manifest("") is None


def test_threads(reopen: Open) -> None:
    every = [images.image(f"image {number}") for number in range(20)]
    with reopen() as place, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda pair: put(place, pair[1], f"v{pair[0]}"), enumerate(every)))
    with reopen() as place:
        for number, image in enumerate(every):
            assert place.get_manifest(f"v{number}") == manifest_of(image)


def _add(directory: str, number: int) -> None:
    put(open_oci_layout(directory), images.image(f"image {number}"), f"v{number}")


def test_processes_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_add, args=(str(tmp_path / "layout"), number)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    place = open_oci_layout(str(tmp_path / "layout"))
    assert all(place.get_manifest(f"v{number}") for number in range(8))


# Referrers


def test_referrers(reopen: Open) -> None:
    subject = images.image()
    one = images.referrer(subject, b"one", "application/x.one", {"note": "first"})
    other = images.referrer(images.image("other"), b"two", "application/x.two")
    with reopen() as place:
        put(place, subject, "v1")
        for image in (one, other):
            put(place, image, None)
            place.add_referrer(manifest_of(image))
        place.add_referrer(manifest_of(one))
    with reopen() as place:
        found = place.referrers(subject.digest)
        assert found == [
            Descriptor(OCI_MANIFEST, one.digest, len(one.manifest.body), {"note": "first"}, "application/x.one")
        ]
        assert place.referrers(digest_of(b"none")) == []
        assert place.get_manifest("") == manifest_of(subject), "an attachment is not the image"
        place.remove_referrer(one.digest, subject.digest)
        place.remove_referrer(one.digest, subject.digest)
        assert place.referrers(subject.digest) == []
    with reopen() as place:
        assert place.referrers(subject.digest) == []
        assert len(place.referrers(images.image("other").digest)) == 1


def test_blobs_that_are_no_manifests_are_no_referrers(directory: Path) -> None:
    subject = images.image().digest
    place = open_oci_layout(str(directory))
    for data in (
        b'{"subject":[{"digest":{"sha256":"%s"}}]}' % subject[7:].encode(),
        b'{"subject":{"digest":7}}',
        b'{"subject":{}}',
        b'{"subject":{"digest":"%s"},"subject":null}' % subject.encode(),
        b'{"subject"',
        b'"subject"',
    ):
        place.put_blob(descriptor_of(data), lambda data=data: contextlib.nullcontext([data]))  # type: ignore[misc]
    assert place.referrers(subject) == []


def test_too_many_referrers(directory: Path) -> None:
    subject = images.image()
    for number in range(1001):
        body = images.referrer(subject, b"%d" % number, "application/x").manifest.body
        (directory / "blobs" / digest_of(body).replace(":", "/")).write_bytes(body)
    refused("LIMIT_EXCEEDED", lambda: open_oci_layout(str(directory)).referrers(subject.digest))


# Layouts of others and layouts that are none


@pytest.mark.parametrize("kind", ["referrers", "tagfallback"])
def test_layout_that_cosign_saved(vectors: Path, kind: str) -> None:
    folder = vectors / "cosign" / "golden" / f"{kind}-layout"
    place = open_oci_layout(str(folder))
    image = place.get_manifest("")
    assert image is not None
    entries = json.loads((folder / "index.json").read_text())["manifests"]
    assert image.digest == entries[0]["digest"]
    tag = image.digest.replace(":", "-")
    for suffix, entry in zip(("sig", "att"), entries[1:], strict=True):
        found = place.get_manifest(f"{tag}.{suffix}")
        assert found is not None
        assert found.digest == entry["digest"]
        for layer in found.layers:
            assert len(place.get_blob(layer, layer.size)) == layer.size
    assert place.get_manifest("sha256-" + "0" * 64 + ".sig") is None
    assert place.referrers(image.digest) == []


def test_referrers_that_cosign_saved_as_blobs_only(tmp_path: Path) -> None:
    image = images.image()
    bundle = images.referrer(image, b"bundle", "application/vnd.dev.sigstore.bundle.v0.3+json")
    bundle.write_layout(tmp_path)
    image.write_layout(tmp_path)
    place = open_oci_layout(str(tmp_path))
    assert [one.digest for one in place.referrers(image.digest)] == [bundle.digest]
    assert place.get_manifest(bundle.digest) == manifest_of(bundle)


def test_attachments_are_marked_for_cosign(tmp_path: Path) -> None:
    image, signature = images.image(), images.image("signature")
    tag = image.digest.replace(":", "-") + ".sig"
    place = open_oci_layout(str(tmp_path))
    put(place, image, "v1")
    put(place, signature, tag)
    kinds = [e["annotations"]["kind"] for e in json.loads((tmp_path / "index.json").read_text())["manifests"]]
    assert kinds == ["dev.cosignproject.cosign/image", "dev.cosignproject.cosign/sigs"]
    assert place.get_manifest(tag) == manifest_of(signature)
    assert place.get_manifest("") == manifest_of(image)


def test_signature_of_cosigns_layout_is_replaced(tmp_path: Path) -> None:
    image, old, new = images.image(), images.image("old"), images.image("new")
    for one in (image, old):
        one.write_layout(tmp_path)
    entries = [
        {**image.descriptor, "annotations": {"kind": "dev.cosignproject.cosign/image"}},
        {**old.descriptor, "annotations": {"kind": "dev.cosignproject.cosign/sigs"}},
    ]
    (tmp_path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
    place = open_oci_layout(str(tmp_path))
    tag = image.digest.replace(":", "-") + ".sig"
    put(place, new, None)
    assert place.update_tag(tag, lambda found: manifest_of(new)) == manifest_of(new)
    assert place.get_manifest(tag) == manifest_of(new)
    assert len(json.loads((tmp_path / "index.json").read_text())["manifests"]) == 2


@pytest.mark.parametrize(
    ("path", "content", "code"),
    [
        ("oci-layout", b'{"imageLayoutVersion":"2.0.0"}', "MALFORMED"),
        ("oci-layout", b"[]", "MALFORMED"),
        ("oci-layout", None, "MALFORMED"),
        ("index.json", b"{", "MALFORMED"),
        ("index.json", b"[]", "MALFORMED"),
        ("index.json", b'{"schemaVersion":2,"manifests":{}}', "MALFORMED"),
        ("index.json", b'{"schemaVersion":2,"manifests":[7]}', "MALFORMED"),
        ("index.json", b'{"schemaVersion":2,"manifests":[],"manifests":[]}', "DUPLICATE_KEY"),
        ("index.json", b'{"schemaVersion":2,"manifests":[],"layers":[]}', "AMBIGUOUS_MANIFEST"),
        ("index.json", b'{"schemaVersion":2,"mediaType":"text/plain","manifests":[]}', "MEDIA_TYPE"),
        (
            "index.json",
            b'{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"sha256:../../../etc/passwd","size":1}]}',
            "MALFORMED",
        ),
    ],
)
def test_what_is_no_layout(directory: Path, path: str, content: bytes | None, code: str) -> None:
    if content is None:
        (directory / path).unlink()
    else:
        (directory / path).write_bytes(content)
    before = sorted(directory.rglob("*"))
    place = open_oci_layout(str(directory))
    refused(code, lambda: place.get_manifest("v1"))
    refused(code, lambda: put(place, images.image("new"), "v2"))
    assert sorted(directory.rglob("*")) == before


def test_layout_that_was_begun_is_empty(tmp_path: Path) -> None:
    (tmp_path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    with open_oci_layout(str(tmp_path)) as place:
        assert place.get_manifest("") is None
        put(place, images.image(), "v1")


# Paths


@pytest.mark.parametrize("what", ["blob", "folder", "index.json"])
def test_links_out_of_the_layout_are_not_followed(directory: Path, tmp_path: Path, what: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    image = images.image()
    path = {
        "blob": directory / "blobs" / image.digest.replace(":", "/"),
        "folder": directory / "blobs" / "sha256",
        "index.json": directory / "index.json",
    }[what]
    path.rename(outside / path.name)
    path.symlink_to(outside / path.name)
    place = open_oci_layout(str(directory))
    before = sorted(outside.rglob("*"))
    refused("MALFORMED", lambda: place.get_manifest("v1"))
    if what == "folder":
        refused("MALFORMED", lambda: put(place, images.image("new"), "v2"))
    assert sorted(outside.rglob("*")) == before


def test_links_inside_and_to_the_layout_are(directory: Path, tmp_path: Path) -> None:
    blob = directory / "blobs" / images.image().digest.replace(":", "/")
    blob.rename(directory / "elsewhere")
    blob.symlink_to("../../elsewhere")
    (tmp_path / "link").symlink_to(directory)
    assert open_oci_layout(str(tmp_path / "link")).get_manifest("v1") == manifest_of(images.image())


def test_special_files(directory: Path) -> None:
    blob = directory / "blobs" / images.image().digest.replace(":", "/")
    blob.unlink()
    os.mkfifo(blob)
    refused("MALFORMED", lambda: open_oci_layout(str(directory)).get_manifest("v1"))


def test_path_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    place = open_oci_layout(str(tmp_path / "file"))
    assert place.get_manifest("v1") is None
    message = refused("UNREACHABLE", lambda: put(place, images.image(), "v1"))
    assert str(tmp_path / "file") in message


def test_modes_follow_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        put(open_oci_layout(str(tmp_path / "layout")), images.image(), "v1")
    finally:
        os.umask(old)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "layout").rglob("*") if path.is_file()}
    assert modes == {0o640}
