# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The distribution API over the store: which response an honest registry gives to a request."""

from __future__ import annotations

import itertools
import json
import re
import threading
import typing as t
import urllib.parse
from dataclasses import dataclass

from tests.support.access import Access, Scopes, error
from tests.support.http_server import Request, Response
from tests.support.store import OCI_INDEX, Manifest, Repository, is_digest, matches

_ROUTE = re.compile(
    r"/v2/(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"/(?:(?P<kind>manifests|blobs|tags|referrers)/(?P<reference>[^/]+)|blobs/uploads/(?P<upload>[^/]*))"
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass
class Settings:
    """What the registry has; may be changed while it serves.

    ``referrers``: the referrers API. ``delete``: DELETE is allowed. ``etag``: If-Match and If-None-Match are honoured.
    ``page_size``: referrers in a page, None for all.
    """

    referrers: bool = True
    delete: bool = True
    etag: bool = False
    page_size: int | None = None


class Distribution:
    """Answers requests of the OCI distribution specification 1.1, one at a time."""

    def __init__(self, settings: Settings, access: Access):
        self._settings = settings
        self._access = access
        self.lock = threading.RLock()
        self._repositories: dict[str, Repository] = {}
        self._uploads: dict[str, bytearray] = {}
        self._upload_numbers = itertools.count(1)

    def repository(self, name: str) -> Repository:
        """The repository's content, made when it is not there."""
        with self.lock:
            return self._repositories.setdefault(name, Repository())

    def respond(self, request: Request) -> Response:
        if request.path == "/token":
            return self._access.token(request)
        if request.path in ("/v2/", "/v2"):
            refusal = self._access.refuse(request, {})
            return refusal or Response(200, {"Content-Type": "application/json"}, b"{}")
        route = _ROUTE.fullmatch(request.path)
        if route is None:
            known = request.path.startswith("/v2/")
            return error(404, "NAME_INVALID" if known else "NOT_FOUND", "no such path")
        refusal = self._access.refuse(request, _scopes(request, route["name"]))
        if refusal:
            return refusal
        kind = route["kind"] or "uploads"
        operation = getattr(self, f"_{request.method.lower()}_{kind}", None)
        if operation is None:
            return error(405, "UNSUPPORTED", f"{request.method} is not allowed here")
        with self.lock:
            reference = route["upload"] if kind == "uploads" else route["reference"]
            return t.cast(Response, operation(request, route["name"], reference))

    # Manifests and tags

    def _get_manifests(self, request: Request, name: str, reference: str) -> Response:
        repository = self._repositories.get(name)
        digest = repository.resolve(reference) if repository else None
        if repository is None or digest is None:
            return error(404, "MANIFEST_UNKNOWN" if repository else "NAME_UNKNOWN", f"no manifest {reference}")
        manifest = repository.manifests[digest]
        headers = {"Content-Type": manifest.media_type, "Docker-Content-Digest": digest}
        if self._settings.etag:
            headers["ETag"] = f'"{digest}"'
            if request.headers.get("if-none-match") == headers["ETag"]:
                return Response(304, headers)
        return Response(200, headers, manifest.body)

    _head_manifests = _get_manifests

    def _put_manifests(self, request: Request, name: str, reference: str) -> Response:
        repository = self.repository(name)
        if not is_digest(reference) and not _TAG.fullmatch(reference):
            return error(400, "TAG_INVALID", f"{reference} is no tag")
        if is_digest(reference) and not matches(request.body, reference):
            return error(400, "DIGEST_INVALID", "the manifest has another digest")
        if self._precondition_fails(request, repository.resolve(reference)):
            return error(412, "PRECONDITION_FAILED", "the tag has moved")
        try:
            manifest = Manifest.parse(request.headers.get("content-type", ""), request.body)
            missing = repository.missing(manifest)
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            return error(400, "MANIFEST_INVALID", str(problem))
        if missing:
            return error(404, "MANIFEST_BLOB_UNKNOWN", f"{missing} is not in this repository")
        digest = repository.put_manifest(manifest, reference)
        headers = {"Location": f"/v2/{name}/manifests/{digest}", "Docker-Content-Digest": digest}
        if self._settings.etag:
            headers["ETag"] = f'"{digest}"'
        if self._settings.referrers and manifest.subject:
            headers["OCI-Subject"] = manifest.subject
        return Response(201, headers)

    def _precondition_fails(self, request: Request, digest: str | None) -> bool:
        if not self._settings.etag:
            return False
        wanted, unwanted = request.headers.get("if-match"), request.headers.get("if-none-match")
        etag = f'"{digest}"'
        if wanted is not None and (digest is None or wanted not in ("*", etag)):
            return True
        return digest is not None and unwanted in ("*", etag)

    def _delete_manifests(self, request: Request, name: str, reference: str) -> Response:
        if not self._settings.delete:
            return error(405, "UNSUPPORTED", "deletion is disabled")
        repository = self._repositories.get(name)
        digest = repository.resolve(reference) if repository else None
        if repository is None or digest is None:
            return error(404, "MANIFEST_UNKNOWN", f"no manifest {reference}")
        if self._precondition_fails(request, digest):
            return error(412, "PRECONDITION_FAILED", "the tag has moved")
        if is_digest(reference):
            repository.delete_manifest(digest)
        else:
            del repository.tags[reference]
        return Response(202)

    def _get_tags(self, request: Request, name: str, reference: str) -> Response:
        if name not in self._repositories or reference != "list":
            return error(404, "NAME_UNKNOWN", f"no repository {name}")
        last, limit = request.query.get("last", ""), request.query.get("n")
        tags = sorted(tag for tag in self._repositories[name].tags if tag > last)
        page = tags[: int(limit)] if limit else tags
        headers = {"Content-Type": "application/json"}
        if page and len(page) < len(tags):
            headers["Link"] = f'</v2/{name}/tags/list?n={limit}&last={page[-1]}>; rel="next"'
        return Response(200, headers, json.dumps({"name": name, "tags": page}).encode())

    def _get_referrers(self, request: Request, name: str, reference: str) -> Response:
        if not self._settings.referrers:
            return error(404, "NOT_FOUND", "no referrers API here")
        if not is_digest(reference):
            return error(400, "DIGEST_INVALID", f"{reference} is no digest")
        found = self.repository(name).referrers(reference)
        headers = {"Content-Type": OCI_INDEX}
        wanted = request.query.get("artifactType")
        if wanted:
            found = [descriptor for descriptor in found if descriptor.get("artifactType") == wanted]
            headers["OCI-Filters-Applied"] = "artifactType"
        start = int(request.query.get("start", "0"))
        end = start + (self._settings.page_size or len(found))
        if end < len(found):
            query = urllib.parse.urlencode({**request.query, "start": end})
            headers["Link"] = f'<{request.path}?{query}>; rel="next"'
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found[start:end]}
        return Response(200, headers, json.dumps(index).encode())

    # Blobs and uploads

    def _get_blobs(self, request: Request, name: str, digest: str) -> Response:
        data = self._repositories[name].blobs.get(digest) if name in self._repositories else None
        if data is None:
            return error(404, "BLOB_UNKNOWN", f"no blob {digest}")
        return Response(200, {"Content-Type": "application/octet-stream", "Docker-Content-Digest": digest}, data)

    _head_blobs = _get_blobs

    def _delete_blobs(self, request: Request, name: str, digest: str) -> Response:
        if not self._settings.delete:
            return error(405, "UNSUPPORTED", "deletion is disabled")
        if name not in self._repositories or self._repositories[name].blobs.pop(digest, None) is None:
            return error(404, "BLOB_UNKNOWN", f"no blob {digest}")
        return Response(202)

    def _post_uploads(self, request: Request, name: str, upload: str) -> Response:
        if upload:
            return error(405, "UNSUPPORTED", "POST starts an upload")
        source, mount = request.query.get("from"), request.query.get("mount", "")
        if source in self._repositories and mount in self._repositories[source].blobs:
            return self._stored(name, self._repositories[source].blobs[mount], mount)
        if "digest" in request.query:
            return self._stored(name, request.body, request.query["digest"])
        upload = f"u{next(self._upload_numbers)}"
        self._uploads[upload] = bytearray()
        return self._progress(202, name, upload)

    def _patch_uploads(self, request: Request, name: str, upload: str) -> Response:
        if upload not in self._uploads:
            return error(404, "BLOB_UPLOAD_UNKNOWN", f"no upload {upload}")
        data = self._uploads[upload]
        start = request.headers.get("content-range", f"{len(data)}-").partition("-")[0]
        if start != str(len(data)):
            return self._progress(416, name, upload)
        data += request.body
        return self._progress(202, name, upload)

    def _put_uploads(self, request: Request, name: str, upload: str) -> Response:
        if upload not in self._uploads:
            return error(404, "BLOB_UPLOAD_UNKNOWN", f"no upload {upload}")
        data = bytes(self._uploads.pop(upload)) + request.body
        return self._stored(name, data, request.query.get("digest", ""))

    def _get_uploads(self, request: Request, name: str, upload: str) -> Response:
        if upload not in self._uploads:
            return error(404, "BLOB_UPLOAD_UNKNOWN", f"no upload {upload}")
        return self._progress(204, name, upload)

    def _delete_uploads(self, request: Request, name: str, upload: str) -> Response:
        if self._uploads.pop(upload, None) is None:
            return error(404, "BLOB_UPLOAD_UNKNOWN", f"no upload {upload}")
        return Response(204)

    def _progress(self, status: int, name: str, upload: str) -> Response:
        end = max(0, len(self._uploads[upload]) - 1)
        location = f"/v2/{name}/blobs/uploads/{upload}"
        return Response(status, {"Location": location, "Range": f"0-{end}", "Docker-Upload-UUID": upload})

    def _stored(self, name: str, data: bytes, digest: str) -> Response:
        if not matches(data, digest):
            return error(400, "DIGEST_INVALID", "the blob has another digest")
        self.repository(name).put_blob(data, digest)
        return Response(201, {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest})


def _scopes(request: Request, name: str) -> Scopes:
    if request.method in ("GET", "HEAD"):
        return {name: {"pull"}}
    if request.method == "DELETE" and "/uploads/" not in request.path:
        return {name: {"delete"}}
    source = request.query.get("from")
    return {**({source: {"pull"}} if source else {}), name: {"pull", "push"}}
