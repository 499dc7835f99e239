# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
import typing as t

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import (
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
    digest_of,
    parse_manifest,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._registry import blobs, manifests
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.credentials import Credential
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.place import Place
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.registry import RegistryPlace, ping
from tests.support import faults
from tests.support.http_server import Exchange, Request, Response
from tests.support.registry import EmbeddedRegistry

from .conftest import CANARY, LIMIT, REPOSITORY, USER, Content, Opener, code_of, put

MANIFEST = ("GET", "/manifests/")
BLOB = ("GET", "/blobs/sha256")


def push(place: Place, content: Content, tag: str | None = None) -> None:
    put(place, content.blob)
    put(place, b"{}")
    place.put_manifest(content.manifest, tag)


@pytest.fixture
def content(registry: EmbeddedRegistry) -> Content:
    return Content().into(registry, "v1")


@pytest.fixture
def place(registry: EmbeddedRegistry, opener: Opener) -> RegistryPlace:
    return opener.place(registry)


def test_round_trip(registry: EmbeddedRegistry, place: RegistryPlace) -> None:
    content = Content("pushed")
    push(place, content, "v1")
    assert place.get_manifest("v1") == content.manifest
    assert place.get_manifest(content.manifest.digest) == content.manifest
    assert place.get_blob(content.descriptor, LIMIT) == content.blob
    with place.open_blob(content.descriptor) as chunks:
        assert b"".join(chunks) == content.blob
    assert place.has_blob(content.descriptor.digest)
    assert not put(place, content.blob)
    assert {request.connection for request in registry.requests} == {1}


def test_what_is_not_there(place: RegistryPlace) -> None:
    assert place.get_manifest("v1") is None
    assert place.get_manifest("sha256:" + "0" * 64) is None
    assert not place.has_blob("sha256:" + "0" * 64)
    assert place.referrers("sha256:" + "0" * 64) == []
    missing = Descriptor("text/plain", "sha256:" + "0" * 64, 3)
    assert code_of(lambda: place.get_blob(missing, LIMIT)) == "UNREACHABLE"


# Bytes and names


@pytest.mark.parametrize(
    ("answer", "reference", "code"),
    [
        pytest.param(faults.wrong_bytes, "digest", "DIGEST_MISMATCH", id="AT-01-b"),
        pytest.param(faults.wrong_bytes, "v1", "DIGEST_MISMATCH", id="AT-01-c-body"),
        pytest.param(
            faults.header("Docker-Content-Digest", "sha256:" + "0" * 64), "v1", "DIGEST_MISMATCH", id="AT-01-c-header"
        ),
        pytest.param(faults.header("Docker-Content-Digest", "nonsense"), "v1", "MALFORMED", id="AT-01-c-nonsense"),
        pytest.param(
            faults.header("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws"),
            "digest",
            "MEDIA_TYPE",
            id="AT-01-d",
        ),
        pytest.param(faults.gzip_encoded, "digest", "MEDIA_TYPE", id="AT-01-i"),
        pytest.param(faults.endless_body, "v1", "LIMIT_EXCEEDED", id="AT-03-a"),
        pytest.param(faults.gzip_bomb(), "v1", "MEDIA_TYPE", id="AT-03-c"),
        pytest.param(faults.huge_headers(), "v1", "UNREACHABLE", id="AT-03-f-many"),
        pytest.param(faults.huge_headers(1, 70_000), "v1", "UNREACHABLE", id="AT-03-f-long"),
        pytest.param(faults.status(500, body=b"x" * 10_000_000), "v1", "UNREACHABLE", id="AT-03-g"),
        pytest.param(faults.body(b"x" * 5_000_000), "v1", "LIMIT_EXCEEDED", id="AT-03-length"),
        pytest.param(
            faults.status(200, body=b"[" * 100_000, media_type=OCI_MANIFEST), "v1", "LIMIT_EXCEEDED", id="AT-04-e"
        ),
        pytest.param(
            faults.status(200, body=b'{"schemaVersion":' + b"2" * 1_000_000 + b"}", media_type=OCI_MANIFEST),
            "v1",
            "LIMIT_EXCEEDED",
            id="AT-04-f",
        ),
        pytest.param(faults.html(), "v1", "MALFORMED", id="AT-13-html-200"),
    ],
)
def test_wrong_manifests(
    registry: EmbeddedRegistry, place: RegistryPlace, content: Content, answer: faults.Answer, reference: str, code: str
) -> None:
    registry.fault(MANIFEST, answer)
    asked = content.manifest.digest if reference == "digest" else reference
    assert code_of(lambda: place.get_manifest(asked)) == code


def test_AT_01_c_a_wrong_header_beside_the_right_bytes_of_a_digest(
    registry: EmbeddedRegistry, place: RegistryPlace, content: Content
) -> None:
    registry.fault(MANIFEST, faults.header("Docker-Content-Digest", "sha256:" + "0" * 64))
    assert place.get_manifest(content.manifest.digest) == content.manifest


def test_AT_01_g_sha512(registry: EmbeddedRegistry, place: RegistryPlace, content: Content) -> None:
    digest = digest_of(content.manifest.data, "sha512")
    registry.put_manifest(REPOSITORY, digest, content.manifest.data, OCI_MANIFEST)
    found = place.get_manifest(digest)
    assert found is not None
    assert found.digest == digest
    registry.fault(MANIFEST, faults.wrong_bytes)
    assert code_of(lambda: place.get_manifest(digest)) == "DIGEST_MISMATCH"


@pytest.mark.parametrize(
    "digest",
    ["sha1:" + "0" * 40, "md5:" + "0" * 32, "sha256:" + "A" * 64, "sha256:AB", "x" * 10_000, "sha256:../../../v2/x/y"],
    ids=["AT-01-g-sha1", "AT-01-g-md5", "AT-01-h", "AT-44-short", "AT-44-long", "AT-44-path"],
)
def test_digests_that_are_none_reach_no_url(registry: EmbeddedRegistry, place: RegistryPlace, digest: str) -> None:
    descriptor = Descriptor("text/plain", digest, 3)
    for act in (
        lambda: place.get_manifest(digest),
        lambda: place.get_blob(descriptor, LIMIT),
        lambda: place.has_blob(digest),
        lambda: place.referrers(digest),
        lambda: place.delete_manifest(digest),
    ):
        assert code_of(act) == "MALFORMED"
    assert registry.requests == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(faults.wrong_bytes, "DIGEST_MISMATCH", id="AT-01-a"),
        pytest.param(faults.body(b"x" * 500), "SIZE_MISMATCH", id="AT-01-f-long"),
        pytest.param(faults.body(b"x"), "SIZE_MISMATCH", id="AT-01-f-short"),
        pytest.param(faults.gzip_encoded, "MEDIA_TYPE", id="AT-01-i"),
        pytest.param(faults.endless_body, "SIZE_MISMATCH", id="AT-03-a"),
        pytest.param(faults.half_body_without_length, "SIZE_MISMATCH", id="F-04-no-length"),
        pytest.param(faults.half_body, "UNREACHABLE", id="F-04-length"),
        pytest.param(faults.half_body_chunked, "UNREACHABLE", id="F-04-chunked"),
        pytest.param(faults.reset_mid_body, "UNREACHABLE", id="F-03-mid-body"),
    ],
)
@pytest.mark.parametrize("whole", [True, False], ids=["get", "open"])
def test_wrong_blobs(
    registry: EmbeddedRegistry, place: RegistryPlace, content: Content, answer: faults.Answer, code: str, whole: bool
) -> None:
    content = Content("x" * 400).into(registry)
    registry.fault(BLOB, answer)

    def read() -> object:
        if whole:
            return place.get_blob(content.descriptor, LIMIT)
        taken = []
        with place.open_blob(content.descriptor) as chunks:
            for chunk in chunks:
                taken.append(chunk)
                assert b"".join(taken) != content.blob
        return taken

    # more bytes than expected are seen at once; compressed, the length differs too
    assert code_of(read) == code


