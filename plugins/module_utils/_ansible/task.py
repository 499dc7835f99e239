# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import os
import stat
import sys
import threading
import typing as t
from dataclasses import dataclass, field

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.environment import fill
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.spec import ArgumentSpec
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.environment import VARIABLES

try:
    import cryptography
except ImportError:
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True

Result = dict[str, t.Any]
MINIMUM_CRYPTOGRAPHY = 38
MAX_FILE_BYTES = 2**20
MIN_MASKED = 4
"""Characters of the shortest secret that is searched for in results. A shorter one is part of many words and digests,
which would be masked with it."""


class Files(t.Protocol):
    """How the place that runs the task finds files: the controller as `copy` does, a target as its shell would."""

    def find(self, path: str) -> str:
        """Where a file that is to be read is; it may not be there."""

    def target(self, path: str) -> str:
        """Where a file that is to be written goes."""

    def ephemeral(self) -> str:
        """A new folder, 0700, that is gone at the end of the run. Raises POLICY_UNSUPPORTED where there is none."""

    def is_ephemeral(self, path: str) -> bool:
        """Whether a file lies in such a folder, so that nothing done to it outlasts the run."""


class Cache(t.Protocol):
    """Verdicts of this run, by digest and by everything that they depend on; `folder` is one that ends with the run,
    empty where there is none."""

    folder: str

    def verdict(self, digest: str, question: t.Mapping[str, t.Any], judge: t.Callable[[], Result]) -> Result:
        """The verdict that was reached before, or `judge()`'s, which is kept when it may be."""

    def drop(self, digest: str) -> None:
        """Forget what was said of this digest: something was attached to it or taken from it."""

    def lock(self, name: str) -> t.ContextManager[t.Any]:
        """Held by one task of this run at a time."""


class NoCache:
    """Where there is no run to remember for: on a managed host."""

    folder = ""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def verdict(self, digest: str, question: t.Mapping[str, t.Any], judge: t.Callable[[], Result]) -> Result:
        return judge()

    def drop(self, digest: str) -> None:
        """Nothing was kept."""

    def lock(self, name: str) -> t.ContextManager[t.Any]:
        """Among the threads of the task."""
        with self._lock:
            return self._locks.setdefault(name, threading.Lock())


