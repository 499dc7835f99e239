# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""A folder that nobody else can write, held by its descriptor: whatever becomes of its name, it is this one that was
looked at, and this one that is read."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import typing as t

_PRIVATE_LEVELS = 2


@contextlib.contextmanager
def opened_folder(path: str, make: bool = False) -> t.Iterator[int]:
    """The folder `path`; with `make`, whatever of it is missing is made, for its user alone. Where its last two levels
    lie is for the user to say; they themselves are no links, and others cannot write there.

    Raises OSError.
    """
    names: list[str] = []
    for _dummy in range(_PRIVATE_LEVELS):
        path, name = os.path.split(path)
        names.insert(0, name)
    if make:
        _make(path)
    with contextlib.ExitStack() as stack:
        folder = _open(stack, path, os.O_DIRECTORY)
        for name in names:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=folder)
            folder = _open(stack, name, os.O_DIRECTORY | os.O_NOFOLLOW, folder)
            found = os.fstat(folder)
            # An execution environment may bring a filled folder, made by root.
            if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022:
                raise PermissionError(errno.EACCES, "others can write it", name)
        yield folder


def read_file(name: str, limit: int, folder: int | None = None) -> bytes:
    """At most `limit` bytes of a regular file, which in a `folder` is no link. Raises OSError."""
    with contextlib.ExitStack() as stack:
        flags = os.O_NONBLOCK if folder is None else os.O_NONBLOCK | os.O_NOFOLLOW
        file = _open_regular(stack, name, os.O_RDONLY | flags, folder)
        with open(file, "rb", closefd=False) as stream:
            return stream.read(limit)


def replace_file(name: str, data: bytes, folder: int) -> None:
    """All of it, or nothing. Raises OSError."""
    new = f"{name}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new, dir_fd=folder)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder), "wb") as stream:
        stream.write(data)
    os.replace(new, name, src_dir_fd=folder, dst_dir_fd=folder)


@contextlib.contextmanager
def locked_folder(folder: int) -> t.Iterator[None]:
    """For one process and thread at a time. Raises OSError."""
    with contextlib.ExitStack() as stack:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        fcntl.flock(_open_regular(stack, "lock", flags, folder), fcntl.LOCK_EX)
        yield


def _make(path: str) -> None:
    """Every missing level, none of them for others."""
    missing = []
    while not os.path.isdir(path) and path != os.path.dirname(path):
        missing.append(path)
        path = os.path.dirname(path)
    for one in reversed(missing):
        with contextlib.suppress(FileExistsError):
            os.mkdir(one, 0o700)


def _open_regular(stack: contextlib.ExitStack, name: str, flags: int, folder: int | None) -> int:
    file = _open(stack, name, flags, folder)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise OSError(errno.EINVAL, "not a regular file", name)
    return file


def _open(stack: contextlib.ExitStack, name: str, flags: int, folder: int | None = None) -> int:
    descriptor = os.open(name, flags | os.O_CLOEXEC, 0o600, dir_fd=folder)
    stack.callback(os.close, descriptor)
    return descriptor
