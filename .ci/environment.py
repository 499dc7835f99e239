# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the virtual environment for a file of requirements, once, and print where it is.

usage: environment.py [--python VERSION] REQUIREMENTS
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pythons


def cache() -> Path:
    """Return the folder that survives a fresh clone."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "supplychain-cosign"


def _text(requirements: Path) -> str:
    """Return the file's text with that of the files it includes: what the environment depends on."""
    lines = []
    for line in requirements.read_text(encoding="utf-8").splitlines():
        lines.append(_text(requirements.parent / line.split()[1]) if line.startswith("-r ") else line)
    return "\n".join(lines)


def ensure(requirements: Path, python: Path) -> Path:
    """Return the environment of these requirements; made when it is not there, or when its interpreter has gone."""
    key = hashlib.sha256(f"{python}\n{_text(requirements)}".encode()).hexdigest()[:12]
    place = cache() / "venvs" / f"{requirements.stem}-{python.name}-{key}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{place}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        complete = place / "complete"
        if not (complete.exists() and (place / "bin/python").exists()):
            print(f"Making the environment for {requirements} with {python}", file=sys.stderr)
            shutil.rmtree(place, ignore_errors=True)
            _run(str(python), "-m", "venv", str(place))
            _run(str(place / "bin/python"), "-m", "pip", "install", "--quiet", "--requirement", str(requirements))
            complete.touch()
    return place


def _run(*command: str) -> None:
    # Standard output is for the one line that the caller reads.
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("requirements", type=Path)
    parser.add_argument("--python", help="for example 3.12; the newest when not given")
    options = parser.parse_args()
    try:
        print(ensure(options.requirements, pythons.newest(options.python)))
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error.cmd[0]} ended with {error.returncode}. See its output above; run the same again when mended.")


if __name__ == "__main__":
    main()
