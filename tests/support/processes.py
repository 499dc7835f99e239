# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks of cosign_sign in processes of their own, as forks of Ansible run them, which can be killed at any request.

A server that has imported the engine, and that has no thread of the tests', forks them: milliseconds each.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import typing as t
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from pathlib import Path
from unittest import mock

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_sign import TASK
from ansible_collections.supplychain.cosign.plugins.module_utils._http import transport
from ansible_collections.supplychain.cosign.plugins.module_utils._keys import keyfile
from ansible_collections.supplychain.cosign.plugins.module_utils._registry import manifests
from ansible_collections.supplychain.cosign.plugins.plugin_utils._cache import RunCache
from tests.support.tasks import Runner

Result = dict[str, t.Any]
PATIENCE = 60.0
_scrypt = keyfile._scrypt
_derived: dict[tuple[bytes, bytes, int], bytes] = {}
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Job:
    """A task: its options, and where it runs. `home` is its HOME, TMPDIR and folder, where it may leave files; `run` is
    the temporary folder of the run that it belongs to (its own where None). It is killed when the answer to its request
    number `after`, counted from one, has begun to come."""

    runner: Runner
    home: Path
    params: t.Mapping[str, t.Any]
    run: Path | None = None
    after: int = 0
    first_delay: float = 0.001
    """Seconds between writing a tag and looking at it again: nobody else writes it, unless a test says so."""


@dataclass
class Child:
    """A process that is ready and waits for `go`."""

    process: t.Any
    pipe: Connection

    @property
    def pid(self) -> int:
        return t.cast(int, self.process.pid)

    def go(self) -> None:
        self.pipe.send("go")

    def result(self) -> Result | None:
        """What the task answered; None where it was killed or interrupted. Whatever else ended it is raised."""
        found: Result | None = None
        try:
            if not self.pipe.poll(PATIENCE):
                self.process.kill()
                raise AssertionError("the task did not end")
            found = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            pass
        self.process.join(PATIENCE)
        self.pipe.close()
        ended = (0,) if found is not None else (-signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGINT)
        assert self.process.exitcode in ended, self.process.exitcode
        return found

    def await_end(self) -> None:
        """For any thread."""
        assert wait([self.process.sentinel], PATIENCE), "the task did not end"


def scrypt(password: bytes, salt: bytes, n: int) -> bytes:
    """What stands for `keyfile._scrypt` in the processes, and may here: a key file costs a tenth of a second once."""
    if (password, salt, n) not in _derived:
        _derived[password, salt, n] = _scrypt(password, salt, n)
    return _derived[password, salt, n]


def start(job: Job) -> Child:
    """A process for the job, which has begun nothing yet."""
    # Not every Python tells its server sys.path before this is to import anything (CPython issue 117378).
    with mock.patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):
        forkserver.ensure_running()
    ours, theirs = _FORKS.Pipe()
    process = _FORKS.Process(target=_work, args=(job, theirs, _derived), daemon=True)
    process.start()
    theirs.close()
    assert ours.recv() == "ready"
    return Child(process, ours)


def run(job: Job) -> Result | None:
    """What the task answered; None where it was killed."""
    child = start(job)
    child.go()
    return child.result()


def _work(job: Job, pipe: Connection, derived: t.Mapping[tuple[bytes, bytes, int], bytes]) -> None:
    _derived.update(derived)
    keyfile._scrypt = scrypt
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("HOME", "TMPDIR"):
        os.environ[name] = str(job.home)
    os.chdir(job.home)
    tempfile.tempdir = None
    manifests.FIRST_DELAY = job.first_delay
    _die_after(job.after)
    cache = RunCache(str(job.run or job.home), "task", False)
    pipe.send("ready")
    try:
        pipe.recv()
        pipe.send(job.runner(TASK, cache=cache, **job.params))
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGINT)


def _die_after(last: int) -> None:
    """Have this process die at its request of this number."""
    honest, sent = transport._speak, 0

    def speak(*arguments: t.Any) -> t.Any:
        nonlocal sent
        sent += 1
        response = honest(*arguments)
        if sent == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return response

    mock.patch.object(transport, "_speak", speak).start()
