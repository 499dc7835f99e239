# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._services.private_folder import (
    locked_folder,
    opened_folder,
    read_file,
    replace_file,
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    with opened_folder(str(tmp_path / "a" / "b" / "c"), make=True) as folder, locked_folder(folder):
        replace_file("one", b"first", folder)
        replace_file("one", b"second", folder)
        assert read_file("one", 100, folder) == b"second" and read_file("one", 3, folder) == b"sec"
    assert sorted(os.listdir(tmp_path / "a" / "b" / "c")) == ["lock", "one"]


def test_a_folder_that_is_not_there_is_made_only_when_asked(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), opened_folder(str(tmp_path / "a" / "b")):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["/dev/zero", "/"])
def test_only_a_regular_file_is_read(path: str) -> None:
    with pytest.raises(OSError, match="not a regular file"):
        read_file(path, 10)


def test_a_link_is_no_lock(tmp_path: Path) -> None:
    with opened_folder(str(tmp_path / "a" / "b"), make=True) as folder:
        (tmp_path / "a" / "b" / "lock").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(OSError, match="symbolic links"), locked_folder(folder):
            pass
    assert not (tmp_path / "elsewhere").exists()


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for name in ("file", "nobody/x"):
        (tmp_path / "file").touch()
        wanted = NotADirectoryError if name == "file" else FileNotFoundError
        with pytest.raises(wanted), opened_folder(str(tmp_path / name / "x"), make=name == "file"):
            pass
    with pytest.raises(OSError, match="not a regular file"):
        read_file("/", 10)
    assert len(os.listdir("/proc/self/fd")) == before