def test_AT_03_b_bytes_after_the_body_end_the_connection(
    registry: EmbeddedRegistry, place: RegistryPlace, content: Content
) -> None:
    registry.fault(BLOB, faults.body_longer_than_length, times=1)
    assert place.get_blob(content.descriptor, LIMIT) == content.blob
    assert place.get_manifest("v1") == content.manifest
    assert [request.connection for request in registry.requests] == [1, 2]


def test_AT_03_size_is_looked_at_before_the_blob_is_fetched(registry: EmbeddedRegistry, place: RegistryPlace) -> None:
    huge = Descriptor("text/plain", "sha256:" + "0" * 64, 4 * 1024**3)
    assert code_of(lambda: place.get_blob(huge, LIMIT)) == "LIMIT_EXCEEDED"
    assert registry.requests == []


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param('{"schemaVersion":2,"schemaVersion":2,"manifests":[]}', "DUPLICATE_KEY", id="AT-05-a"),
        pytest.param('{"schemaVersion":2,"Manifests":[],"manifests":[]}', "DUPLICATE_KEY", id="AT-05-b"),
        pytest.param('\ufeff{"schemaVersion":2,"manifests":[]}', "MALFORMED", id="AT-05-d"),
        pytest.param('{"schemaVersion":NaN,"manifests":[]}', "MALFORMED", id="AT-05-e"),
        pytest.param('{"schemaVersion":2,"manifests":[]}x', "MALFORMED", id="AT-05-g"),
        pytest.param('{"schemaVersion":2,"manifests":[],"layers":[]}', "AMBIGUOUS_MANIFEST", id="AT-05-h"),
        pytest.param(
            '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[]}',
            "MEDIA_TYPE",
            id="AT-05-i",
        ),
    ],
)
def test_manifests_with_two_meanings(
    registry: EmbeddedRegistry, place: RegistryPlace, document: str, code: str
) -> None:
    registry.fault(MANIFEST, faults.status(200, body=document.encode(), media_type=OCI_INDEX))
    assert code_of(lambda: place.get_manifest("v1")) == code


