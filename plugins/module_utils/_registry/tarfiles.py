# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import contextlib
import io
import os
import posixpath
import shutil
import stat
import tarfile
import tempfile
import threading
import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.files import (
    Directory,
    blob_digest,
    open_regular,
    replace_file,
    reported,
)

_MAX_MEMBERS = 20_000
_MAX_HEADER = 1 << 20


@dataclass(frozen=True)
class Member:
    """Where a file of the archive is: a slice of the tar, or bytes that we made."""

    offset: int
    size: int
    data: bytes | None = None


class TarFiles:
    """The files of a tar, which need not be there yet. Nothing is unpacked: members are read where they lie.

    What is written waits in a folder beside the archive; `close(commit=True)` writes a new archive and puts it in the
    old one's place. `members` may be replaced by the reader of another format. Links are kept in `links` (name → name
    of a member) when `allow_links`, else refused, as are names that lead elsewhere and names that occur twice.
    """

    def __init__(self, path: str, allow_links: bool = False) -> None:
        self.name = path
        self._path = os.path.realpath(path)
        self._lock = threading.RLock()
        self._written: Directory | None = None
        self.changed = False
        self.members: dict[str, Member] = {}
        self.links: dict[str, str] = {}
        self._old: t.BinaryIO | None = None
        self._before: tuple[int, int, int, int] | None = None
        if os.path.lexists(self._path):
            self._old = open_regular(self._path, path)
            self._before = _identity(os.fstat(self._old.fileno()))
            try:
                self._scan(self._old, allow_links)
            except BaseException:
                self._old.close()
                raise

    def size(self, path: str) -> int | None:
        written = self._written.size(path) if self._written else None
        if written is not None:
            return written
        member = self.members.get(path)
        return member.size if member else None

    def open(self, path: str) -> t.BinaryIO:
        if self._written and self._written.size(path) is not None:
            return self._written.open(path)
        return self.stream(self.members[path])

    def stream(self, member: Member) -> t.BinaryIO:
        """A member for reading."""
        if member.data is not None:
            return io.BytesIO(member.data)
        return t.cast(t.BinaryIO, _Slice(t.cast(t.BinaryIO, self._old), member))

    def paths(self) -> list[str]:
        written = [path for path in self._written.paths() if path != "blobs"] if self._written else []
        return sorted({*self.members, *written})

    def write(self, path: str, chunks: t.Iterable[bytes], durable: bool = False) -> None:
        with self._lock:
            if self._written is None:
                with reported(f"write beside {self.name}"):
                    folder, base = os.path.split(self._path)
                    self._written = Directory(tempfile.mkdtemp(prefix=f".{base}.", dir=folder))
            self.changed, written = True, self._written
        written.write(path, chunks)

    def remove(self, path: str) -> None:
        with self._lock:
            self.changed = self.members.pop(path, None) is not None or self.changed
            if self._written:
                self._written.remove(path)

    @contextlib.contextmanager
    def locked(self) -> t.Iterator[None]:
        with self._lock:
            yield

    def close(self, commit: bool) -> None:
        try:
            if commit and self.changed:
                self._refuse_lost_update()
                with reported(f"write {self.name}"):
                    replace_file(self._path, self._save, durable=True)
        finally:
            if self._written:
                shutil.rmtree(self._written.name, ignore_errors=True)
            if self._old:
                self._old.close()
            self._written, self._old, self.changed = None, None, False

    def _scan(self, stream: t.BinaryIO, allow_links: bool) -> None:
        end = os.fstat(stream.fileno()).st_size
        try:
            with tarfile.open(fileobj=t.cast(t.BinaryIO, _Bounded(stream, self.name)), mode="r:") as archive:
                for number, info in enumerate(archive):
                    if number >= _MAX_MEMBERS:
                        raise Rejection("LIMIT_EXCEEDED", f"{self.name} holds more than {_MAX_MEMBERS} files.")
                    self._add(info, end, allow_links)
        except (tarfile.TarError, ValueError, OverflowError, RecursionError, EOFError, OSError):
            raise Rejection(
                "MALFORMED",
                f"{self.name} is no whole, uncompressed tar archive. Unpack a compressed one first (gunzip).",
            ) from None

    def _add(self, info: tarfile.TarInfo, end: int, allow_links: bool) -> None:
        name = self._safe(info.name)
        if info.isdir():
            return
        if name in self.members or name in self.links:
            raise Rejection(
                "MALFORMED", f"{self.name} holds {name[:200]!r} twice, so two readers may read it differently."
            )
        if info.issym() and allow_links:
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), info.linkname))
            self.links[name] = self._safe(target)
        elif info.isreg() and not info.issparse():
            if info.size < 0 or info.offset_data + info.size > end:
                raise Rejection("MALFORMED", f"{self.name} ends within {name[:200]!r}. Make or copy the archive anew.")
            self.members[name] = Member(info.offset_data, info.size)
        else:
            raise Rejection("MALFORMED", f"{self.name} holds {name[:200]!r}, which is a link or no regular file.")

    def _safe(self, name: str) -> str:
        parts = name.split("/")
        if name.startswith("/") or ".." in parts:
            raise Rejection("MALFORMED", f"{self.name} holds {name[:200]!r}, a name that leads out of the archive.")
        return "/".join(part for part in parts if part not in ("", "."))

    def _refuse_lost_update(self) -> None:
        """Another writer may have replaced the archive since it was read."""
        with reported(f"read {self.name}"):
            now = _identity(os.stat(self._path)) if os.path.lexists(self._path) else None
        if now != self._before:
            raise Rejection("CONFLICT", f"{self.name} was changed by somebody else meanwhile. Run again.")

    def _save(self, stream: t.BinaryIO) -> None:
        if self._old:
            os.chmod(stream.fileno(), stat.S_IMODE(os.fstat(self._old.fileno()).st_mode))
        # blobs last: whoever reads the archive as a stream learns first what they are
        order = sorted(self.paths(), key=lambda path: (blob_digest(path) is not None, path))
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path in order:
                info = tarfile.TarInfo(path)
                info.size = self.size(path) or 0
                with self.open(path) as source:
                    archive.addfile(info, source)


def _identity(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class _Bounded:
    """What tarfile reads headers from: it would read an extended header whole, whatever size that claims."""

    def __init__(self, stream: t.BinaryIO, name: str) -> None:
        self._stream = stream
        self._name = name
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int) -> bytes:
        if size > _MAX_HEADER:
            raise Rejection("LIMIT_EXCEEDED", f"{self._name} has a header of {size} bytes; {_MAX_HEADER} are read.")
        return self._stream.read(size)


class _Slice(io.RawIOBase):
    """A member as a stream of its own, so that several can be read at once."""

    def __init__(self, stream: t.BinaryIO, member: Member) -> None:
        self._descriptor = stream.fileno()
        self._start, self._position, self._end = member.offset, member.offset, member.offset + member.size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: self._start, io.SEEK_CUR: self._position, io.SEEK_END: self._end}[whence]
        self._position = min(max(self._start, base + offset), self._end)
        return self._position - self._start

    def readinto(self, buffer: t.Any) -> int:
        data = os.pread(self._descriptor, min(len(buffer), self._end - self._position), self._position)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
