# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our own tasks: in a real play, or, where many are wanted, straight through the engine below module and action."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

from tests.interop.clients import docker_config
from tests.interop.servers import ROOT, Registry
from tests.support.tasks import Runner

PREFIX = "supplychain.cosign."
LOCAL = "localhost ansible_connection=local ansible_python_interpreter={{ansible_playbook_python}}\n"

Options = t.Mapping[str, t.Any]
Environ = t.Mapping[str, str]
Result = dict[str, t.Any]


class Run(t.Protocol):
    """Runs one task of ours, named without prefix, and returns its result, also that of a failed one."""

    def __call__(self, name: str, options: Options, environ: Environ | None = None) -> Result:
        """`options` are the task's own, `environ` is its `environment:`."""


def engine(name: str, options: Options, environ: Environ | None = None) -> Result:
    """The task as module and action plugin run it, without either."""
    task = importlib.import_module(f"ansible_collections.{PREFIX}plugins.module_utils._ansible.{name}").TASK
    return Runner(Path("/"), environ)(task, **options)


def playbook(name: str, options: Options, environ: Environ | None = None) -> Result:
    """The task in a play of its own on localhost."""
    with tempfile.TemporaryDirectory(prefix="supplychain-cosign-play.") as folder:
        played = run_play(Path(folder), [{PREFIX + name: dict(options), "environment": dict(environ or {})}])
        assert len(played.results) == 1, played.printed
        return played.results[0]


def access(registry: Registry, folder: Path) -> tuple[dict[str, t.Any], dict[str, str]]:
    """The options and the environment with which a task reaches a registry."""
    if registry.ca is None:
        return {"allow_http_registry": True}, {}
    return {"registry_cacert": str(registry.ca)}, {"DOCKER_CONFIG": str(docker_config(folder, registry))}


class Played(t.NamedTuple):
    """What `ansible-playbook` did: its exit status, all that it printed, and the results of the tasks in order."""

    status: int
    printed: str
    results: list[Result]


def run_play(
    folder: Path,
    tasks: t.Sequence[Options],
    *arguments: str,
    inventory: str = LOCAL,
    environ: Environ | None = None,
    play: Options | None = None,
) -> Played:
    """Run a play with these tasks on all hosts of an INI inventory, in ``folder``; a failed task does not end it."""
    hosts = {"hosts": "all", "gather_facts": False, "ignore_errors": True, "tasks": list(tasks), **(play or {})}
    (folder / "play.yml").write_text(json.dumps([hosts]))
    (folder / "inventory.ini").write_text(inventory)
    results = folder / "results.jsonl"
    results.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", "inventory.ini", "play.yml", *arguments],
        cwd=folder,
        env={**ansible_environment(folder), "RESULTS_FILE": str(results), **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = results.read_text().splitlines() if results.exists() else []
    return Played(done.returncode, done.stdout + done.stderr, [json.loads(line)["result"] for line in lines])


def ansible_environment(folder: Path) -> dict[str, str]:
    """For Ansible with this checkout's collection, whatever the user of this machine has set up."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT.parents[2]),
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).with_name("callback_plugins")),
        "ANSIBLE_CALLBACKS_ENABLED": "results_file",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_NOCOWS": "1",
        "LC_ALL": "C.UTF-8",
    }