# What is "not there", and what is "could not look"


@pytest.mark.parametrize("status", [400, 401, 403, 410, 418, 429, 500, 501, 502, 503, 504])
@pytest.mark.parametrize("look", ["manifest", "blob", "has_blob", "referrers", "fallback"])
def test_AT_13_only_404_means_absent(registry: EmbeddedRegistry, opener: Opener, status: int, look: str) -> None:
    place = opener.place(registry, retries=1)
    registry.settings.referrers = look != "fallback"
    registry.fault(lambda request: "/referrers/" not in request.path or look == "referrers", faults.status(status))
    digest = "sha256:" + "0" * 64
    looks: dict[str, t.Callable[[], object]] = {
        "manifest": lambda: place.get_manifest("v1"),
        "blob": lambda: place.get_blob(Descriptor("text/plain", digest, 1), LIMIT),
        "has_blob": lambda: place.has_blob(digest),
        "referrers": lambda: place.referrers(digest),
        "fallback": lambda: place.referrers(digest),
    }
    expected = {
        401: "AUTH_REFUSED",
        403: "AUTH_REFUSED",
        429: "RATE_LIMITED",
        400: "MALFORMED",
        501: "POLICY_UNSUPPORTED",
    }
    if look == "referrers" and status in (400, 501):
        # no API: the fallback tag, which is as broken here
        assert [r.path for r in registry.requests] == []
    assert code_of(looks[look]) == expected.get(status, "UNREACHABLE")


@pytest.mark.parametrize(
    ("answer", "there"),
    [
        pytest.param(faults.status(404, body=b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}'), None, id="MANIFEST_UNKNOWN"),
        pytest.param(faults.status(404, body=b'{"errors":[{"code":"NAME_UNKNOWN"}]}'), None, id="NAME_UNKNOWN"),
        pytest.param(faults.status(404, body=b"404 page not found", media_type="text/plain"), None, id="plain"),
        pytest.param(faults.html(404), "UNREACHABLE", id="html"),
    ],
)
def test_AT_13_kinds_of_404(
    registry: EmbeddedRegistry, place: RegistryPlace, answer: Response, there: str | None
) -> None:
    registry.fault(MANIFEST, answer)
    if there is None:
        assert place.get_manifest("v1") is None
    else:
        assert code_of(lambda: place.get_manifest("v1")) == there


@pytest.mark.parametrize("answer", [faults.reset, faults.hang_up], ids=["reset", "closed"])
def test_AT_13_broken_connections_are_no_absence(
    registry: EmbeddedRegistry, place: RegistryPlace, answer: t.Any
) -> None:
    fault = registry.fault(MANIFEST, answer)
    assert code_of(lambda: place.get_manifest("v1")) == "UNREACHABLE"
    assert fault.hits == 5


def test_AT_13_nothing_listens(opener: Opener) -> None:
    with EmbeddedRegistry() as gone:
        place = opener.place(gone)
    assert code_of(lambda: place.get_manifest("v1")) == "UNREACHABLE"


# Referrers


def refer(registry: EmbeddedRegistry, subject: Manifest, count: int) -> list[str]:
    return [Content(f"referrer {n}", subject).into(registry).manifest.digest for n in range(count)]


def index_of(digests: t.Iterable[str]) -> bytes:
    entries = [{"mediaType": OCI_MANIFEST, "digest": digest, "size": 1} for digest in digests]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()


def tag_of(digest: str) -> str:
    return digest.replace(":", "-")


def test_referrers_page_by_page(registry: EmbeddedRegistry, place: RegistryPlace, content: Content) -> None:
    registry.settings.page_size = 2
    digests = refer(registry, content.manifest, 5)
    found = place.referrers(content.manifest.digest)
    assert sorted(one.digest for one in found) == sorted(digests)
    assert found[0].artifact_type == "application/vnd.example"
    assert len(registry.requests) == 3


@pytest.mark.parametrize(
    "answer",
    [
        *(pytest.param(faults.status(status), id=str(status)) for status in (400, 404, 405, 406, 501)),
        pytest.param(faults.html(), id="HTML-200"),
        pytest.param(faults.status(200, body=b"{}"), id="json-200"),
    ],
)
def test_F_15_no_referrers_api(
    registry: EmbeddedRegistry, place: RegistryPlace, content: Content, answer: Response
) -> None:
    registry.fault(("GET", "/referrers/"), answer)
    assert place.referrers(content.manifest.digest) == []
    registry.put_manifest(REPOSITORY, tag_of(content.manifest.digest), index_of(["sha256:" + "1" * 64]), OCI_INDEX)
    registry.reset_requests()
    assert [one.digest for one in place.referrers(content.manifest.digest)] == ["sha256:" + "1" * 64]
    assert len(registry.requests) == 2


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(faults.status(403), "AUTH_REFUSED", id="F-15-403"),
        pytest.param(faults.status(401), "AUTH_REFUSED", id="F-15-401"),
        pytest.param(faults.status(429), "RATE_LIMITED", id="F-15-429"),
        pytest.param(faults.status(503), "UNREACHABLE", id="F-15-503"),
        pytest.param(faults.status(200, body=b"{}", media_type=OCI_INDEX), "MEDIA_TYPE", id="F-15-empty"),
        pytest.param(faults.status(200, body=b"<html>", media_type=OCI_INDEX), "MEDIA_TYPE", id="F-15-html"),
        pytest.param(faults.status(200, body=b'{"manifests":', media_type=OCI_INDEX), "MEDIA_TYPE", id="F-15-half"),
        pytest.param(faults.gzip_encoded, "MEDIA_TYPE", id="F-15-gzip"),
        pytest.param(faults.many_referrers(20_000), "LIMIT_EXCEEDED", id="AT-04-b"),
        pytest.param(faults.many_referrers(100_000), "LIMIT_EXCEEDED", id="AT-04-b-long"),
        pytest.param(faults.endless_pages, "LIMIT_EXCEEDED", id="AT-04-c"),
    ],
)
def test_referrers_that_cannot_be_read(
    registry: EmbeddedRegistry, opener: Opener, content: Content, answer: faults.Answer, code: str
) -> None:
    registry.put_manifest(REPOSITORY, tag_of(content.manifest.digest), index_of([]), OCI_INDEX)
    registry.fault(("GET", "/referrers/"), answer)
    place = opener.place(registry, retries=1)
    assert code_of(lambda: place.referrers(content.manifest.digest)) == code
    assert len(registry.requests) <= manifests.MAX_PAGES
    assert not any("/manifests/" in request.path for request in registry.requests), "it fell back"


