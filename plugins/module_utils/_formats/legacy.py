# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import LogEntry
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import (
    MAX_DESCRIPTORS,
    OCI_CONFIG,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
    digest_of,
    parse_manifest,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import (
    Fields,
    JsonObject,
    check_digest,
    encode_base64,
    go_json,
    parse_object,
)

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
CERTIFICATE = "dev.sigstore.cosign/certificate"
CHAIN = "dev.sigstore.cosign/chain"
LOG_BUNDLE = "dev.sigstore.cosign/bundle"
TIMESTAMP = "dev.sigstore.cosign/rfc3161timestamp"
_NEVER = "0001-01-01T00:00:00Z"
_IS_INDEX = "The signature tag holds an index, not signatures; delete that tag and sign anew."


def referrers_tag(digest: str) -> str:
    """The tag that stands in for the referrers API (distribution-spec, "Referrers Tag Schema")."""
    return check_digest(digest, "digest").replace(":", "-")


def sig_tag(digest: str) -> str:
    """The tag of a digest's legacy signatures."""
    return f"{referrers_tag(digest)}.sig"


def att_tag(digest: str) -> str:
    """The tag of a digest's legacy attestations."""
    return f"{referrers_tag(digest)}.att"


@dataclass(frozen=True)
class LegacyLayer:
    """One legacy signature: the layer that holds its payload, and what cosign noted beside it, as it was written.

    `signature` is base64, `certificate` and `chain` are PEM, `log_bundle` and `timestamp` are JSON; missing is None.
    """

    index: int
    descriptor: Descriptor
    signature: str
    certificate: str | None
    chain: str | None
    log_bundle: str | None
    timestamp: str | None


def parse_signatures(manifest: Manifest) -> list[LegacyLayer]:
    """The signatures of a `.sig` manifest, in order; layers that are none (another type, no signature) are left out.

    Raises MEDIA_TYPE for an index, LIMIT_EXCEEDED for more than 1000 layers, MALFORMED.
    """
    if manifest.is_index:
        raise Rejection("MEDIA_TYPE", _IS_INDEX)
    return [
        LegacyLayer(
            index=index,
            descriptor=layer,
            signature=layer.annotations[SIGNATURE],
            certificate=layer.annotations.get(CERTIFICATE),
            chain=layer.annotations.get(CHAIN),
            log_bundle=layer.annotations.get(LOG_BUNDLE),
            timestamp=layer.annotations.get(TIMESTAMP),
        )
        for index, layer in enumerate(manifest.layers)
        if layer.media_type == SIMPLE_SIGNING and layer.annotations.get(SIGNATURE)
    ]


def append_signature(
    existing: Manifest | None,
    existing_config: bytes | None,
    payload: bytes,
    signature: bytes,
    annotations: t.Mapping[str, str] | None = None,
) -> tuple[Manifest, bytes]:
    """A `.sig` manifest with one more signature at its end, and its config blob, as cosign writes them.

    `existing` and `existing_config` are what stands there (None: nothing); all of it is kept as it is.
    """
    notes = {SIGNATURE: encode_base64(signature), **(annotations or {})}
    return append_layer(
        existing, existing_config, Descriptor(SIMPLE_SIGNING, digest_of(payload), len(payload), annotations=notes)
    )


def log_annotation(entry: LogEntry) -> str:
    """The entry of a log of Rekor v1, as cosign writes it beside a legacy signature (cosign, pkg/cosign/bundle)."""
    payload = {
        "body": encode_base64(entry.body),
        "integratedTime": entry.integrated_time,
        "logIndex": entry.log_index,
        "logID": entry.log_id.hex(),
    }
    return go_json({"SignedEntryTimestamp": encode_base64(entry.set), "Payload": payload}).decode("utf-8")


def timestamp_annotation(token: bytes) -> str:
    """A TimeStampResp (DER), as cosign writes it beside a legacy signature."""
    return go_json({"SignedRFC3161Timestamp": encode_base64(token)}).decode("utf-8")


def append_layer(existing: Manifest | None, existing_config: bytes | None, layer: Descriptor) -> tuple[Manifest, bytes]:
    """The same for any layer."""
    document, config = _read(existing, existing_config)
    if len(document["layers"]) >= MAX_DESCRIPTORS:
        raise Rejection(
            "LIMIT_EXCEEDED", f"The tag holds {MAX_DESCRIPTORS} layers already; one more would not be read."
        )
    config["history"] = [*_array(config, "history"), {"created": _NEVER}]
    config["rootfs"]["diff_ids"] = [*_array(config["rootfs"], "diff_ids"), layer.digest]
    document["layers"] = [*document["layers"], layer.as_json()]
    return _write(document, config)


def remove_layers(
    existing: Manifest, existing_config: bytes, indexes: t.Collection[int]
) -> tuple[Manifest, bytes] | None:
    """Without the layers of these indexes; the others stay as they are, in order. None: no layer is left."""
    document, config = _read(existing, existing_config)
    count = len(document["layers"])
    document["layers"] = _without(document["layers"], indexes, count)
    if not document["layers"]:
        return None
    config["history"] = _without(_array(config, "history"), indexes, count)
    config["rootfs"]["diff_ids"] = _without(_array(config["rootfs"], "diff_ids"), indexes, count)
    return _write(document, config)


def _read(existing: Manifest | None, existing_config: bytes | None) -> tuple[JsonObject, JsonObject]:
    if existing is None:
        rootfs = {"type": "layers", "diff_ids": []}
        empty = {"architecture": "", "created": _NEVER, "history": [], "os": "", "rootfs": rootfs, "config": {}}
        return {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {}, "layers": []}, empty
    if existing.is_index:
        raise Rejection("MEDIA_TYPE", _IS_INDEX)
    # Both refuse what is malformed, and more layers than are read.
    dummy = existing.layers, existing.config
    config = parse_object(existing_config or b"{}", "config of the signatures")
    config["rootfs"] = dict(Fields(config.get("rootfs", {}), "config.rootfs").found)
    return {**existing.document, "layers": _array(existing.document, "layers")}, config


def _write(document: JsonObject, config: JsonObject) -> tuple[Manifest, bytes]:
    config_data = go_json(config)
    described = Descriptor(OCI_CONFIG, digest_of(config_data), len(config_data)).as_json()
    document["config"] = {**described, **{k: v for k, v in document["config"].items() if k not in ("size", "digest")}}
    # Before OCI 1.1 a manifest need not have said its type.
    return parse_manifest(go_json(document), document.get("mediaType", OCI_MANIFEST)), config_data


def _array(fields: JsonObject, key: str) -> list[t.Any]:
    # Go writes an empty list as null.
    return [] if fields.get(key) is None else Fields(fields, "config").array(key)


def _without(found: list[t.Any], indexes: t.Collection[int], count: int) -> list[t.Any]:
    # A list that is not in step with the layers has nothing to take out.
    return [one for index, one in enumerate(found) if len(found) != count or index not in indexes]
