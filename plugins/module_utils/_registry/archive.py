# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import hashlib
from dataclasses import replace

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import (
    MAX_DESCRIPTORS,
    MAX_MANIFEST_BYTES,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
    digest_of,
    parse_manifest,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import (
    Fields,
    JsonObject,
    check_digest,
    go_json,
    parse_json,
    parse_object,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.files import (
    blob_path,
    read_chunks,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.layout import (
    IMAGE_KINDS,
    KIND,
    REF_NAME,
    OciLayout,
    is_attached,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.reference import HUB, parse_reference
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.tarfiles import Member, TarFiles

_IMAGE_NAME = "io.containerd.image.name"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_COMPRESSED = {b"\x1f\x8b": "+gzip", b"\x28\xb5": "+zstd"}


def open_oci_archive(path: str) -> OciLayout:
    """The place `oci-archive:FILE`: a tar of an OCI layout. Use it as a context manager; its end writes the archive."""
    return OciLayout(TarFiles(path), f"oci-archive:{path}")


class DockerArchive(OciLayout):
    """The place `docker-archive:FILE`, as `docker save` writes it. Use it as a context manager; its end writes it.

    Since Docker 25 the archive is an OCI layout too, and its manifests are taken as they are. Before, it had none: one
    is made, the same each time, as Docker 25 makes it: an OCI manifest, layers as they lie there. A reference is a
    digest, an image's name (REPOSITORY[:TAG], as `docker images` shows it or in full), or "" for the only image.
    """

    def __init__(self, path: str) -> None:
        files = TarFiles(path, allow_links=True)
        super().__init__(files, f"docker-archive:{path}")
        self._tar = files
        if self._tar.size("manifest.json") is None:
            return
        if self._tar.size("oci-layout") is None or self._tar.size("index.json") is None:
            try:
                self._tar.members = self._converted()
            except BaseException:
                self.close(commit=False)
                raise

    def close(self, commit: bool) -> None:
        try:
            if commit and self._tar.changed:
                self._write_catalogue()
        except BaseException:
            commit = False
            raise
        finally:
            super().close(commit)

    def put_manifest(self, manifest: Manifest, tag: str | None = None) -> None:
        if manifest.is_index and tag is not None:
            raise Rejection(
                "MEDIA_TYPE",
                f"{self.name} can hold single images only, not one for several platforms. "
                "Choose a platform, or write to oci-archive:FILE.",
            )
        super().put_manifest(manifest, tag)

    # Names

    def _is_called(self, entry: Descriptor, reference: str, entries: list[Descriptor]) -> bool:
        if super()._is_called(entry, reference, entries):
            return True
        wanted = _full_name(reference)
        if wanted is None:
            return False
        names = [entry.annotations.get(_IMAGE_NAME, ""), *self._catalogued(entry)]
        return wanted in filter(None, map(_full_name, names))

    def _catalogued(self, entry: Descriptor) -> list[str]:
        """The names that manifest.json has for the image."""
        manifest = self._manifest(entry.digest, entry)
        if manifest is None or manifest.is_index:
            return []
        config = blob_path(manifest.config.digest)
        return [name for one in self._catalogue() if one.text("Config") == config for name in _strings(one, "RepoTags")]

    def _annotations(self, manifest: Manifest, tag: str | None) -> dict[str, str]:
        notes = super()._annotations(manifest, tag)
        if not tag or notes.get(KIND) not in IMAGE_KINDS:
            return notes
        name = _full_name(tag)
        if name is None:
            raise Rejection("MALFORMED", f"{tag[:200]!r} is no name for {self.name}. Write {self.name}:REPOSITORY:TAG.")
        return {**notes, **_named(name)}

    # Reading what Docker wrote before 25

    def _catalogue(self) -> list[Fields]:
        data = self._read("manifest.json") or b"[]"
        found = parse_json(data, "manifest.json")
        if not isinstance(found, list) or len(found) > MAX_DESCRIPTORS:
            raise Rejection("MALFORMED", f"manifest.json in {self.name} is no list of up to {MAX_DESCRIPTORS} images.")
        return [Fields(one, f"manifest.json[{number}]") for number, one in enumerate(found)]

    def _converted(self) -> dict[str, Member]:
        """The members of the OCI layout that Docker 25 would have written in place of this archive."""
        members = {"oci-layout": _made(b'{"imageLayoutVersion":"1.0.0"}')}
        entries: list[JsonObject] = []
        for image in self._catalogue():
            manifest, blobs = self._convert(image)
            members.update(blobs)
            members[blob_path(manifest.digest)] = _made(manifest.data)
            names = filter(None, map(_full_name, _strings(image, "RepoTags")))
            notes = [{"annotations": _named(name)} for name in names]
            entries += [{**manifest.descriptor.as_json(), **one} for one in notes or [{}]]
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
        members["index.json"] = _made(go_json(index))
        return members

    def _convert(self, image: Fields) -> tuple[Manifest, dict[str, Member]]:
        config_name = image.text("Config")
        config_member = self._member(config_name)
        config = self._bytes(config_member, config_name)
        digest = digest_of(config)
        stem = config_name.rpartition("/")[2].partition(".")[0].rpartition(":")[2]
        if len(stem) == 64 and f"sha256:{stem}" != digest:
            raise Rejection(
                "DIGEST_MISMATCH", f"{config_name} in {self.name} has the digest {digest}. It was not used."
            )
        blobs = {blob_path(digest): config_member}
        layers = []
        rootfs = Fields(parse_object(config, "image configuration"), "config").object("rootfs")
        diff_ids, names = _strings(rootfs, "diff_ids"), _strings(image, "Layers")
        if len(names) != len(diff_ids) or len(names) > MAX_DESCRIPTORS:
            raise Rejection(
                "MALFORMED", f"{self.name} has {len(names)} layers where the configuration says {len(diff_ids)}."
            )
        for name, diff_id in zip(names, diff_ids):
            member = self._member(name)
            layer = self._layer(member, name, check_digest(diff_id, "diff_id"))
            layers.append(layer)
            blobs[blob_path(layer["digest"])] = member
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": digest, "size": len(config)},
            "layers": layers,
        }
        return parse_manifest(go_json(document), OCI_MANIFEST), blobs

    def _layer(self, member: Member, name: str, diff_id: str) -> JsonObject:
        """The digest of an uncompressed layer is its diff_id, checked when it is read; others are read for it now."""
        with self._tar.stream(member) as stream:
            suffix = _COMPRESSED.get(stream.read(2), "")
            if not suffix:
                return {"mediaType": _LAYER, "digest": diff_id, "size": member.size}
            stream.seek(0)
            hasher = hashlib.sha256()
            for chunk in read_chunks(stream, f"{name} in {self.name}"):
                hasher.update(chunk)
        return {"mediaType": _LAYER + suffix, "digest": f"sha256:{hasher.hexdigest()}", "size": member.size}

    def _member(self, name: str) -> Member:
        """A file by its name; a link, as docker writes for a layer that occurs twice, is followed once."""
        member = self._tar.members.get(self._tar.links.get(name, name))
        if member is None:
            raise Rejection("MALFORMED", f"{self.name} lacks {name[:200]!r}, which its manifest.json names.")
        return member

    def _bytes(self, member: Member, name: str) -> bytes:
        if member.size > MAX_MANIFEST_BYTES:
            raise Rejection("LIMIT_EXCEEDED", f"{name} in {self.name} is larger than {MAX_MANIFEST_BYTES} bytes.")
        with self._tar.stream(member) as stream:
            return b"".join(read_chunks(stream, f"{name} in {self.name}"))

    # Writing

    def _write_catalogue(self) -> None:
        """manifest.json and repositories, from which Docker's classic image store, podman and older versions load."""
        images: dict[str, JsonObject] = {}
        repositories: dict[str, dict[str, str]] = {}
        for entry in self._index().manifests:
            manifest = self._manifest(entry.digest, entry)
            if manifest is None or manifest.is_index or manifest.subject or is_attached(entry):
                continue
            image = images.setdefault(
                manifest.digest,
                {
                    "Config": blob_path(manifest.config.digest),
                    "RepoTags": None,
                    "Layers": [blob_path(layer.digest) for layer in manifest.layers],
                },
            )
            name = _full_name(entry.annotations.get(_IMAGE_NAME, ""))
            if name is not None:
                familiar = _familiar(name)
                image["RepoTags"] = [*(image["RepoTags"] or []), familiar]
                repository, _colon, tag = familiar.rpartition(":")
                top = manifest.layers[-1:] or [manifest.config]
                repositories.setdefault(repository, {})[tag] = top[0].digest.partition(":")[2]
        self._tar.write("manifest.json", [go_json(list(images.values()))])
        self._tar.write("repositories", [go_json(repositories)])


def _made(data: bytes) -> Member:
    return Member(0, len(data), data)


def _strings(fields: Fields, key: str) -> list[str]:
    """A list of strings that Go may write as null."""
    found = fields.found.get(key) or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Rejection("MALFORMED", f"{fields.path}.{key} is no list of strings.")
    return found


def _named(name: str) -> dict[str, str]:
    return {_IMAGE_NAME: name, REF_NAME: name.rpartition(":")[2]}


def _full_name(text: str) -> str | None:
    """REGISTRY/REPOSITORY:TAG as containerd writes it; None when the text names no image by tag."""
    try:
        reference = parse_reference(text)
    except Rejection:
        return None
    if reference.digest is not None:
        return None
    full = str(replace(reference.normalised, tag=reference.tag or "latest"))
    return full.replace(HUB, "docker.io", 1) if full.startswith(HUB) else full


def _familiar(name: str) -> str:
    """The same as `docker images` shows it."""
    for prefix in ("docker.io/library/", "docker.io/"):
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name
