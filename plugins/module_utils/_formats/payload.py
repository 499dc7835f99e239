# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import (
    FEW_VALUES,
    Fields,
    check_digest,
    go_json,
    parse_object,
)

PAYLOAD_TYPE = "cosign container image signature"
MAX_PAYLOAD_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Payload:
    """What a simple signing payload claims. `annotations` is its "optional"; others than cosign put numbers there."""

    digest: str
    docker_reference: str
    annotations: t.Mapping[str, t.Any]


def simple_signing_payload(docker_reference: str, digest: str, annotations: t.Mapping[str, str] | None = None) -> bytes:
    """The bytes that a legacy signature signs, as cosign writes them (containers/image, atomic-signature.md).

    `docker_reference` is the image's repository without tag and digest, or what the signer wants to be shown.
    """
    critical = {
        "identity": {"docker-reference": docker_reference},
        "image": {"docker-manifest-digest": check_digest(digest, "digest to sign")},
        "type": PAYLOAD_TYPE,
    }
    return go_json({"critical": critical, "optional": dict(sorted((annotations or {}).items())) or None})


def parse_payload(data: bytes) -> Payload:
    """Read a simple signing payload. Whatever is "critical" must be understood, so nothing may be missing or new there.

    Raises MALFORMED, LIMIT_EXCEEDED, DUPLICATE_KEY, or PAYLOAD_TYPE where it says that it is something else.
    """
    if len(data) > MAX_PAYLOAD_BYTES:
        raise Rejection("LIMIT_EXCEEDED", f"The signature's payload is larger than {MAX_PAYLOAD_BYTES} bytes.")
    payload = Fields(parse_object(data, "signature's payload", FEW_VALUES), "payload")
    payload.only("critical", "optional")
    critical = payload.object("critical")
    critical.only("identity", "image", "type")
    kind = critical.text("type")
    if kind != PAYLOAD_TYPE:
        raise Rejection("PAYLOAD_TYPE", f"The payload is a {kind[:64]!r}, not a {PAYLOAD_TYPE!r}.")
    identity, image = critical.object("identity"), critical.object("image")
    identity.only("docker-reference")
    image.only("docker-manifest-digest")
    optional = payload.optional_object("optional")
    return Payload(
        digest=check_digest(image.text("docker-manifest-digest"), "digest in the payload"),
        docker_reference=identity.text("docker-reference"),
        annotations=optional.found if optional else {},
    )
