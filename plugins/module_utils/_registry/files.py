# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import secrets
import stat
import threading
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import Descriptor
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

CHUNK = 1 << 20
_BLOB = re.compile(r"blobs/(sha256/[0-9a-f]{64}|sha512/[0-9a-f]{128})\Z")


class Files(t.Protocol):
    """The files of an OCI layout, by paths relative to it with "/" between their parts."""

    name: str
    """For messages."""

    def size(self, path: str) -> int | None:
        """Size in bytes; None when there is no such file."""

    def open(self, path: str) -> t.BinaryIO:
        """The file for reading; it is there."""

    def paths(self) -> list[str]:
        """All files that belong to the layout."""

    def write(self, path: str, chunks: t.Iterable[bytes], durable: bool = False) -> None:
        """Put a file there, whole or not at all (an exception out of `chunks` leaves nothing). Makes folders."""

    def remove(self, path: str) -> None:
        """Remove the file, if it is there."""

    def locked(self) -> t.ContextManager[None]:
        """Keep others from changing what is read and then written; may be entered again by the same thread."""

    def close(self, commit: bool) -> None:
        """End the work; what was written stands when `commit`."""


def blob_path(digest: str) -> str:
    """Where a layout keeps a blob (image-spec, image-layout.md, "Blobs"). The digest was validated."""
    return "blobs/" + digest.replace(":", "/")


def blob_digest(path: str) -> str | None:
    """The digest of which this is the blob's path; None for all other files."""
    match = _BLOB.match(path)
    return match[1].replace("/", ":") if match else None


def checked(chunks: t.Iterable[bytes], descriptor: Descriptor, where: str) -> t.Iterator[bytes]:
    """Pass the chunks on, the last one only after size and digest were right: SIZE_MISMATCH, DIGEST_MISMATCH."""
    hasher = hashlib.new(descriptor.digest.partition(":")[0])
    size, held = 0, b""
    for chunk in filter(None, chunks):
        size += len(chunk)
        if size > descriptor.size:
            break
        hasher.update(chunk)
        if held:
            yield held
        held = chunk
    if size != descriptor.size:
        raise wrong_size(descriptor, "more" if size > descriptor.size else str(size), where)
    if hasher.hexdigest() != descriptor.digest.partition(":")[2]:
        raise Rejection(
            "DIGEST_MISMATCH",
            f"The content of {descriptor.digest} in {where} has another digest. It was not used; get it anew.",
        )
    if held:
        yield held


def wrong_size(descriptor: Descriptor, found: str, where: str) -> Rejection:
    return Rejection(
        "SIZE_MISMATCH",
        f"{descriptor.digest} in {where} has {found} bytes where {descriptor.size} are announced. "
        "It was not used; get it anew.",
    )


@contextlib.contextmanager
def reported(what: str) -> t.Iterator[None]:
    """Turn what the operating system says into a rejection."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Rejection(
            "UNREACHABLE", f"Could not {what}: {reason}. Check the path, its permissions and the disk."
        ) from None


def read_chunks(stream: t.BinaryIO, what: str) -> t.Iterator[bytes]:
    """The rest of the stream in chunks."""
    while True:
        with reported(f"read {what}"):
            chunk = stream.read(CHUNK)
        if not chunk:
            return
        yield chunk


def open_regular(path: str, what: str) -> t.BinaryIO:
    """Open a regular file for reading; a FIFO or device is refused instead of waited for."""
    with reported(f"read {what}"):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Rejection("MALFORMED", f"{what} is no regular file. Give the path of a file.")
    return os.fdopen(descriptor, "rb")


class Directory:
    """Files in a directory, which need not be there yet. No symbolic link inside may lead out of it."""

    def __init__(self, root: str) -> None:
        self.name = root
        self._root = os.path.realpath(root)
        self._lock = threading.RLock()
        self._locks = 0

    def size(self, path: str) -> int | None:
        with reported(f"read {path} in {self.name}"):
            try:
                found = os.stat(self._inside(path))
            except (FileNotFoundError, NotADirectoryError):
                return None
        if not stat.S_ISREG(found.st_mode):
            raise Rejection("MALFORMED", f"{path} in {self.name} is no regular file, so {self.name} is no OCI layout.")
        return found.st_size

    def open(self, path: str) -> t.BinaryIO:
        return open_regular(self._inside(path), f"{path} in {self.name}")

    def paths(self) -> list[str]:
        found = self._list("")
        return found + [
            f"{folder}/{name}" for folder in ("blobs/sha256", "blobs/sha512") for name in self._list(folder)
        ]

    def write(self, path: str, chunks: t.Iterable[bytes], durable: bool = False) -> None:
        with reported(f"write {path} in {self.name}"):
            folder = self._inside(os.path.dirname(path))
            os.makedirs(folder, exist_ok=True)
            target = os.path.join(folder, os.path.basename(path))
            replace_file(target, lambda stream: stream.writelines(chunks), durable)

    def remove(self, path: str) -> None:
        with reported(f"remove {path} in {self.name}"), contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self._inside(os.path.dirname(path)), os.path.basename(path)))

    @contextlib.contextmanager
    def locked(self) -> t.Iterator[None]:
        with self._lock:
            self._locks += 1
            try:
                with self._locked_for_processes() if self._locks == 1 else contextlib.nullcontext():
                    yield
            finally:
                self._locks -= 1

    def close(self, commit: bool) -> None:
        pass

    @contextlib.contextmanager
    def _locked_for_processes(self) -> t.Iterator[None]:
        with reported(f"open {self.name}"):
            os.makedirs(self._root, exist_ok=True)
            folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # some network file systems cannot lock a directory; there, as with every other tool, one writer at a time
            with contextlib.suppress(OSError):
                fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _list(self, folder: str) -> list[str]:
        with reported(f"list {self.name}"):
            try:
                return sorted(os.listdir(self._inside(folder)))
            except (FileNotFoundError, NotADirectoryError):
                return []

    def _inside(self, path: str) -> str:
        real = os.path.realpath(os.path.join(self._root, path))
        if os.path.commonpath([self._root, real]) != self._root:
            raise Rejection(
                "MALFORMED", f"{path} in {self.name} is a symbolic link that leads out of it. Put a file in its place."
            )
        return real


def replace_file(target: str, write: t.Callable[[t.BinaryIO], object], durable: bool) -> None:
    """Write a file beside the target and rename it there, so that readers see the old one or the new one whole."""
    temporary = os.path.join(os.path.dirname(target), f".{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as stream:
            write(stream)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if durable:
        _sync_folder(os.path.dirname(target))


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot sync folders keeps the order of renames itself
            raise
    finally:
        os.close(descriptor)
