# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import LogEntry
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.legacy import (
    CERTIFICATE,
    CHAIN,
    LOG_BUNDLE,
    SIGNATURE,
    SIMPLE_SIGNING,
    TIMESTAMP,
    append_layer,
    append_signature,
    att_tag,
    log_annotation,
    parse_signatures,
    referrers_tag,
    remove_layers,
    sig_tag,
    timestamp_annotation,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import (
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
    digest_of,
    parse_manifest,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import decode_base64

DIGEST = digest_of(b"image")


def three() -> tuple[Manifest, bytes]:
    manifest, config = append_signature(None, None, b"payload 0", b"signature 0")
    manifest, config = append_signature(manifest, config, b"payload 1", b"signature 1", {"other": "note"})
    return append_signature(manifest, config, b"payload 2", b"signature 2")


def changed(**changes: t.Any) -> Manifest:
    return parse_manifest(json.dumps({**three()[0].document, **changes}).encode(), None)


def refusal(call: t.Callable[[], object]) -> str:
    with pytest.raises(Rejection) as refused:
        call()
    return refused.value.code


def test_what_stands_beside_a_signature_is_written_as_cosign_does() -> None:
    entry = LogEntry(74827, b"\xab" * 32, 1624396085, b"body", b"promise", "hashedrekord", "0.0.1")
    assert log_annotation(entry) == (
        '{"SignedEntryTimestamp":"cHJvbWlzZQ==","Payload":{"body":"Ym9keQ==","integratedTime":1624396085,'
        f'"logIndex":74827,"logID":"{"ab" * 32}"}}}}'
    )
    assert timestamp_annotation(b"token") == '{"SignedRFC3161Timestamp":"dG9rZW4="}'


def test_tags() -> None:
    hexadecimal = DIGEST[len("sha256:") :]
    assert referrers_tag(DIGEST) == f"sha256-{hexadecimal}"
    assert sig_tag(DIGEST) == f"sha256-{hexadecimal}.sig"
    assert att_tag(DIGEST) == f"sha256-{hexadecimal}.att"
    assert refusal(lambda: sig_tag("sha256:../../x")) == "MALFORMED"


def test_signatures_are_appended_byte_for_byte_as_cosign_does(vectors: Path) -> None:
    golden = vectors / "cosign/golden/referrers"
    manifest: Manifest | None = None
    config: bytes | None = None
    for number in (2, 3, 4):
        wanted = next(golden.glob(f"put-0{number}-*")).read_bytes().rstrip(b"\n")
        layer = json.loads(wanted)["layers"][-1]
        notes = dict(layer["annotations"])
        signature = decode_base64(notes.pop(SIGNATURE), "signature")
        payload = next(golden.glob(f"layer-*.sig-{number - 2}")).read_bytes()
        manifest, config = append_signature(manifest, config, payload, signature, notes)
        assert manifest.data == wanted
    assert config == next(golden.glob("config-*.sig.json")).read_bytes().rstrip(b"\n")


def test_what_stands_there_is_kept() -> None:
    existing = changed(annotations={"theirs": "1"}, unknown={"x": [1]})
    config = json.dumps({**json.loads(three()[1]), "created": "2020-01-01T00:00:00Z", "unknown": 1}).encode()
    manifest, new_config = append_signature(existing, config, b"payload 3", b"signature 3")
    assert manifest.document["layers"][:3] == existing.document["layers"]
    assert {**manifest.document, "layers": 0, "config": 0} == {**existing.document, "layers": 0, "config": 0}
    read = json.loads(new_config)
    assert (read["created"], read["unknown"], len(read["history"]), len(read["rootfs"]["diff_ids"])) == (
        "2020-01-01T00:00:00Z",
        1,
        4,
        4,
    )
    assert manifest.config.digest == digest_of(new_config)


@pytest.mark.parametrize("config", [None, b"{}", b'{"rootfs":{"diff_ids":null},"history":null}'])
def test_a_config_that_is_not_there_loses_no_layer(config: bytes | None) -> None:
    manifest, dummy = append_signature(three()[0], config, b"payload 3", b"signature 3")
    assert len(manifest.layers) == 4


@pytest.mark.parametrize(
    "config", [b"", b"[]", b'{"history":{}}', b'{"rootfs":[]}', b'{"rootfs":{"diff_ids":1}}', b'{"rootfs":null}']
)
def test_AT_24_a_config_that_is_none_is_refused(config: bytes) -> None:
    if config:
        assert refusal(lambda: append_signature(three()[0], config, b"p", b"s")) == "MALFORMED"
        assert refusal(lambda: remove_layers(three()[0], config, [0])) == "MALFORMED"


def test_no_signature_is_appended_that_could_not_be_read_again() -> None:
    layer = three()[0].document["layers"][0]
    full = changed(layers=[layer] * 1000)
    assert len(parse_signatures(full)) == 1000
    assert refusal(lambda: append_signature(full, three()[1], b"p", b"s")) == "LIMIT_EXCEEDED"
    over = changed(layers=[layer] * 1001)
    assert refusal(lambda: append_signature(over, three()[1], b"p", b"s")) == "LIMIT_EXCEEDED"


def test_AT_04_more_than_a_thousand_layers_are_refused() -> None:
    over = changed(layers=[three()[0].document["layers"][0]] * 1001)
    assert refusal(lambda: parse_signatures(over)) == "LIMIT_EXCEEDED"


def test_removing_takes_out_these_layers_and_no_others() -> None:
    manifest, config = three()
    left = remove_layers(manifest, config, {1})
    assert left is not None
    kept, kept_config = left
    assert kept.document["layers"] == [manifest.document["layers"][0], manifest.document["layers"][2]]
    read = json.loads(kept_config)
    assert read["rootfs"]["diff_ids"] == [digest_of(b"payload 0"), digest_of(b"payload 2")]
    assert len(read["history"]) == 2
    assert kept.config.digest == digest_of(kept_config)
    assert remove_layers(manifest, config, {0, 1, 2}) is None


def test_removing_undoes_appending() -> None:
    manifest, config = three()
    longer = append_signature(manifest, config, b"p", b"s")
    left = remove_layers(*longer, {3})
    assert left is not None
    assert (left[0].data, left[1]) == (manifest.data, config)


def test_a_history_out_of_step_is_left_alone() -> None:
    manifest, config = three()
    odd = json.loads(config)
    odd["history"].append({"created": "x"})
    left = remove_layers(manifest, json.dumps(odd).encode(), {0})
    assert left is not None
    assert len(json.loads(left[1])["history"]) == 4


def test_signatures_are_read_with_their_notes() -> None:
    notes = {CERTIFICATE: "c", CHAIN: "", LOG_BUNDLE: "l", TIMESTAMP: "t"}
    manifest, dummy = append_signature(*three(), b"p", b"s", notes)
    layer = parse_signatures(manifest)[3]
    assert (layer.index, layer.signature, layer.certificate, layer.chain) == (3, "cw==", "c", "")
    assert (layer.log_bundle, layer.timestamp, layer.descriptor.digest) == ("l", "t", digest_of(b"p"))
    assert parse_signatures(three()[0])[0].chain is None


def test_AT_16_d_g_layers_that_are_no_signatures_are_left_out() -> None:
    manifest, config = three()
    for kind, notes in (
        ("application/vnd.dsse.envelope.v1+json", {SIGNATURE: "YQ=="}),
        (SIMPLE_SIGNING, {}),
        (SIMPLE_SIGNING, {SIGNATURE: ""}),
        (SIMPLE_SIGNING, {SIGNATURE.upper(): "YQ=="}),
    ):
        manifest, config = append_layer(manifest, config, Descriptor(kind, DIGEST, 1, annotations=notes))
    assert [layer.index for layer in parse_signatures(manifest)] == [0, 1, 2]


@pytest.mark.parametrize("layers", [1, {}, [None], [{"digest": 1}], [{"annotations": []}]])
def test_AT_24_layers_that_are_none(layers: t.Any) -> None:
    assert refusal(lambda: parse_signatures(changed(layers=layers))) == "MALFORMED"
    assert refusal(lambda: append_signature(changed(layers=layers), three()[1], b"p", b"s")) == "MALFORMED"


def test_an_index_holds_no_signatures() -> None:
    index = parse_manifest(
        json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode(), OCI_INDEX
    )
    assert refusal(lambda: parse_signatures(index)) == "MEDIA_TYPE"
    assert refusal(lambda: append_signature(index, None, b"p", b"s")) == "MEDIA_TYPE"


def test_AT_15_b_no_layers_are_no_signatures() -> None:
    assert parse_signatures(changed(layers=[])) == []
    del (document := dict(three()[0].document))["layers"]
    bare = parse_manifest(json.dumps(document).encode(), OCI_MANIFEST)
    assert parse_signatures(bare) == []
    assert len(append_signature(bare, None, b"p", b"s")[0].layers) == 1
