# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.options import (
    COMMON,
    REGISTRY,
    access_of,
    on_disk,
    place_of,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.results import Result
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.spec import ArgumentSpec
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import Context, Task
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.copy import CopyRequest, copy_image
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.session import Session

SPEC = COMMON.merged(
    REGISTRY,
    ArgumentSpec(
        {
            "source": {"type": "str", "required": True},
            "destination": {"type": "str", "required": True},
            "platform": {"type": "str"},
            "signatures": {"type": "bool", "default": True},
            "source_registry_username": {"type": "str"},
            "source_registry_password": {"type": "str", "no_log": True},
            "source_registry_token": {"type": "str", "no_log": True},
            "source_registry_auth_file": {"type": "path"},
            "source_registry_cacert": {"type": "path"},
        },
        required_together=[("source_registry_username", "source_registry_password")],
        mutually_exclusive=[
            ("source_registry_username", "source_registry_token"),
            ("source_registry_username", "source_registry_auth_file"),
            ("source_registry_token", "source_registry_auth_file"),
        ],
    ),
)


def run(context: Context) -> Result:
    params = context.params
    source = place_of(params["source"], context.files.find)
    destination = place_of(params["destination"], context.files.target)
    if destination.kind == "docker-archive" and params["signatures"]:
        # An archive of docker's has no place for signatures; leaving them behind is for the user to say.
        raise Rejection(
            "POLICY_UNSUPPORTED",
            "A docker-archive cannot hold signatures; set signatures: false, or copy to oci-archive:.",
        )
    request = CopyRequest(source, destination, params["platform"], params["signatures"], context.check_mode)
    near, far = source.reference, destination.reference
    same_registry = near is not None and (far is None or near.host == far.host)
    source_access = access_of(context, "source_registry_", same_registry)
    with Session(source_access) as source_session, Session(access_of(context)) as session:
        copied = copy_image(source_session, session, request)
    if copied.changed and not context.check_mode:
        context.cache.drop(copied.digest)
    pinned = destination.pinned(copied.digest)
    before = {} if copied.image_changed else {"digest": copied.digest}
    return {
        "changed": copied.changed,
        "digest": copied.digest,
        "pinned": pinned,
        "source": params["source"],
        "destination": params["destination"],
        "blobs_sent": copied.blobs_sent,
        "attached": copied.attached,
        "diff": {
            "before_header": params["destination"],
            "after_header": params["destination"],
            "before": {**before, "attached": []},
            "after": {"digest": copied.digest, "attached": copied.attached},
        },
    }


TASK = Task(SPEC, run, lambda params: on_disk(params, "source", "destination"))
