# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import (
    Context,
    Task,
    execute,
    secrets_of,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection


class HostFiles:
    """Files as the managed host's shell sees them."""

    def find(self, path: str) -> str:
        return os.path.expanduser(path)

    def target(self, path: str) -> str:
        return os.path.expanduser(path)

    def ephemeral(self) -> str:
        raise Rejection(
            "POLICY_UNSUPPORTED",
            "A throw-away file lives as long as the run, and a managed host knows no run; leave run_on out, or name an "
            "auth_file.",
        )

    def is_ephemeral(self, path: str) -> bool:
        return False


def run_module(task: Task) -> t.NoReturn:
    """What every module's main() does: the task on this host, with this host's environment."""
    module = AnsibleModule(argument_spec=task.spec.options, supports_check_mode=True)
    params = dict(module.params)
    handed_over: t.Mapping[str, str] = params.pop("_environment", None) or {}
    from_task = frozenset(params.pop("_from_task", None) or ())
    context = Context(
        params=params,
        environ={**os.environ, **handed_over},
        files=HostFiles(),
        check_mode=module.check_mode,
        from_task=from_task,
    )
    result = execute(task, context)
    # Core would search the result for everything hidden that came along: a variable that is `1` masks every digest.
    secrets = secrets_of(task, params, context.environ) | secrets_of(task, context.params, {})
    module.no_log_values.clear()
    module.no_log_values.update(secrets)
    result["invocation"] = {"module_args": _shown(task, module.params)}
    if not module._diff:
        result.pop("diff", None)
    for warning in result.pop("warnings", []):
        module.warn(warning)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


def _shown(task: Task, params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The options as callbacks print them, without what is secret."""
    secret = task.spec.secret_options()
    return {
        name: "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" if name in secret and value is not None else value
        for name, value in params.items()
    }
