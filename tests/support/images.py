# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small images, the same bytes on every run, and the ways in which images are kept in files.

As a program it writes an OCI layout for the demo: ``python -m tests.support.images DIR``.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import tarfile
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.store import OCI_INDEX, OCI_MANIFEST, Manifest, digest_of

if t.TYPE_CHECKING:
    from tests.support.registry import EmbeddedRegistry

OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"

Json = dict[str, t.Any]


@dataclass
class Image:
    """An image or index with all that it needs; ``digest`` names its own manifest, the others are its children."""

    digest: str
    manifests: dict[str, Manifest]
    blobs: dict[str, bytes] = field(default_factory=dict)

    @property
    def manifest(self) -> Manifest:
        """Its own manifest."""
        return self.manifests[self.digest]

    @property
    def descriptor(self) -> Json:
        """What an index.json or an index says of it."""
        own = self.manifest
        return {"mediaType": own.media_type, "size": len(own.body), "digest": self.digest}

    def push_to(self, registry: EmbeddedRegistry, name: str, *tags: str) -> str:
        """Put it straight into the registry's store; returns the digest."""
        for data in self.blobs.values():
            registry.put_blob(name, data)
        for digest, manifest in self.manifests.items():
            registry.put_manifest(name, digest, manifest.body, manifest.media_type)
        for tag in tags:
            registry.put_manifest(name, tag, self.manifest.body, self.manifest.media_type)
        return self.digest

    def layout(self, *names: str, annotations: dict[str, str] | None = None) -> dict[str, bytes]:
        """The files of an OCI layout: one entry in index.json for each name, or one without a name."""
        entries = []
        for name in names or (None,):
            notes = {**(annotations or {}), **({"org.opencontainers.image.ref.name": name} if name else {})}
            entries.append({**self.descriptor, **({"annotations": notes} if notes else {})})
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
        files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": json.dumps(index).encode()}
        content = {**self.blobs, **{digest: manifest.body for digest, manifest in self.manifests.items()}}
        return {**files, **{f"blobs/{digest.replace(':', '/')}": data for digest, data in content.items()}}

    def write_layout(self, directory: Path, *names: str) -> None:
        """Write an OCI layout directory."""
        for path, data in self.layout(*names).items():
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)

    def write_oci_archive(self, path: Path, *names: str) -> None:
        """Write the layout as a tar."""
        path.write_bytes(tar(self.layout(*names)))


def image(
    text: str = "hello",
    *,
    layers: int = 1,
    architecture: str = "amd64",
    docker: bool = False,
    compressed: bool = True,
    padding: int = 0,
) -> Image:
    """An image whose layers each hold one file with this text; ``padding`` adds incompressible bytes to each layer."""
    layer_type = DOCKER_LAYER if docker else OCI_LAYER
    if compressed:
        layer_type += ".gzip" if docker else "+gzip"
    tars = [tar({f"file-{number}": f"{text} {number}\n".encode() + _noise(padding)}) for number in range(layers)]
    packed = [gzip.compress(data, mtime=0) if compressed else data for data in tars]
    config = {
        "architecture": architecture,
        "os": "linux",
        "created": "2026-01-01T00:00:00Z",
        "config": {"Cmd": ["/file-0"], "Labels": {"text": text}},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(data) for data in tars]},
        "history": [{"created": "2026-01-01T00:00:00Z", "created_by": f"layer {n}"} for n in range(layers)],
    }
    config_data = json.dumps(config).encode()
    return _assembled(
        DOCKER_MANIFEST if docker else OCI_MANIFEST,
        _described(DOCKER_CONFIG if docker else OCI_CONFIG, config_data),
        [_described(layer_type, data) for data in packed],
        [config_data, *packed],
    )


def index(*images: Image, docker: bool = False) -> Image:
    """An index of these images."""
    media_type = DOCKER_LIST if docker else OCI_INDEX
    entries = [{**one.descriptor, "platform": _platform(one)} for one in images]
    body = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}).encode()
    manifests = {digest: manifest for one in images for digest, manifest in one.manifests.items()}
    manifests[digest_of(body)] = Manifest.parse(media_type, body)
    return Image(digest_of(body), manifests, {d: data for one in images for d, data in one.blobs.items()})


def multi_arch(text: str = "hello") -> Image:
    """An index of an amd64 and an arm64 image."""
    return index(image(text), image(text, architecture="arm64"))


