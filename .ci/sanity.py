# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ansible-test sanity with every supported ansible-core, as many at once as there are processors.

usage: sanity.py STAGE      STAGE has ansible_collections/supplychain/cosign; it is copied beside it for each core
"""

from __future__ import annotations

import ast
import configparser
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import environment
import pythons

COLLECTION = Path("ansible_collections/supplychain/cosign")


@dataclass(frozen=True)
class Core:
    version: str
    pythons: tuple[str, ...]
    # The version that ansible-test of this core bootstraps its environments with, see _prepare_home.
    pip: str


CORES = (
    Core("2.21", ("3.14", "3.13", "3.12"), "25.2"),
    Core("2.20", ("3.14", "3.13", "3.12"), "25.2"),
    Core("2.19", ("3.13", "3.12", "3.11"), "24.2"),
    Core("2.18", ("3.13", "3.12", "3.11"), "24.2"),
)

# ansible-test downloads get-pip.py from a server of its own, unless a file of this name is there already. This one
# does the same from a wheel beside it, so that nothing but the package index is needed.
_GET_PIP = """\
import os
import runpy
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "pip-{version}-py3-none-any.whl"))
# What only get-pip.py itself understands.
arguments = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
sys.argv[1:] = ["install", "--no-index", "--find-links", here, *arguments]
runpy.run_module("pip", run_name="__main__")
"""


def _prepare_home(home: Path, python: Path, core: Core) -> None:
    """Make a home folder in which ansible-test finds its pip, and the settings of ours that it does not pass on."""
    cache = home / ".ansible/test/cache"
    cache.mkdir(parents=True, exist_ok=True)
    if not (cache / f"pip-{core.pip}-py3-none-any.whl").exists():
        pip = [str(python), "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(cache), f"pip=={core.pip}"]
        subprocess.run(pip, stdin=subprocess.DEVNULL, check=True)
    (cache / f"get_pip_{core.pip.replace('.', '_')}.py").write_text(_GET_PIP.format(version=core.pip), encoding="utf-8")
    # ansible-test hides the variables PIP_*; index, certificates and the like reach its pip in a file only.
    settings = configparser.RawConfigParser()
    settings["global"] = {"cache-dir": _pip(python, "cache", "dir").strip()}
    for line in _pip(python, "config", "list").splitlines():
        name, value = line.split("=", 1)
        section, key = name.replace(":env:", "global").split(".", 1)
        if not settings.has_section(section):
            settings.add_section(section)
        settings[section][key] = str(ast.literal_eval(value)).replace("\n", "\n  ")
    target = home / ".config/pip/pip.conf"
    target.parent.mkdir(parents=True, exist_ok=True)
    # An index may be written with a password.
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        settings.write(file)


def _pip(python: Path, *arguments: str) -> str:
    return subprocess.run(
        [str(python), "-m", "pip", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def _path(venv: Path, interpreters: dict[str, Path]) -> str:
    """Return a PATH with all real interpreters and no shims."""
    folders = [venv / "bin", *(path.parent for path in interpreters.values())]
    folders += [Path(entry) for entry in os.get_exec_path() if Path(entry).name != "shims"]
    return os.pathsep.join(dict.fromkeys(map(str, folders)))


def _run(core: Core, stage: Path, interpreters: dict[str, Path]) -> tuple[bool, str]:
    """Return whether this core found nothing, and what is to be told."""
    python = next((interpreters[version] for version in core.pythons if version in interpreters), None)
    if python is None:
        missing = f"sanity {core.version}: none of Python {', '.join(core.pythons)} is here"
        return not os.environ.get("CI"), f"{missing}; skipped unless CI is set"
    began = time.monotonic()
    place = stage.parent / f"{stage.name}-sanity-{core.version}"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(stage / COLLECTION, place / COLLECTION)
    try:
        venv = environment.ensure(Path(f"tests/requirements/sanity-{core.version}.txt"), python)
        home = environment.cache() / f"ansible-test-{core.version}"
        _prepare_home(home, venv / "bin/python", core)
    except subprocess.CalledProcessError as error:
        return False, f"sanity {core.version}: could not be prepared, {error}"
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
    variables |= {"HOME": str(home), "PATH": _path(venv, interpreters)}
    done = subprocess.run(
        [str(venv / "bin/ansible-test"), "sanity", "--color", "no"],
        cwd=place / COLLECTION,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    text = f"sanity {core.version} on {python.name}, {time.monotonic() - began:.0f} s: "
    if done.returncode == 0:
        return True, text + "passed"
    # Where it found something, that is all that matters; where it broke down, everything may.
    errors = [line for line in done.stdout.splitlines() if line.startswith("ERROR:")]
    return False, "\n".join([text + f"ended with {done.returncode}", *(errors or [done.stdout])])


def main() -> None:
    interpreters = pythons.find()
    passed = True
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for found_nothing, text in pool.map(lambda core: _run(core, Path(sys.argv[1]), interpreters), CORES):
            passed = passed and found_nothing
            print(text, flush=True)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