def test_AT_04_c_pages_add_up(registry: EmbeddedRegistry, place: RegistryPlace, content: Content) -> None:
    def page(exchange: Exchange) -> Response:
        number = int(exchange.request.query.get("page", "0"))
        digests = [f"sha256:{number * 900 + n:064x}" for n in range(900)]
        link = {"Link": f'<{exchange.request.path}?page={number + 1}>; rel="next"'}
        return faults.status(200, link, index_of(digests), OCI_INDEX)

    registry.fault(("GET", "/referrers/"), page)
    assert code_of(lambda: place.referrers(content.manifest.digest)) == "LIMIT_EXCEEDED"
    assert len(registry.requests) == 2


@pytest.mark.parametrize(
    "link", ["http://169.254.169.254/latest", "//evil.example/x", "https://reg\\@evil/", "file:///x"]
)
def test_AT_07_a_next_page_elsewhere(
    registry: EmbeddedRegistry, place: RegistryPlace, content: Content, link: str
) -> None:
    registry.fault(("GET", "/referrers/"), faults.header("Link", f'<{link}>; rel="next"'))
    assert code_of(lambda: place.referrers(content.manifest.digest)) == "REDIRECT_REFUSED"


def test_AT_12_f_a_fallback_tag_that_is_no_index(
    registry: EmbeddedRegistry, place: RegistryPlace, content: Content
) -> None:
    registry.settings.referrers = False
    Content("another").into(registry, tag_of(content.manifest.digest))
    assert code_of(lambda: place.referrers(content.manifest.digest)) == "MEDIA_TYPE"


def test_cosign_copy_leaves_the_image_under_the_fallback_tag(
    registry: EmbeddedRegistry, place: RegistryPlace, content: Content
) -> None:
    registry.settings.referrers = False
    content.into(registry, tag_of(content.manifest.digest))
    assert place.referrers(content.manifest.digest) == []
    one = Content("ours", content.manifest).blobs_into(registry)
    place.add_referrer(one.manifest)
    assert [found.digest for found in place.referrers(content.manifest.digest)] == [one.manifest.digest]