def referrer(subject: Image, payload: bytes, artifact_type: str, annotations: dict[str, str] | None = None) -> Image:
    """An artifact that refers to the subject and holds the payload as its only layer."""
    empty = b"{}"
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": _described("application/vnd.oci.empty.v1+json", empty),
        "layers": [_described(artifact_type, payload)],
        "subject": subject.descriptor,
        **({"annotations": annotations} if annotations else {}),
    }
    body = json.dumps(manifest).encode()
    return Image(
        digest_of(body),
        {digest_of(body): Manifest.parse(OCI_MANIFEST, body)},
        {digest_of(data): data for data in (empty, payload)},
    )


def old_docker_archive(*tagged: tuple[Image, t.Sequence[str]]) -> bytes:
    """What ``docker save`` wrote before Docker 25 of uncompressed images: (image, its REPO:TAG names) each."""
    files: dict[str, bytes] = {}
    repositories: dict[str, dict[str, str]] = {}
    entries = []
    for one, names in tagged:
        content = one.manifest.content
        layers = []
        for layer in content["layers"]:
            folder = hashlib.sha256(f"v1 {layer['digest']}".encode()).hexdigest()
            files[f"{folder}/VERSION"] = b"1.0"
            files[f"{folder}/json"] = json.dumps({"id": folder}).encode()
            files[f"{folder}/layer.tar"] = one.blobs[layer["digest"]]
            layers.append(f"{folder}/layer.tar")
        config = f"{content['config']['digest'].partition(':')[2]}.json"
        files[config] = one.blobs[content["config"]["digest"]]
        entries.append({"Config": config, "RepoTags": list(names), "Layers": layers})
        for name in names:
            repository, _colon, tag = name.rpartition(":")
            repositories.setdefault(repository, {})[tag] = layers[-1].partition("/")[0]
    files["manifest.json"] = json.dumps(entries).encode()
    files["repositories"] = json.dumps(repositories).encode()
    return tar(files)


def new_docker_archive(one: Image, *names: str) -> bytes:
    """What ``docker save`` writes since Docker 25: an OCI layout that also has a manifest.json. Names: REPO:TAG."""
    content = one.manifest.content
    files = one.layout()
    entries = []
    for name in names:
        notes = {
            "io.containerd.image.name": f"docker.io/library/{name}",
            "org.opencontainers.image.ref.name": name.rpartition(":")[2],
        }
        entries.append({**one.descriptor, "annotations": notes})
    files["index.json"] = json.dumps(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries or [one.descriptor]}
    ).encode()
    paths = [_blob_path(layer) for layer in content["layers"]]
    entry: Json = {"Config": _blob_path(content["config"]), "RepoTags": list(names) or None, "Layers": paths}
    entry["LayerSources"] = {layer["digest"]: layer for layer in content["layers"]}
    files["manifest.json"] = json.dumps([entry]).encode()
    return tar(files)


def tar(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """A tar of these files, and symbolic links (name → target), without times and owners."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return buffer.getvalue()


def _assembled(media_type: str, config: Json, layers: list[Json], blobs: list[bytes]) -> Image:
    manifest = {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers}
    body = json.dumps(manifest).encode()
    digest = digest_of(body)
    return Image(digest, {digest: Manifest.parse(media_type, body)}, {digest_of(data): data for data in blobs})


def _described(media_type: str, data: bytes) -> Json:
    return {"mediaType": media_type, "size": len(data), "digest": digest_of(data)}


def _platform(one: Image) -> Json:
    config = json.loads(one.blobs[one.manifest.content["config"]["digest"]])
    return {"architecture": config["architecture"], "os": config["os"]}


def _blob_path(descriptor: Json) -> str:
    return f"blobs/{descriptor['digest'].replace(':', '/')}"


def _noise(size: int) -> bytes:
    return hashlib.shake_128(b"noise").digest(size)


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.images", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--text", default="hello", help="what the image's file says")
    parser.add_argument("--name", action="append", default=[], help="a name in index.json")
    parser.add_argument("--multi-arch", action="store_true")
    arguments = parser.parse_args()
    one = multi_arch(arguments.text) if arguments.multi_arch else image(arguments.text)
    one.write_layout(arguments.directory, *arguments.name)
    print(one.digest)


if __name__ == "__main__":
    _main()
