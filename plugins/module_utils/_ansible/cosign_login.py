# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import os
import re

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.options import COMMON, TLS, access_of
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.results import Result
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.spec import ArgumentSpec
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import Context, Task
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import Transport
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.auth_file import (
    has_credential,
    remove_credential,
    store_credential,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.credentials import Credential
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.reference import parse_reference
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.registry import ping

SPEC = COMMON.merged(
    TLS,
    ArgumentSpec(
        {
            "registry": {"type": "str", "required": True},
            "username": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "auth_file": {"type": "path"},
            "ephemeral": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_together=[("username", "password")],
    ),
)
CONFIG = "config.json"


def run(context: Context) -> Result:
    params = context.params
    registry = _registry(params["registry"])
    present = params["state"] == "present"
    if params["ephemeral"] and (params["auth_file"] or not present):
        raise Rejection(
            "POLICY_UNSUPPORTED",
            "A throw-away login makes its own file, and that ends with the run; leave out ephemeral, or auth_file and "
            "state: absent.",
        )
    if present and not (params["username"] and params["password"]):
        raise Rejection("POLICY_UNSUPPORTED", "Nobody is to be logged in; give username and password.")
    if not present and params["username"]:
        raise Rejection("POLICY_UNSUPPORTED", "A logout takes no username and password; leave them out.")
    if ":" in (params["username"] or ""):
        raise Rejection("POLICY_UNSUPPORTED", "A user name cannot hold a colon; correct username.")
    if present:
        # Asked before anything is written, in check mode too: a password that is refused is an answer.
        access = access_of(context)
        with Transport(access.transport) as transport:
            credential = Credential(params["username"], params["password"], origin_of="option username")
            if not ping(transport, registry, credential):
                context.warn(f"{registry} asks nobody for a credential, so this one could not be checked.")
    path = os.path.join(context.files.ephemeral(), CONFIG) if params["ephemeral"] else _auth_file(context)
    before = has_credential(path, registry)
    ephemeral = context.files.is_ephemeral(path)
    write = ephemeral or not context.check_mode
    if present:
        changed = store_credential(path, registry, params["username"], params["password"], write)
    else:
        changed = remove_credential(path, registry, write)
    return {
        # What ends with the run is no change of the world: a second run does the same again.
        "changed": changed and not ephemeral,
        "registry": registry,
        "auth_file": path,
        "docker_config": os.path.dirname(path) if os.path.basename(path) == CONFIG else None,
        "diff": {
            "before_header": path,
            "after_header": path,
            "before": {"logged_in": before},
            "after": {"logged_in": present},
        },
    }


def _registry(text: str) -> str:
    """A registry's host, as the reference grammar knows it; `https://` and `/v1/` as docker writes them are dropped."""
    name = re.sub(r"^https://", "", text).rstrip("/")
    name = re.sub(r"/v[12]$", "", name)
    try:
        found = parse_reference(f"{name}/any").registry
    except Rejection:
        found = ""
    if "/" in name or found not in (name, "index.docker.io"):
        raise Rejection("MALFORMED", f"The registry {text!r} does not read as HOST[:PORT].")
    return found


def _auth_file(context: Context) -> str:
    """Where docker, podman and cosign look first in this environment, unless the task names a file."""
    environ = context.environ
    if context.params["auth_file"]:
        return context.files.target(context.params["auth_file"])
    if environ.get("DOCKER_CONFIG"):
        return os.path.join(environ["DOCKER_CONFIG"], CONFIG)
    if environ.get("REGISTRY_AUTH_FILE"):
        return environ["REGISTRY_AUTH_FILE"]
    if not environ.get("HOME"):
        raise Rejection("AUTH_REFUSED", "There is no home folder to keep the credential in; name an auth_file.")
    return os.path.join(environ["HOME"], ".docker", CONFIG)


TASK = Task(SPEC, run, lambda params: [] if params.get("ephemeral") else ["auth_file"])
