# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import COULD_NOT_LOOK

Result = dict[str, t.Any]


class RunCache:
    """Verdicts of one `ansible-playbook` run, shared by its forks: files below the run's own temporary folder.

    An acceptance serves the whole run. A refusal that was reached after looking at everything serves only the other
    hosts of the same task, and never a task that tries again (`until`). "Could not look" is never kept.
    """

    def __init__(self, folder: str, task_uuid: str, retries: bool) -> None:
        self._folder = _folder(os.path.join(folder, "supplychain.cosign"))
        self._locks = _folder(os.path.join(self._folder, "locks"))
        self._task_uuid = task_uuid
        self._retries = retries

    def verdict(self, digest: str, question: t.Mapping[str, t.Any], judge: t.Callable[[], Result]) -> Result:
        name = _hash(json.dumps(question, sort_keys=True, default=str))
        folder = self._of(digest)
        path = os.path.join(folder, name)
        # First without the lock: a file is whole as soon as it is there, and most hosts find it there.
        kept = _read(path)
        if kept is not None and self._serves(kept):
            return {**kept["verdict"], "cached": True}
        with self.lock(f"{digest} {name}"):
            kept = _read(path)
            if kept is not None and self._serves(kept):
                return {**kept["verdict"], "cached": True}
            epoch = _epoch(folder)
            verdict = judge()
            # Something was attached or taken away meanwhile: what was seen may be out of date.
            if self._may_keep(verdict) and epoch == _epoch(folder):
                _write(path, {"task": self._task_uuid, "verdict": verdict})
            return {**verdict, "cached": False}

    def drop(self, digest: str) -> None:
        folder = self._of(digest)
        _write(os.path.join(folder, "epoch"), {"epoch": os.urandom(8).hex()})
        for name in os.listdir(folder):
            if name != "epoch":
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(folder, name))

    @contextlib.contextmanager
    def lock(self, name: str) -> t.Iterator[None]:
        with open(os.path.join(self._locks, _hash(name)), "w", encoding="ascii") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def _of(self, digest: str) -> str:
        return _folder(os.path.join(self._folder, _hash(digest)))

    def _serves(self, kept: Result) -> bool:
        return kept["verdict"]["verified"] or (kept["task"] == self._task_uuid and not self._retries)

    def _may_keep(self, verdict: Result) -> bool:
        rejection = verdict.get("rejection")
        return rejection is None or (rejection["code"] not in COULD_NOT_LOOK and not self._retries)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _folder(path: str) -> str:
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    return path


def _epoch(folder: str) -> t.Any:
    return _read(os.path.join(folder, "epoch"))


def _read(path: str) -> t.Any:
    try:
        with open(path, encoding="utf-8") as stream:
            return json.load(stream)
    except FileNotFoundError:
        return None


def _write(path: str, found: t.Mapping[str, t.Any]) -> None:
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as stream:
        stream.write(json.dumps(found))  # json.dump takes the slow way
    os.replace(temporary, path)
