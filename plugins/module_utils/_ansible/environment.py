# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.spec import ArgumentSpec
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.environment import OPTION_VARIABLES

# A variable that stands for one of these is not read when one of the others is given: the task has chosen, and a
# variable from afar must not turn its choice into a contradiction.
_IDENTITIES = ("certificate_identity", "certificate_identity_regexp")
_ISSUERS = ("certificate_oidc_issuer", "certificate_oidc_issuer_regexp")
_CLAIMS = tuple(f"certificate_github_workflow_{name}" for name in ("trigger", "sha", "name", "repository", "ref"))
_CERTIFICATES = ("certificate", "sct", "certificate_chain", "ca_roots", "ca_intermediates")
_RIVALS: t.Mapping[str, t.Sequence[str]] = {
    "key": (
        "keys",
        "signers",
        *_IDENTITIES,
        *_ISSUERS,
        *_CLAIMS,
        *_CERTIFICATES,
        "identity_token",
        "oidc_provider",
        "fulcio_url",
    ),
    **dict.fromkeys(_IDENTITIES, ("key", "keys", "signers", *_IDENTITIES)),
    **dict.fromkeys(_ISSUERS, ("key", "keys", "signers", *_ISSUERS)),
    "registry_username": ("registry_token", "auth_file"),
    "registry_password": ("registry_token", "auth_file"),
    "registry_token": ("registry_username", "registry_password", "auth_file"),
}

# The search for a credential reads it itself, in its place among the files that may hold one.
_ELSEWHERE = "auth_file"


def fill(
    spec: ArgumentSpec,
    params: t.Mapping[str, t.Any],
    environ: t.Mapping[str, str],
    from_task: t.Collection[str] = (),
) -> dict[str, t.Any]:
    """The task's options, with variables of the environment where an option was not given and no rival of it was.
    `from_task` names the variables that the task's own `environment:` set: they beat those of the process.

    An empty variable is as good as none, but for a password, which may be empty. Raises POLICY_UNSUPPORTED where two
    variables contradict each other.
    """
    filled = dict(params)
    for of_task in (True, False):
        layer = {name: value for name, value in environ.items() if (name in from_task) == of_task}
        found = _from_variables(spec, filled, layer)
        _check_rivals(found)
        filled.update(found)
    return filled


def _from_variables(spec: ArgumentSpec, given: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> dict[str, str]:
    found = {}
    for name in spec.options:
        variable = OPTION_VARIABLES.get(name)
        if variable is None or name == _ELSEWHERE or given.get(name) is not None:
            continue
        if any(given.get(rival) is not None for rival in _RIVALS.get(name, ())):
            continue
        value = environ.get(variable.name)
        if value or (value is not None and name == "key_password"):
            found[name] = value
    return found


def _check_rivals(found: t.Mapping[str, str]) -> None:
    for name in found:
        for rival in _RIVALS.get(name, ()):
            if rival != name and rival in found:
                one, other = OPTION_VARIABLES[name].name, OPTION_VARIABLES[rival].name
                raise Rejection(
                    "POLICY_UNSUPPORTED",
                    f"The variables {one} and {other} are both set and exclude each other; unset one, or give the "
                    f"option {name} or {rival}.",
                )
