# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import os

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.options import COMMON
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.results import Result
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.spec import ArgumentSpec
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import Context, Task
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.key_pair import (
    DEFAULT_KIND,
    KeyPairRequest,
    ensure_key_pair,
)

SPEC = COMMON.merged(
    ArgumentSpec(
        {
            "path": {"type": "path", "required": True},
            "public_key_path": {"type": "path", "no_log": False},
            "key_password": {"type": "str", "no_log": True},
            "allow_empty_password": {"type": "bool", "default": False, "no_log": False},
            "type": {
                "type": "str",
                "choices": ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048", "rsa-3072", "rsa-4096", "ed25519"],
            },
            "import_path": {"type": "path"},
            "import_password": {"type": "str", "no_log": True},
            "force": {"type": "bool", "default": False},
        },
        required_by={"import_password": ["import_path"]},
    )
)


def run(context: Context) -> Result:
    params = context.params
    path = context.files.target(params["path"])
    if path.endswith(".pub"):
        raise Rejection(
            "POLICY_UNSUPPORTED", "path is that of the private key; end it in .key, its public key goes beside it."
        )
    public_path = context.files.target(params["public_key_path"]) if params["public_key_path"] else _beside(path)
    password = params["key_password"]
    if password is None:
        raise Rejection("AUTH_REFUSED", "A key pair needs a password; give key_password, or set COSIGN_PASSWORD.")
    if not password and not params["allow_empty_password"] and (params["force"] or not os.path.exists(path)):
        raise Rejection(
            "POLICY_UNSUPPORTED", "An empty password protects nothing; give one, or set allow_empty_password: true."
        )
    pair = ensure_key_pair(
        KeyPairRequest(
            path,
            public_path,
            _bytes(password) or b"",
            params["type"],
            context.read(params["import_path"]) if params["import_path"] else None,
            _bytes(params["import_password"]),
            params["force"],
            context.check_mode,
        )
    )
    key_id = pair.key.key_id if pair.key else None
    changed = pair.private_changed or pair.public_changed
    return {
        "changed": changed,
        "path": path,
        "public_key_path": public_path,
        "public_key": pair.key.pem.decode("ascii") if pair.key else None,
        "key_id": key_id,
        "type": pair.key.kind if pair.key else params["type"] or DEFAULT_KIND,
        "diff": {
            "before_header": path,
            "after_header": path,
            "before": {"private_key": not pair.private_changed, "public_key": not pair.public_changed},
            "after": {"private_key": True, "public_key": True},
        },
    }


def _bytes(password: str | None) -> bytes | None:
    """As it was given, also where it came from the environment and is not UTF-8."""
    return None if password is None else password.encode("utf-8", "surrogateescape")


def _beside(path: str) -> str:
    return (path[: -len(".key")] if path.endswith(".key") else path) + ".pub"


TASK = Task(SPEC, run, lambda params: ["path"])