@pytest.mark.parametrize("api", [True, False], ids=["api", "fallback"])
def test_add_and_remove_referrers(
    registry: EmbeddedRegistry, place: RegistryPlace, content: Content, api: bool
) -> None:
    registry.settings.referrers = api
    added = [Content(f"ours {n}", content.manifest).blobs_into(registry) for n in range(3)]
    for one in added:
        place.add_referrer(one.manifest)
    found = place.referrers(content.manifest.digest)
    assert sorted(one.digest for one in found) == sorted(one.manifest.digest for one in added)
    if not api:
        assert [one.digest for one in found] == sorted(one.digest for one in found)
    assert {(one.artifact_type, one.annotations["of"][:4], one.size) for one in found} == {
        ("application/vnd.example", "ours", len(added[0].manifest.data))
    }
    place.remove_referrer(added[0].manifest.digest, content.manifest.digest)
    left = {one.digest for one in place.referrers(content.manifest.digest)}
    assert left == {one.manifest.digest for one in added[1:]}
    assert place.get_manifest(added[0].manifest.digest) is None


def test_requests_of_add_referrer(registry: EmbeddedRegistry, place: RegistryPlace, content: Content) -> None:
    one = Content("ours", content.manifest).blobs_into(registry)
    place.referrers(content.manifest.digest)
    registry.reset_requests()
    place.add_referrer(one.manifest)
    assert [request.method for request in registry.requests] == ["PUT", "GET"]


@pytest.mark.attack("AT-11", "F-13")
def test_AT_11_a_referrer_that_is_promised_must_be_listed_in_the_end(
    registry: EmbeddedRegistry, place: RegistryPlace, content: Content
) -> None:
    empty = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
    registry.fault(("GET", "/referrers/"), faults.status(200, body=empty, media_type=OCI_INDEX), times=3)
    one = Content("ours", content.manifest).blobs_into(registry)
    place.add_referrer(one.manifest)
    registry.fault(("GET", "/referrers/"), faults.status(200, body=empty, media_type=OCI_INDEX))
    another = Content("another", content.manifest).blobs_into(registry)
    assert code_of(lambda: place.add_referrer(another.manifest)) == "CONFLICT"


def test_AT_11_e_oci_subject_without_the_api(
    registry: EmbeddedRegistry, place: RegistryPlace, content: Content
) -> None:
    registry.fault(("GET", "/referrers/"), faults.status(404))
    one = Content("ours", content.manifest).blobs_into(registry)
    place.add_referrer(one.manifest)
    assert [found.digest for found in place.referrers(content.manifest.digest)] == [one.manifest.digest]


def test_the_api_without_oci_subject(registry: EmbeddedRegistry, place: RegistryPlace, content: Content) -> None:
    registry.fault(("PUT", "/manifests/"), faults.edited(lambda response: response.headers.__delitem__("OCI-Subject")))
    one = Content("ours", content.manifest).blobs_into(registry)
    place.add_referrer(one.manifest)
    assert len(registry.writes()) == 1


def test_what_others_wrote_into_the_fallback_index_stays(
    registry: EmbeddedRegistry, place: RegistryPlace, content: Content
) -> None:
    registry.settings.referrers = False
    entry = {"mediaType": OCI_MANIFEST, "digest": "sha256:" + "f" * 64, "size": 7, "x-unknown": {"a": [1]}}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry], "annotations": {"a": "b"}}
    registry.put_manifest(REPOSITORY, tag_of(content.manifest.digest), json.dumps(index).encode(), OCI_INDEX)
    registry.fault(("PUT", "/manifests/sha256-"), lambda exchange: _store_as_is(registry, exchange))
    place.add_referrer(Content("ours", content.manifest).blobs_into(registry).manifest)
    found = place.get_manifest(tag_of(content.manifest.digest))
    assert found is not None
    assert found.document["annotations"] == {"a": "b"}
    assert entry in found.document["manifests"]
    assert len(found.document["manifests"]) == 2


def _store_as_is(registry: EmbeddedRegistry, exchange: Exchange) -> Response:
    request = exchange.request
    registry.put_manifest(REPOSITORY, request.path.rpartition("/")[2], request.body, request.headers["content-type"])
    return Response(201)


# Writing


def test_put_manifest_reads_the_tag_back(registry: EmbeddedRegistry, place: RegistryPlace, content: Content) -> None:
    place.put_manifest(content.manifest, "v2")
    assert [request.method for request in registry.requests] == ["PUT", "GET"]


def test_AT_11_a_a_tag_that_does_not_stand(registry: EmbeddedRegistry, place: RegistryPlace, content: Content) -> None:
    other = Content("other").blobs_into(registry)
    registry.fault(("PUT", "/manifests/"), faults.status(201))
    assert code_of(lambda: place.put_manifest(other.manifest, "v1")) == "CONFLICT"
    assert code_of(lambda: place.put_manifest(other.manifest, "v9")) == "CONFLICT"
    assert code_of(lambda: place.put_manifest(other.manifest)) == "UNREACHABLE"