@dataclass
class Context:
    """All that a task may know of where it runs; the same for a module on a host and an action on the controller."""

    params: dict[str, t.Any]
    environ: t.Mapping[str, str]
    files: Files
    check_mode: bool = False
    from_task: frozenset[str] = frozenset()
    """Names of the variables that the task's own `environment:` set."""
    cache: Cache = field(default_factory=NoCache)
    warnings: list[str] = field(default_factory=list)
    progress: t.Callable[[int, int, int], None] | None = None

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    def read(self, path: str) -> bytes:
        """The content of a small regular file that the task names. Raises OSError, LIMIT_EXCEEDED."""
        descriptor = os.open(self.files.find(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Rejection("MALFORMED", f"{path!r} is not a regular file; name one that is.")
            data = os.read(descriptor, MAX_FILE_BYTES + 1)
        finally:
            os.close(descriptor)
        if len(data) > MAX_FILE_BYTES:
            raise Rejection("LIMIT_EXCEEDED", f"{path!r} is larger than {MAX_FILE_BYTES} bytes; name the right file.")
        return data

    def read_for(self, option: str, path: str, secret: bool = False) -> bytes:
        """The same for the file of an option, which is named in the MALFORMED where it cannot be read. `secret`: what
        was given may be the secret itself, and no path, so that nothing of it is shown."""
        try:
            return self.read(path)
        except (OSError, ValueError, Rejection) as error:
            if secret:
                raise Rejection(
                    "MALFORMED",
                    f"What {option} holds is no token, and no file of that name could be read; give the token itself, "
                    "or the path of a file that holds it.",
                ) from None
            if isinstance(error, Rejection):
                raise
            reason = getattr(error, "strerror", None) or "not a path"
            # What is meant as a URL may hold a password.
            shown = path.rpartition("@")[2][:200]
            raise Rejection(
                "MALFORMED", f"The file {shown!r} of {option} could not be read ({reason}); check the path."
            ) from None


@dataclass(frozen=True)
class Task:
    """One module: its options, and what it does with them. `places` tells which options lead to files of the place
    that runs the task, so that `run_on` has to be said where it is not clear whose files are meant. `shows_secrets`:
    the user asked for secrets in the result. `check` refuses what could not be meant, without any file or connection;
    its second argument is false where variables of another machine may still add to the options."""

    spec: ArgumentSpec
    run: t.Callable[[Context], Result]
    places: t.Callable[[t.Mapping[str, t.Any]], list[str]] = field(default=lambda params: [])
    shows_secrets: t.Callable[[t.Mapping[str, t.Any]], bool] = field(default=lambda params: False)
    check: t.Callable[[t.Mapping[str, t.Any], bool], None] = field(default=lambda params, complete: None)


def execute(task: Task, context: Context) -> Result:
    """Run a task and answer in Ansible's terms; whatever is refused becomes `failed` with `msg` and `rejection`."""
    try:
        _need_cryptography()
        context.params = prepare(task, context.params, context.environ, context.from_task)
        result = task.run(context)
    except Rejection as rejection:
        result = failure(rejection)
    except OSError as error:
        name = f" {error.filename!r}" if isinstance(error.filename, str) else ""
        result = failure(Rejection("UNREACHABLE", f"The file{name} could not be used: {error.strerror or error}."))
    if context.warnings:
        result["warnings"] = list(context.warnings)
    return result


def prepare(
    task: Task,
    params: t.Mapping[str, t.Any],
    environ: t.Mapping[str, str],
    from_task: t.Collection[str],
    complete: bool = True,
) -> dict[str, t.Any]:
    """The options with what variables fill in, refused where that could not be meant; nothing is read or asked.
    Not `complete`: for a machine whose own variables are not known here."""
    _refuse_nul(params, environ)
    filled = fill(task.spec, params, environ, from_task)
    task.spec.check(filled, complete)
    task.check(filled, complete)
    return filled


def failure(rejection: Rejection) -> Result:
    return {"failed": True, "changed": rejection.changed, "msg": rejection.message, "rejection": rejection.as_dict()}


def secrets_of(task: Task, params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> set[str]:
    """Every secret that a task was given, as option or by a variable, and that its result may not show; those shorter
    than MIN_MASKED stand in no result of ours."""
    if task.shows_secrets(params):
        return set()
    values: list[t.Any] = [environ.get(row.name) for row in VARIABLES.values() if row.sensitive]
    for name in task.spec.secret_options():
        value = params.get(name)
        values += value.values() if isinstance(value, dict) else [value]
    return {value for value in values if isinstance(value, str) and len(value) >= MIN_MASKED}


def _refuse_nul(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> None:
    for name, value in params.items():
        if any(map(_has_nul, value if isinstance(value, list) else [value])):
            raise Rejection("MALFORMED", f"The option {name} holds a NUL character, which no name has; leave it out.")
    for name in VARIABLES:
        if _has_nul(environ.get(name)):
            raise Rejection("MALFORMED", f"The variable {name} holds a NUL character, which no name has; leave it out.")


def _has_nul(value: t.Any) -> bool:
    """In a text, or in one of an entry's, as those of `signers`."""
    return any(isinstance(one, str) and "\0" in one for one in (value.values() if isinstance(value, dict) else [value]))


def _need_cryptography() -> None:
    if not HAS_CRYPTOGRAPHY:
        raise Rejection(
            "POLICY_UNSUPPORTED",
            f"The Python library cryptography >= {MINIMUM_CRYPTOGRAPHY} is missing on {_here()}; install it there.",
        )
    found = cryptography.__version__
    if int(found.split(".")[0]) < MINIMUM_CRYPTOGRAPHY:
        raise Rejection(
            "POLICY_UNSUPPORTED",
            f"The Python library cryptography is {found} on {_here()} ({cryptography.__file__}); "
            f"{MINIMUM_CRYPTOGRAPHY} or newer is needed.",
        )


def _here() -> str:
    return f"{os.uname().nodename} for {sys.executable}"
