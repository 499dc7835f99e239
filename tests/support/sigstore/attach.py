# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts signatures of the virtual Sigstore beside an image, on any registry that needs no login."""

from __future__ import annotations

import hashlib
import http.client
import json
import typing as t

from tests.support.images import Image
from tests.support.sigstore.rekor import Json
from tests.support.sigstore.virtual import BUNDLE_TYPE, SIGN_TYPE, Made

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
ACCEPT = f"{MANIFEST}, {INDEX}, application/vnd.docker.distribution.manifest.v2+json"


class Attacher:
    """Speaks to one repository; `host` is host:port, over plain HTTP."""

    def __init__(self, host: str, repository: str) -> None:
        self.host, self.repository = host, repository

    def push(self, image: Image) -> None:
        """The image, by its digest."""
        for data in image.blobs.values():
            self._put_blob(data, "application/octet-stream")
        self._put_manifest(image.digest, image.manifest.body, image.manifest.media_type)

    def attach(self, digest: str, made: Made, predicate_type: str = SIGN_TYPE) -> str:
        """As cosign attaches it; the digest of what was pushed."""
        return self._bundle(digest, made, predicate_type) if made.is_bundle else self._legacy(digest, made)

    def _bundle(self, digest: str, made: Made, predicate_type: str) -> str:
        media_type, image = self._get(digest)
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._put_blob(b"{}", "application/vnd.oci.empty.v1+json"),
            "layers": [self._put_blob(made.data, BUNDLE_TYPE)],
            "annotations": {
                "dev.sigstore.bundle.content": "dsse-envelope",
                "dev.sigstore.bundle.predicateType": predicate_type,
            },
            "subject": {"mediaType": media_type, "size": len(image), "digest": digest},
            "artifactType": BUNDLE_TYPE,
        }
        body = json.dumps(manifest).encode()
        pushed, has_api = self._put_manifest(sha256(body), body, MANIFEST)
        if not has_api:
            self._list(
                digest, {"mediaType": MANIFEST, "size": len(body), "digest": pushed, "artifactType": BUNDLE_TYPE}
            )
        return pushed

    def _list(self, digest: str, descriptor: Json) -> None:
        tag = digest.replace(":", "-")
        found = self._get(tag, missing=b"{}")[1]
        others = json.loads(found).get("manifests", [])
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*others, descriptor]}
        self._put_manifest(tag, json.dumps(index).encode(), INDEX)

    def _legacy(self, digest: str, made: Made) -> str:
        tag = f"{digest.replace(':', '-')}.sig"
        found = json.loads(self._get(tag, missing=b"{}")[1])
        layer = self._put_blob(made.payload, "application/vnd.dev.cosign.simplesigning.v1+json")
        layers = [*found.get("layers", []), {**layer, "annotations": made.annotations}]
        config = {
            "architecture": "",
            "created": "0001-01-01T00:00:00Z",
            "history": [{"created": "0001-01-01T00:00:00Z"} for dummy in layers],
            "os": "",
            "rootfs": {"type": "layers", "diff_ids": [one["digest"] for one in layers]},
            "config": {},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._put_blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
            "layers": layers,
        }
        return self._put_manifest(tag, json.dumps(manifest).encode(), MANIFEST)[0]

    def _request(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, t.Any, bytes]:
        connection = http.client.HTTPConnection(self.host, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def _get(self, reference: str, missing: bytes | None = None) -> tuple[str, bytes]:
        path = f"/v2/{self.repository}/manifests/{reference}"
        status, headers, body = self._request("GET", path, Accept=ACCEPT)
        if status == 404 and missing is not None:
            return "", missing
        assert status == 200, (path, status, body)
        return headers["Content-Type"], body

    def _put_blob(self, data: bytes, media_type: str) -> Json:
        status, headers, body = self._request("POST", f"/v2/{self.repository}/blobs/uploads/")
        assert status == 202, (status, body)
        place = headers["Location"].partition(self.host)[2] or headers["Location"]
        digest = sha256(data)
        path = f"{place}{'&' if '?' in place else '?'}digest={digest}"
        status, headers, body = self._request("PUT", path, data, Content_Type="application/octet-stream")
        assert status == 201, (status, body)
        return {"mediaType": media_type, "size": len(data), "digest": digest}

    def _put_manifest(self, reference: str, body: bytes, media_type: str) -> tuple[str, bool]:
        path = f"/v2/{self.repository}/manifests/{reference}"
        status, _headers, answer = self._request("PUT", path, body, Content_Type=media_type)
        assert status == 201, (status, answer)
        status = self._request("GET", f"/v2/{self.repository}/referrers/{sha256(body)}")[0]
        return sha256(body), status == 200


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
