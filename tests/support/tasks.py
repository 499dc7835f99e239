# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks run in this process, as a module or an action runs them, without Ansible around them."""

from __future__ import annotations

import tempfile
import typing as t
from pathlib import Path

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import (
    Context,
    NoCache,
    Result,
    Task,
    execute,
)


class FolderFiles:
    """Files relative to one folder, which is gone with the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, path: str) -> str:
        return str(self.folder / path)

    target = find

    def ephemeral(self) -> str:
        return tempfile.mkdtemp(prefix="ephemeral-", dir=self.folder)

    def is_ephemeral(self, path: str) -> bool:
        return path.startswith(f"{self.folder}/ephemeral-")


class Runner:
    """Runs tasks in one folder and environment. `defaults` are options that every task gets which has them."""

    def __init__(self, folder: Path, environ: t.Mapping[str, str] | None = None, **defaults: t.Any) -> None:
        self.folder = folder
        self.environ = dict(environ or {})
        self.defaults = defaults
        self.warnings: list[str] = []

    def __call__(self, task: Task, check: bool = False, cache: t.Any = None, **params: t.Any) -> Result:
        given = {
            name: value for name, value in self.defaults.items() if name in task.spec.options and name not in params
        }
        validation = ArgumentSpecValidator(task.spec.options).validate({**given, **params})
        assert not validation.error_messages, validation.error_messages
        context = Context(
            params={name: validation.validated_parameters.get(name) for name in task.spec.options},
            environ=self.environ,
            files=FolderFiles(self.folder),
            check_mode=check,
            cache=cache or NoCache(),
        )
        result = execute(task, context)
        self.warnings = result.pop("warnings", [])
        return result
