# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""Identity tokens of SPIFFE: JWT-SVIDs of the workload API, which is gRPC on a Unix socket."""

from __future__ import annotations

import os
import re

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._services.ambient_place import Place, no_token

_SOCKET = "/tmp/spire-agent/public/api.sock"  # noqa: S108
_SECONDS = 10.0


def spiffe(place: Place) -> str | None:
    """The JWT-SVID of this process, where a workload API has its socket.

    The socket is a path, as cosign takes it, or a unix: URL, as SPIFFE's workload endpoint specification (§4) says.
    """
    path = re.sub(r"unix:(?://)?", "", place.environ.get("SPIFFE_ENDPOINT_SOCKET") or _SOCKET, count=1)
    if not os.path.exists(path):
        return None
    try:
        from spiffe import WorkloadApiClient
    except ImportError:
        raise no_token(
            f"The SPIFFE workload API at {path} speaks gRPC, for which the Python package spiffe is needed where the "
            "task runs; install it there, or give identity_token."
        ) from None
    try:
        with WorkloadApiClient(f"unix:{path}", default_timeout=_SECONDS) as client:
            return client.fetch_jwt_svid({place.audience}).token
    # Whatever the library, gRPC or the agent's answer leads to.
    except Exception as error:
        raise _refused(path, error) from None


def _refused(path: str, error: Exception) -> Rejection:
    code = getattr(error.__cause__, "code", lambda: None)()
    name = getattr(code, "name", "")
    if name == "PERMISSION_DENIED":
        return no_token(f"The SPIFFE workload API at {path} knows no identity for this process; register the workload.")
    if name:
        return Rejection(
            "UNREACHABLE", f"The SPIFFE workload API at {path} answered {name}; look whether its agent runs."
        )
    return no_token(
        f"The SPIFFE workload API at {path} gave no token of use ({type(error).__name__}); look at its agent's log."
    )
