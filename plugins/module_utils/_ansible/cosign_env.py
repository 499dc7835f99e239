# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.options import COMMON
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.results import Result
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.spec import ArgumentSpec
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import Context, Task
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.environment import show

SPEC = COMMON.merged(
    ArgumentSpec(
        {
            "show_descriptions": {"type": "bool", "default": True},
            "show_sensitive_values": {"type": "bool", "default": False},
        }
    )
)


def run(context: Context) -> Result:
    params = context.params
    shown = show(context.environ, context.from_task, params["show_descriptions"], params["show_sensitive_values"])
    return {"changed": False, **shown}


TASK = Task(SPEC, run, shows_secrets=lambda params: params.get("show_sensitive_values") is True)
