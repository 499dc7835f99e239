# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.spec import ArgumentSpec
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.environment import OPTION_VARIABLES

# A variable of the environment that stands for one of these is not read when the task gives another of the same set:
# the task has chosen, and a variable from afar must not turn its choice into a contradiction.
_COMPETING = (
    frozenset(("key", "keys")),
    frozenset(("registry_username", "registry_password", "registry_token", "auth_file")),
    frozenset(("registry_client_cert", "registry_client_key")),
)

# Nothing that weakens a check may come from the environment.
_NEVER = ("insecure_", "allow_")


def fill(spec: ArgumentSpec, params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> dict[str, t.Any]:
    """The task's options, with variables of the environment where an option was not given and none competes with it.

    An empty variable is as good as none, but for a password, which may be empty.
    """
    filled = dict(params)
    for name in spec.options:
        variable = OPTION_VARIABLES.get(name)
        if variable is None or params.get(name) is not None or name.startswith(_NEVER):
            continue
        rivals = [rival for group in _COMPETING if name in group for rival in group if rival != name]
        if any(params.get(rival) is not None for rival in rivals):
            continue
        value = environ.get(variable.name)
        if value or (value is not None and name == "key_password"):
            filled[name] = value
    return filled
