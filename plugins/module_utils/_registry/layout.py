# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import contextlib
import re
import threading
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import (
    MAX_DESCRIPTORS,
    MAX_MANIFEST_BYTES,
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
    go_json,
    parse_object,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.files import (
    Directory,
    Files,
    blob_digest,
    blob_path,
    checked,
    read_chunks,
    wrong_size,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.place import Chunks

REF_NAME = "org.opencontainers.image.ref.name"
KIND = "kind"
_COSIGN = "dev.cosignproject.cosign/"
_ATTACHED = re.compile(r"(sha256)-([0-9a-f]{64})(?:\.(sig|att|sbom))?\Z")
_KINDS = {"sig": _COSIGN + "sigs", "att": _COSIGN + "atts"}
IMAGE_KINDS = (_COSIGN + "image", _COSIGN + "imageIndex")
_EMPTY = b'{"schemaVersion":2,"mediaType":"%s","manifests":[]}' % OCI_INDEX.encode()


_Self = t.TypeVar("_Self", bound="OciLayout")


def is_attached(entry: Descriptor) -> bool:
    """Whether an entry of index.json says of itself that it belongs to another one."""
    named = _ATTACHED.match(entry.annotations.get(REF_NAME, ""))
    return named is not None or entry.annotations.get(KIND) in _KINDS.values()


def open_oci_layout(directory: str) -> OciLayout:
    """The place `oci:DIR`. A directory that is missing or empty is an empty layout; any other must be one."""
    return OciLayout(Directory(directory), f"oci:{directory}")


class OciLayout:
    """An OCI image layout (image-spec, image-layout.md) as a Place, also as `cosign save` writes it.

    A reference is a digest, a name (`org.opencontainers.image.ref.name`), or "" for the only image there. As a context
    manager it ends the work; an archive is written then, and only when no exception passes.
    """

    def __init__(self, files: Files, name: str) -> None:
        self.name = name
        self._files = files
        self._seen_lock = threading.Lock()
        self._seen: dict[str, tuple[str, Descriptor] | None] = {}
        self._prepared = False

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, kind: t.Any, *_exception: object) -> None:
        self.close(commit=kind is None)

    def close(self, commit: bool) -> None:
        """End the work; `commit` says whether what was put there shall stand (a directory has it already)."""
        self._files.close(commit)

    # Reading

    def get_manifest(self, reference: str) -> Manifest | None:
        entries = self._index().manifests
        if ":" in reference and blob_digest(blob_path(reference)):
            known = next((entry for entry in entries if entry.digest == reference), None)
            return self._manifest(reference, known)
        entry = self._find(entries, reference)
        if entry is None:
            return None
        found = self._manifest(entry.digest, entry)
        if found is None:
            raise Rejection(
                "UNREACHABLE",
                f"index.json of {self.name} lists {entry.digest}, which is not there. Copy the image anew.",
            )
        return found

    def get_blob(self, descriptor: Descriptor, limit: int) -> bytes:
        if descriptor.size > limit:
            raise Rejection(
                "LIMIT_EXCEEDED",
                f"{descriptor.digest} in {self.name} has {descriptor.size} bytes, more than the {limit} that are read.",
            )
        with self.open_blob(descriptor) as chunks:
            return b"".join(chunks)

    @contextlib.contextmanager
    def open_blob(self, descriptor: Descriptor) -> t.Iterator[Chunks]:
        path = blob_path(descriptor.digest)
        size = self._files.size(path)
        if size is None:
            raise Rejection("UNREACHABLE", f"{descriptor.digest} is not in {self.name}. Copy the image anew.")
        if size != descriptor.size:
            raise wrong_size(descriptor, str(size), self.name)
        with self._files.open(path) as stream:
            yield checked(read_chunks(stream, f"{path} in {self.name}"), descriptor, self.name)

    def has_blob(self, digest: str) -> bool:
        return self._files.size(blob_path(digest)) is not None

    def referrers(self, digest: str) -> list[Descriptor]:
        # cosign save leaves referrers as blobs that no index lists, so all blobs are looked at, each one once
        found = []
        for blob in filter(None, map(blob_digest, self._files.paths())):
            with self._seen_lock:
                known = blob in self._seen
            if not known:
                referrer = self._referrer(blob)
                with self._seen_lock:
                    self._seen[blob] = referrer
            pair = self._seen[blob]
            if pair and pair[0] == digest:
                found.append(pair[1])
        if len(found) > MAX_DESCRIPTORS:
            raise Rejection(
                "LIMIT_EXCEEDED",
                f"{self.name} holds {len(found)} referrers, more than the {MAX_DESCRIPTORS} that are read.",
            )
        return found

    # Writing

    def put_blob(
        self, descriptor: Descriptor, source: t.Callable[[], t.ContextManager[Chunks]], mount_from: str | None = None
    ) -> bool:
        path = blob_path(descriptor.digest)
        if self._files.size(path) == descriptor.size:
            return False
        self._prepare()
        with source() as chunks:
            self._files.write(path, checked(chunks, descriptor, "the source"))
        return True

    def put_manifest(self, manifest: Manifest, tag: str | None = None) -> None:
        """As Place says; the tag "" makes it the image without a name."""
        self._put_manifest_blob(manifest)
        if tag is not None:
            self._list(manifest, tag)

    def update_tag(self, tag: str, merge: t.Callable[[Manifest | None], Manifest | None]) -> Manifest | None:
        with self._files.locked():
            found = self.get_manifest(tag)
            wanted = merge(found)
            if wanted is not None and (found is None or wanted.digest != found.digest):
                self.put_manifest(wanted, tag)
            elif wanted is None and found is not None:
                self._untag(tag, found.digest)
            return wanted

    def add_referrer(self, manifest: Manifest) -> None:
        self._put_manifest_blob(manifest)
        self._list(manifest, None)

    def remove_referrer(self, digest: str, subject: str) -> None:
        self.delete_manifest(digest)

    def delete_manifest(self, digest: str) -> None:
        with self._files.locked():
            self._edit(lambda entries: [entry for entry in entries if entry["digest"] != digest])
            self._files.remove(blob_path(digest))

    # index.json

    def _index(self) -> Manifest:
        version = self._read("oci-layout")
        if version is None:
            if self._files.paths():
                raise Rejection(
                    "MALFORMED", f"{self.name} is not empty and has no oci-layout file: it is no OCI layout."
                )
            return parse_manifest(_EMPTY, OCI_INDEX)
        if parse_object(version, "oci-layout file").get("imageLayoutVersion") != "1.0.0":
            raise Rejection(
                "MALFORMED", f"{self.name} is no OCI layout of version 1.0.0, the only one that is read here."
            )
        index = parse_manifest(self._read("index.json") or _EMPTY, OCI_INDEX)
        dummy = index.manifests  # refuses entries that are none, before anything is written beside them
        return index

    def _find(self, entries: list[Descriptor], reference: str) -> Descriptor | None:
        found = [entry for entry in entries if self._is_called(entry, reference, entries)]
        if not reference and not found:
            found = self._images(entries)
        if len({entry.digest for entry in found}) > 1:
            names = ", ".join(sorted(entry.annotations.get(REF_NAME, entry.digest) for entry in found)[:20])
            raise Rejection("MALFORMED", f"{self.name} holds several images: {names}. Say which, as {self.name}:NAME.")
        return found[0] if found else None

    def _is_called(self, entry: Descriptor, reference: str, entries: list[Descriptor]) -> bool:
        name = entry.annotations.get(REF_NAME)
        if name is not None or not reference:
            return name is not None and name == reference
        # a layout of cosign: one image, and what is attached to it marked by its kind only
        match = _ATTACHED.match(reference)
        if match is None or match[3] not in _KINDS or entry.annotations.get(KIND) != _KINDS[match[3]]:
            return False
        images = {one.digest for one in entries if one.annotations.get(KIND) in IMAGE_KINDS}
        return images == {f"{match[1]}:{match[2]}"}

    def _images(self, entries: list[Descriptor]) -> list[Descriptor]:
        """The entries that can be meant when no name is given: no attachments; named ones before all others."""
        found = [entry for entry in entries if not is_attached(entry)]
        if len({entry.digest for entry in found}) > 1:
            found = [entry for entry in found if REF_NAME in entry.annotations] or self._roots(found)
        return found

    def _roots(self, entries: list[Descriptor]) -> list[Descriptor]:
        """oras lists everything it has: referrers and an index's children are not what is asked for."""
        manifests = {entry.digest: self._manifest(entry.digest, entry) for entry in entries}
        inner = {child.digest for one in manifests.values() if one and one.is_index for child in one.manifests}
        inner |= {digest for digest, one in manifests.items() if one and one.subject}
        return [entry for entry in entries if entry.digest not in inner]

    def _list(self, manifest: Manifest, tag: str | None) -> None:
        """Put the manifest into index.json: under its tag, or (None) as one that has no name, unless it is listed."""
        entry = {**manifest.descriptor.as_json(), "annotations": self._annotations(manifest, tag)}
        if not entry["annotations"]:
            del entry["annotations"]

        def edit(entries: list[JsonObject]) -> list[JsonObject]:
            if tag is None:
                return entries if any(one["digest"] == manifest.digest for one in entries) else [*entries, entry]
            return [*self._without(entries, tag), entry]

        self._edit(edit)

    def _annotations(self, manifest: Manifest, tag: str | None) -> dict[str, str]:
        """cosign's kinds beside the name, so that `cosign load` and `verify --local-image` find their way."""
        if tag is None:
            return {}
        match = _ATTACHED.match(tag)
        kind = _KINDS.get(match[3]) if match else IMAGE_KINDS[manifest.is_index]
        return {**({KIND: kind} if kind else {}), **({REF_NAME: tag} if tag else {})}

    def _without(self, entries: list[JsonObject], tag: str) -> list[JsonObject]:
        descriptors = self._index().manifests
        if not tag:  # the image without a name is the one of which an earlier put_manifest said so
            return [
                raw
                for raw, one in zip(entries, descriptors)
                if REF_NAME in one.annotations or one.annotations.get(KIND) not in IMAGE_KINDS
            ]
        return [raw for raw, one in zip(entries, descriptors) if not self._is_called(one, tag, descriptors)]

    def _untag(self, tag: str, digest: str) -> None:
        self._edit(lambda entries: self._without(entries, tag))
        if all(entry.digest != digest for entry in self._index().manifests):
            self._files.remove(blob_path(digest))

    def _edit(self, edit: t.Callable[[list[JsonObject]], list[JsonObject]]) -> None:
        with self._files.locked():
            document = self._index().document
            entries = edit(document["manifests"])
            if entries == document["manifests"]:
                return
            data = go_json({**document, "manifests": entries})
            if len(data) > MAX_MANIFEST_BYTES or len(entries) > MAX_DESCRIPTORS:
                raise Rejection("LIMIT_EXCEEDED", f"{self.name} holds too many images for one more. Use another one.")
            self._prepare()
            self._files.write("index.json", [data], durable=True)

    # Blobs

    def _manifest(self, digest: str, known: Descriptor | None) -> Manifest | None:
        """The manifest; `known` is what index.json says of it."""
        data = self._read(blob_path(digest))
        if data is None:
            return None
        if known is not None and known.size != len(data):
            raise wrong_size(known, str(len(data)), self.name)
        media_type = known.media_type if known else None
        if media_type is None and digest_of(data, digest.partition(":")[0]) == digest:
            # a child's media type stands in its index and may be missing in itself (image-spec: mediaType is optional)
            document = parse_object(data, "manifest")
            if "mediaType" not in document:
                media_type = OCI_INDEX if "manifests" in document else OCI_MANIFEST
        return parse_manifest(data, media_type, digest)

    def _referrer(self, digest: str) -> tuple[str, Descriptor] | None:
        """Subject and descriptor of a blob that is a manifest with a subject. Whoever reads it then checks it."""
        path = blob_path(digest)
        size = self._files.size(path)
        if size is None or size > MAX_MANIFEST_BYTES:
            return None
        with self._files.open(path) as stream:
            if stream.read(1) not in (b"{", b" ", b"\n", b"\r", b"\t"):
                return None
            stream.seek(0)
            data = b"".join(read_chunks(stream, path))
        if b'"subject"' not in data:
            return None
        try:
            fields = Fields(parse_object(data, "blob"), "blob")
            subject, config = fields.optional_object("subject"), fields.optional_object("config")
            if subject is None:
                return None
            artifact_type = fields.text("artifactType", "") or (config.text("mediaType", "") if config else "")
            media_type = fields.text("mediaType", OCI_MANIFEST)
            descriptor = Descriptor(media_type, digest, size, fields.texts("annotations"), artifact_type or None)
            return subject.text("digest"), descriptor
        except Rejection:
            return None  # not a manifest: any blob may hold the word

    def _put_manifest_blob(self, manifest: Manifest) -> None:
        self.put_blob(manifest.descriptor, lambda: contextlib.nullcontext([manifest.data]))

    def _prepare(self) -> None:
        if not self._prepared:
            with self._files.locked():
                self._index()
                if self._files.size("oci-layout") is None:
                    self._files.write("oci-layout", [b'{"imageLayoutVersion":"1.0.0"}'])
            self._prepared = True

    def _read(self, path: str) -> bytes | None:
        size = self._files.size(path)
        if size is None:
            return None
        if size > MAX_MANIFEST_BYTES:
            raise Rejection(
                "LIMIT_EXCEEDED", f"{path} in {self.name} is larger than {MAX_MANIFEST_BYTES} bytes and was not read."
            )
        with self._files.open(path) as stream:
            return b"".join(read_chunks(stream, f"{path} in {self.name}"))