def test_F_13_a_tag_that_shows_late(
    registry: EmbeddedRegistry, place: RegistryPlace, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "SETTLE_SECONDS", 5)
    other = Content("other").blobs_into(registry)
    late = faults.status(200, body=content.manifest.data, media_type=OCI_MANIFEST)
    fault = registry.fault(("GET", "/manifests/v1"), late, times=4)
    place.put_manifest(other.manifest, "v1")
    assert fault.hits == 4


def test_AT_11_b_a_manifest_under_another_name(
    registry: EmbeddedRegistry, place: RegistryPlace, content: Content
) -> None:
    registry.fault(("PUT", "/manifests/"), faults.header("Docker-Content-Digest", "sha256:" + "0" * 64))
    place.put_manifest(content.manifest)
    assert [request.method for request in registry.requests] == ["PUT", "GET"]


def test_AT_11_c_a_blob_that_is_not_there_after_all(registry: EmbeddedRegistry, place: RegistryPlace) -> None:
    content = Content()
    registry.fault(("HEAD", "/blobs/"), faults.status(200))
    push(place, content, "v1")
    assert place.get_blob(content.descriptor, LIMIT) == content.blob
    missing = Content("never offered")
    assert code_of(lambda: place.put_manifest(missing.manifest)) == "UNREACHABLE"


def test_AT_11_d_mount(registry: EmbeddedRegistry, place: RegistryPlace) -> None:
    registry.put_blob("other/app", b"to mount")
    assert not put(place, b"to mount", mount_from="other/app")
    assert put(place, b"not to mount", mount_from="other/app")
    assert put(place, b"from nowhere", mount_from="no/such")
    for data in (b"to mount", b"not to mount", b"from nowhere"):
        assert place.has_blob(digest_of(data))


@pytest.mark.parametrize("status", [200, 202, 203, 204, 206, 226])
def test_AT_11_f_other_codes_of_success(
    registry: EmbeddedRegistry, place: RegistryPlace, content: Content, status: int
) -> None:
    registry.fault(("PUT", ""), faults.status(status))
    assert code_of(lambda: place.put_manifest(content.manifest)) == "UNREACHABLE"
    assert code_of(lambda: put(place, b"new")) == "UNREACHABLE"


@pytest.mark.parametrize("size", [0, 5, blobs.SMALL, blobs.SMALL + 1, 3 * blobs.SMALL])
def test_uploads_of_all_sizes(registry: EmbeddedRegistry, place: RegistryPlace, size: int) -> None:
    data = b"x" * size
    assert put(place, data)
    assert registry.repository(REPOSITORY).blobs[digest_of(data)] == data
    assert [r.method for r in registry.requests].count("PATCH") == (size > blobs.SMALL)


@pytest.mark.parametrize("size", [5, 3 * blobs.SMALL])
@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(faults.reset, id="F-03-reset"),
        pytest.param(faults.lost_answer, id="F-03-lost"),
        pytest.param(faults.status(503), id="F-02-503"),
        pytest.param(faults.too_many_requests("0"), id="F-01-429"),
        pytest.param(faults.status(404), id="F-06-session-lost"),
    ],
)
def test_uploads_survive(
    registry: EmbeddedRegistry, place: RegistryPlace, size: int, method: str, answer: faults.Answer
) -> None:
    if method == "POST" and isinstance(answer, Response) and answer.status == 404:
        return  # the start of an upload loses no session
    data = b"y" * size
    registry.fault((method, "/uploads/"), answer, times=2)
    assert put(place, data)
    assert registry.repository(REPOSITORY).blobs[digest_of(data)] == data


def test_uploads_give_up(registry: EmbeddedRegistry, place: RegistryPlace) -> None:
    fault = registry.fault(("PUT", "/uploads/"), faults.status(503))
    assert code_of(lambda: put(place, b"new")) == "UNREACHABLE"
    assert fault.hits == 5


