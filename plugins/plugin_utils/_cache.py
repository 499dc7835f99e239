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
_ANY = "any digest"


class RunCache:
    """Verdicts of one `ansible-playbook` run, shared by its forks: files below the run's own temporary folder.

    An acceptance serves the whole run. A refusal that was reached after looking at everything serves only the other
    hosts of the same task, and never a task that tries again (`until`). "Could not look" is never kept. Each digest
    has an epoch, how often we wrote beside it; a verdict serves only in the epoch in which it was begun. One that
    looked below an index depends on more digests than it names, so any write of ours ends it.
    """

    def __init__(self, folder: str, task_uuid: str, retries: bool) -> None:
        self.folder = os.path.join(folder, "supplychain.cosign")
        with contextlib.suppress(FileExistsError):
            os.mkdir(self.folder, 0o700)
        self._task_uuid = task_uuid
        self._retries = retries

    def verdict(self, digest: str, question: t.Mapping[str, t.Any], judge: t.Callable[[], Result]) -> Result:
        name = _hash(json.dumps(_ordered(question), default=str))
        scope = _ANY if question.get("recursive") else digest
        # One file is lock and verdict: whoever waits for it finds what the first has found.
        with _locked(self._path(digest, name)) as file:
            epoch = self._epoch(scope)
            kept = _read(file)
            if kept is not None and kept["epoch"] == epoch and self._serves(kept):
                return {**kept["verdict"], "cached": True}
            verdict = judge()
            if self._may_keep(verdict):
                data = json.dumps({"task": self._task_uuid, "epoch": epoch, "verdict": verdict}).encode("ascii")
                os.pwrite(file, data, 0)
                os.ftruncate(file, len(data))
            return {**verdict, "cached": False}

    def drop(self, digest: str) -> None:
        for scope in (digest, _ANY):
            with open(self._path(scope, "epoch"), "ab") as stream:
                stream.write(b".")

    @contextlib.contextmanager
    def lock(self, name: str) -> t.Iterator[None]:
        with _locked(self._path(name, "lock")):
            yield

    def _path(self, digest: str, name: str) -> str:
        return os.path.join(self.folder, f"{_hash(digest)}.{name}")

    def _epoch(self, scope: str) -> int:
        with contextlib.suppress(FileNotFoundError):
            return os.stat(self._path(scope, "epoch")).st_size
        return 0

    def _serves(self, kept: Result) -> bool:
        return kept["verdict"]["verified"] or (kept["task"] == self._task_uuid and not self._retries)

    def _may_keep(self, verdict: Result) -> bool:
        rejection = verdict.get("rejection")
        return rejection is None or (rejection["code"] not in COULD_NOT_LOOK and not self._retries)


def _ordered(value: t.Any) -> t.Any:
    """The value as lists in one order, whatever its keys are: those of YAML need not be texts."""
    if isinstance(value, t.Mapping):
        return sorted(([repr(key), _ordered(one)] for key, one in value.items()), key=lambda pair: str(pair[0]))
    return [_ordered(one) for one in value] if isinstance(value, (list, tuple)) else value


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


@contextlib.contextmanager
def _locked(path: str) -> t.Iterator[int]:
    """The file, made where it is not there, for one process and thread at a time."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def _read(file: int) -> t.Any:
    """What was kept; None where nothing was, or where a writer was stopped half-way."""
    data = os.pread(file, os.fstat(file).st_size, 0)
    try:
        return json.loads(data) if data else None
    except ValueError:
        return None
