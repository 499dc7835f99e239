# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the real Python interpreters of this machine.

ansible-test makes virtual environments from what it finds on PATH and cannot do so from the shims of a version manager.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# What a machine can be asked for: the controller's floor first, then up to what released ansible-core versions support.
CONTROLLER = ("3.14", "3.13", "3.12", "3.11")
TARGET = (*CONTROLLER, "3.10", "3.9")

_PROBE = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2]); print(sys.executable)"


def _output(*command: str) -> list[str]:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.splitlines()


def _candidates(version: str) -> list[Path]:
    """Return the files that may be an interpreter of this version: PATH without shims, pyenv's folder, the system's."""
    folders = [Path(entry) for entry in os.get_exec_path() if Path(entry).name != "shims"]
    for root in _output("pyenv", "root"):
        folders += sorted(Path(root).glob("versions/*/bin"), reverse=True)
    folders += [Path("/usr/local/bin"), Path("/usr/bin")]
    return [folder / f"python{version}" for folder in folders if (folder / f"python{version}").exists()]


def find(versions: tuple[str, ...] = TARGET) -> dict[str, Path]:
    """Return the first working interpreter, one that can make virtual environments, of each version that is there."""
    found: dict[str, Path] = {}
    for version in versions:
        for candidate in _candidates(version):
            answer = _output(str(candidate), "-c", _PROBE)
            # Inside of a virtual environment the interpreter is a symlink; what is wanted is the one that it came from.
            if len(answer) == 2 and answer[0] == version:
                found[version] = Path(os.path.realpath(answer[1]))
                break
    return found


def newest(wanted: str | None = None) -> Path:
    """Return the interpreter for the controller: the newest, or the wanted version."""
    found = find((wanted,) if wanted else CONTROLLER)
    if not found:
        sys.exit(
            f"No Python {wanted or ' or '.join(CONTROLLER)} that has venv and ensurepip was found. "
            "Install one (on Debian: apt-get install python3 python3-venv)."
        )
    return next(iter(found.values()))


if __name__ == "__main__":
    for version, path in find().items():
        print(version, path)