@pytest.mark.parametrize("size", [5, 3 * blobs.SMALL])
@pytest.mark.parametrize("wrong", [-1, 1])
def test_a_source_of_another_size(registry: EmbeddedRegistry, place: RegistryPlace, size: int, wrong: int) -> None:
    data = b"z" * (size + wrong)
    descriptor = Descriptor("text/plain", digest_of(data), size)
    assert code_of(lambda: place.put_blob(descriptor, lambda: contextlib.nullcontext([data]))) == "SIZE_MISMATCH"
    assert registry.repository(REPOSITORY).blobs == {}


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://127.0.0.1:1/steal", "REDIRECT_REFUSED"),
        ("https://evil.example/steal", "REDIRECT_REFUSED"),
        ("https://evilamazonaws.com/steal", "REDIRECT_REFUSED"),
        ("https://amazonaws.com.evil.example/steal", "REDIRECT_REFUSED"),
        ("", "UNREACHABLE"),
        ("https://a\\@evil/", "REDIRECT_REFUSED"),
    ],
    ids=["AT-08-f-port", "AT-08-f-host", "AT-08-f-name", "AT-08-f-suffix", "AT-08-f-none", "AT-07-two-readings"],
)
def test_AT_08_f_upload_locations(registry: EmbeddedRegistry, place: RegistryPlace, location: str, code: str) -> None:
    registry.fault(("POST", "/uploads/"), faults.header("Location", location))
    assert code_of(lambda: put(place, b"new")) == code
    assert all(request.method != "PUT" or request.path.startswith("/v2/") for request in registry.requests)


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (413, "", "LIMIT_EXCEEDED"),
        (507, "", "LIMIT_EXCEEDED"),
        (403, "DENIED", "AUTH_REFUSED"),
        (409, "", "CONFLICT"),
        (400, "TAG_INVALID", "CONFLICT"),
        (400, "MANIFEST_INVALID", "MALFORMED"),
        (405, "UNSUPPORTED", "POLICY_UNSUPPORTED"),
    ],
    ids=["F-17-too-large", "F-17-full", "F-17-quota", "F-17-immutable", "F-17-tag", "F-17-invalid", "F-17-read-only"],
)
def test_F_17_refused_pushes(
    registry: EmbeddedRegistry, place: RegistryPlace, content: Content, status: int, error: str, code: str
) -> None:
    body = json.dumps({"errors": [{"code": error, "message": f"<script>{CANARY}</script>"}]}).encode()
    fault = registry.fault(("PUT", "/manifests/"), faults.status(status, body=body))
    assert code_of(lambda: place.put_manifest(content.manifest, "v1")) == code
    assert fault.hits == 1


# Deleting


def test_delete(registry: EmbeddedRegistry, place: RegistryPlace, content: Content) -> None:
    other = Content("untagged").into(registry)
    place.delete_manifest(other.manifest.digest)
    assert place.get_manifest(other.manifest.digest) is None
    place.delete_manifest(other.manifest.digest)


def test_delete_spares_what_has_a_tag(registry: EmbeddedRegistry, place: RegistryPlace, content: Content) -> None:
    assert code_of(lambda: place.delete_manifest(content.manifest.digest)) == "CONFLICT"
    assert place.get_manifest("v1") == content.manifest


@pytest.mark.parametrize(
    ("status", "code"), [(405, "POLICY_UNSUPPORTED"), (403, "POLICY_UNSUPPORTED"), (401, "AUTH_REFUSED")]
)
def test_delete_that_is_refused(
    registry: EmbeddedRegistry, place: RegistryPlace, content: Content, status: int, code: str
) -> None:
    one = Content("ours", content.manifest).into(registry)
    registry.fault(("DELETE", ""), faults.status(status))
    registry.reset_requests()
    assert code_of(lambda: place.remove_referrer(one.manifest.digest, content.manifest.digest)) == code
    assert [request.method for request in registry.writes()] == ["DELETE"]


# Update of a tag


def layers_plus(text: str, registry: EmbeddedRegistry) -> t.Callable[[Manifest | None], Manifest]:
    """A merge that adds one layer, as for `.sig`."""
    ours = Content(text).blobs_into(registry)

    def merge(current: Manifest | None) -> Manifest:
        layers = current.document["layers"] if current else []
        if any(layer["digest"] == ours.descriptor.digest for layer in layers):
            return t.cast(Manifest, current)
        document = {**ours.manifest.document, "layers": [*layers, ours.descriptor.as_json()]}
        return parse_manifest(json.dumps(document).encode(), OCI_MANIFEST)

    return merge


def texts_of(registry: EmbeddedRegistry, place: RegistryPlace, tag: str) -> set[str]:
    found = place.get_manifest(tag)
    assert found is not None
    return {registry.repository(REPOSITORY).blobs[layer.digest].decode() for layer in found.layers}


def test_update_tag(registry: EmbeddedRegistry, place: RegistryPlace) -> None:
    first = place.update_tag("s", layers_plus("one", registry))
    assert place.get_manifest("s") == first
    place.update_tag("s", layers_plus("two", registry))
    assert texts_of(registry, place, "s") == {"one", "two"}
    registry.reset_requests()
    place.update_tag("s", layers_plus("two", registry))
    assert [request.method for request in registry.requests] == ["GET"]


def test_update_tag_deletes(registry: EmbeddedRegistry, place: RegistryPlace) -> None:
    place.update_tag("s", layers_plus("one", registry))
    assert place.update_tag("s", lambda current: None) is None
    assert place.get_manifest("s") is None
    assert place.update_tag("s", lambda current: None) is None


