# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import (
    OCI_INDEX,
    OCI_MANIFEST,
    digest_of,
    parse_manifest,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import (
    decode_base64,
    go_json,
    parse_json,
)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b'{"a":1,"a":2}', "DUPLICATE_KEY", id="AT-05-a"),
        pytest.param(b'{"Payload":1,"payload":2}', "DUPLICATE_KEY", id="AT-05-b"),
        pytest.param('{"a":1}'.encode("utf-16"), "MALFORMED", id="AT-05-c-utf16"),
        pytest.param('{"a":1}'.encode("utf-32-le"), "MALFORMED", id="AT-05-c-utf32"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', "MALFORMED", id="AT-05-d"),
        pytest.param(b'{"a":NaN}', "MALFORMED", id="AT-05-e-nan"),
        pytest.param(b'{"a":-Infinity}', "MALFORMED", id="AT-05-e-infinity"),
        pytest.param(b'{"a":1e999}', "LIMIT_EXCEEDED", id="AT-05-e-1e999"),
        pytest.param(b'{"a":"\\ud800"}', "MALFORMED", id="AT-05-f"),
        pytest.param(b'{"a":1} x', "MALFORMED", id="AT-05-g"),
        pytest.param(b"[" * 100_000, "LIMIT_EXCEEDED", id="AT-04-e"),
        pytest.param(b'{"a":"\\\\"' + b',"b":[' * 100, "LIMIT_EXCEEDED", id="AT-04-e-after-escape"),
        pytest.param(b'{"a":' + b"9" * 1_000_000 + b"}", "LIMIT_EXCEEDED", id="AT-04-f"),
        pytest.param(b"", "MALFORMED", id="empty"),
        pytest.param(b'{"a":"\xff"}', "MALFORMED", id="not-utf8"),
    ],
)
def test_json_that_two_readers_may_read_differently_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(Rejection) as refused:
        parse_json(data, "text")
    assert refused.value.code == code


@pytest.mark.parametrize("name", ["annotations", "optional", "Labels"])
def test_names_in_a_map_may_differ_in_case_and_fields_may_not(name: str) -> None:
    text = {"x": [{name: {"version": "1", "Version": "2"}}]}
    assert parse_json(json.dumps(text).encode(), "text") == text
    for inner in ({name: {"a": {"b": 1, "B": 2}}}, {name: [{"b": 1, "B": 2}]}):
        with pytest.raises(Rejection) as refused:
            parse_json(json.dumps(inner).encode(), "text")
        assert refused.value.code == "DUPLICATE_KEY"


def test_brackets_inside_strings_are_no_nesting() -> None:
    text = {"a": '\\"[[[' + "{[" * 200, "b": ["]" * 200]}
    assert parse_json(json.dumps(text).encode(), "text") == text


@pytest.mark.parametrize("text", ["YR==", "Y!Q=", "YQ", "YQ==\n", " YQ==", "_-__", "YQ=é", "===="])
def test_AT_23_base64_that_no_encoder_writes_is_refused(text: str) -> None:
    with pytest.raises(Rejection) as refused:
        decode_base64(text, "text")
    assert refused.value.code == "NON_CANONICAL"


def test_base64_round_trip() -> None:
    assert decode_base64("YQ==", "text") == b"a"
    assert decode_base64("", "text") == b""


def test_json_is_written_as_go_writes_it() -> None:
    assert go_json({"b": "<a>&\u2028é", "a": None}) == b'{"b":"\\u003ca\\u003e\\u0026\\u2028\xc3\xa9","a":null}'


CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": digest_of(b"{}")}
IMAGE = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": CONFIG, "layers": []}


@pytest.mark.parametrize(
    ("document", "media_type", "code"),
    [
        pytest.param({**IMAGE, "manifests": []}, OCI_MANIFEST, "AMBIGUOUS_MANIFEST", id="AT-05-h"),
        pytest.param({"schemaVersion": 2, "config": CONFIG}, OCI_INDEX, "AMBIGUOUS_MANIFEST", id="AT-05-h-index"),
        pytest.param(IMAGE, OCI_INDEX, "MEDIA_TYPE", id="AT-05-i"),
        pytest.param({**IMAGE, "mediaType": "text/html"}, None, "MEDIA_TYPE", id="unknown-type"),
        pytest.param({**IMAGE, "schemaVersion": 1}, OCI_MANIFEST, "MALFORMED", id="schema1"),
    ],
)
def test_a_manifest_with_two_meanings_is_refused(
    document: dict[str, object], media_type: str | None, code: str
) -> None:
    with pytest.raises(Rejection) as refused:
        parse_manifest(json.dumps(document).encode(), media_type)
    assert refused.value.code == code


@pytest.mark.parametrize("digest", ["sha256:../../x", "sha256:AB", "nocolon", "x" * 10_000, "sha1:" + "a" * 40])
def test_AT_24_a_digest_that_is_none_never_leaves_the_reader(digest: str) -> None:
    manifest = parse_manifest(json.dumps({**IMAGE, "layers": [{**CONFIG, "digest": digest}]}).encode(), OCI_MANIFEST)
    with pytest.raises(Rejection) as refused:
        dummy = manifest.layers
    assert refused.value.code == "MALFORMED"


def test_AT_04_a_hundred_thousand_layers_are_refused_unread() -> None:
    manifest = parse_manifest(json.dumps({**IMAGE, "layers": [0] * 100_000}).encode(), OCI_MANIFEST)
    with pytest.raises(Rejection) as refused:
        dummy = manifest.layers
    assert refused.value.code == "LIMIT_EXCEEDED"


def test_AT_01_other_bytes_for_a_digest_are_refused() -> None:
    data = json.dumps(IMAGE).encode()
    with pytest.raises(Rejection) as refused:
        parse_manifest(data, OCI_MANIFEST, digest_of(data + b" "))
    assert refused.value.code == "DIGEST_MISMATCH"
    assert parse_manifest(data, OCI_MANIFEST, digest_of(data, "sha512")).digest == digest_of(data, "sha512")