def test_update_tag_deletes_the_manifest_where_tags_cannot_be(registry: EmbeddedRegistry, place: RegistryPlace) -> None:
    registry.fault(("DELETE", "/manifests/s"), faults.status(405), times=1)
    found = place.update_tag("s", layers_plus("one", registry))
    assert found is not None
    assert place.update_tag("s", lambda current: None) is None
    assert place.get_manifest(found.digest) is None


def test_update_tag_does_not_delete_what_has_another_tag(registry: EmbeddedRegistry, place: RegistryPlace) -> None:
    found = place.update_tag("s", layers_plus("one", registry))
    assert found is not None
    place.put_manifest(found, "release")
    registry.fault(("DELETE", "/manifests/s$"), faults.status(405))
    assert code_of(lambda: place.update_tag("s", lambda current: None)) == "CONFLICT"
    assert place.get_manifest("release") == found


def test_F_12_another_writer_in_between(registry: EmbeddedRegistry, place: RegistryPlace, opener: Opener) -> None:
    place.update_tag("s", layers_plus("before", registry))
    rude = layers_plus("rude", registry)(place.get_manifest("s"))
    overwrite = faults.after(lambda: registry.put_manifest(REPOSITORY, "s", rude.data, OCI_MANIFEST))
    # once right after our write, and once just before our last look
    registry.fault(("GET", "/manifests/s"), overwrite, times=1, after=1)
    registry.fault(("GET", "/manifests/s"), overwrite, times=1, after=5)
    place.update_tag("s", layers_plus("ours", registry))
    assert texts_of(registry, place, "s") == {"before", "rude", "ours"}


def test_F_12_writers_at_once_with_if_match(registry: EmbeddedRegistry, opener: Opener) -> None:
    registry.settings.etag = True
    place = opener.place(registry)
    failed: list[BaseException] = []

    def write(number: int) -> None:
        try:
            place.update_tag("s", layers_plus(f"writer {number}", registry))
        except Rejection as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lost = {f"writer {number}" for number in range(6)} - texts_of(registry, place, "s")
    assert len(lost) == len(failed), "one was lost and nobody told"


def test_F_12_conflict(registry: EmbeddedRegistry, place: RegistryPlace, content: Content) -> None:
    fault = registry.fault(("GET", "/manifests/v1"), lambda exchange: exchange.normal())
    registry.fault(("PUT", "/manifests/"), faults.status(201))
    assert code_of(lambda: place.update_tag("v1", layers_plus("ours", registry))) == "CONFLICT"
    assert fault.hits <= 2 * manifests.ROUNDS


def test_conditions(registry: EmbeddedRegistry, place: RegistryPlace) -> None:
    registry.settings.etag = True
    seen: list[Request] = []
    registry.on_request = seen.append
    found = place.update_tag("s", layers_plus("one", registry))
    assert found is not None
    place.update_tag("s", layers_plus("two", registry))
    puts = [request.headers for request in seen if request.method == "PUT"]
    assert (puts[0].get("if-none-match"), puts[0].get("if-match")) == ("*", None)
    assert (puts[1].get("if-none-match"), puts[1].get("if-match")) == (None, f'"{found.digest}"')


# Login


def test_ping(opener: Opener) -> None:
    for kind in ("basic", "token"):
        with EmbeddedRegistry(auth=t.cast(t.Any, kind), users={"ci": CANARY}) as registry:
            assert ping(opener.transport(), registry.host, USER)
            with pytest.raises(Rejection) as caught:
                ping(opener.transport(), registry.host, dataclasses.replace(USER, password="wrong"))
            assert caught.value.code == "AUTH_REFUSED"


def test_ping_where_nobody_asks(opener: Opener, registry: EmbeddedRegistry) -> None:
    assert not ping(opener.transport(), registry.host, USER)
    registry.fault(("GET", "/v2/"), faults.html(404))
    assert code_of(lambda: ping(opener.transport(), registry.host, USER)) == "UNREACHABLE"


def test_what_is_read_concurrently(registry: EmbeddedRegistry, opener: Opener) -> None:
    contents = [Content(f"image {number}").into(registry) for number in range(40)]
    place = opener.place(registry)
    seen: list[bytes] = []

    def read(content: Content) -> None:
        place.get_manifest(content.manifest.digest)
        seen.append(place.get_blob(content.descriptor, LIMIT))

    threads = [threading.Thread(target=read, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == sorted(content.blob for content in contents)


def test_credentials_show_in_no_text(opener: Opener, registry: EmbeddedRegistry) -> None:
    found = Credential("ci", CANARY, CANARY, CANARY)
    assert CANARY not in repr(found) + str(found)
