# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""Blobs of a repository in a registry (distribution-spec 1.1, "Pulling blobs", "Pushing blobs")."""

from __future__ import annotations

import contextlib
import hashlib
import time
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import Descriptor, digest_of
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import check_digest
from ansible_collections.supplychain.cosign.plugins.module_utils._http.request import Reply, Source
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import backoff
from ansible_collections.supplychain.cosign.plugins.module_utils._http.url import Url, join
from ansible_collections.supplychain.cosign.plugins.module_utils._http.wire import (
    Broken,
    Deadline,
    OutOfTime,
    Response,
    TooLong,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.api import (
    PULL,
    PUSH,
    Api,
    check_encoding,
    refusal,
)

SMALL = 1024 * 1024
"""Up to this many bytes a blob is held in memory and sent whole."""

_TRUNCATED_TRIES = 3
_STORES = (
    ".amazonaws.com",
    ".blob.core.windows.net",
    ".cloudflarestorage.com",
    ".digitaloceanspaces.com",
    ".storage.googleapis.com",
    "storage.googleapis.com",
)
"""Object stores to which registries hand over an upload; they get no credentials."""


def read_blob(api: Api, descriptor: Descriptor, limit: int) -> bytes:
    check_digest(descriptor.digest, "digest of a blob")
    if descriptor.size > limit:
        raise Rejection(
            "LIMIT_EXCEEDED",
            f"The blob {descriptor.digest} has {descriptor.size} bytes; at most {limit} are read of its kind.",
        )
    deadline = api.transport.deadline()
    url = api.url(f"blobs/{descriptor.digest}")
    for _try in range(_TRUNCATED_TRIES):
        try:
            reply = api.call("GET", url, api.scopes(PULL), deadline, limit=descriptor.size)
        except TooLong:
            raise _wrong_size(descriptor) from None
        if reply.status != 200:
            raise refusal(reply, f"read the blob {descriptor.digest} of {api.name}")
        check_encoding(reply.headers, "blob")
        # without a length in its headers an answer that was cut off looks whole
        if len(reply.body) == descriptor.size or not reply.is_open_ended:
            break
    if len(reply.body) != descriptor.size:
        raise _wrong_size(descriptor)
    if digest_of(reply.body, descriptor.digest.partition(":")[0]) != descriptor.digest:
        raise _wrong_digest(descriptor)
    return reply.body


@contextlib.contextmanager
def stream_blob(api: Api, descriptor: Descriptor) -> t.Iterator[t.Iterable[bytes]]:
    check_digest(descriptor.digest, "digest of a blob")
    deadline = api.transport.deadline(descriptor.size)
    with api.open(api.url(f"blobs/{descriptor.digest}"), api.scopes(PULL), deadline) as stream:
        response = stream.response
        if response.status != 200:
            body = response.read_start(4096)
            reply = Reply(response.status, response.headers, body, stream.url, stream.left_origin)
            raise refusal(reply, f"read the blob {descriptor.digest} of {api.name}")
        check_encoding(response.headers, "blob")
        yield _checked(response, descriptor)


def _checked(response: Response, descriptor: Descriptor) -> t.Iterator[bytes]:
    hashed = hashlib.new(descriptor.digest.partition(":")[0])
    held, size = b"", 0
    try:
        for chunk in response.chunks():
            size += len(chunk)
            if size > descriptor.size:
                raise _wrong_size(descriptor)
            hashed.update(chunk)
            if held:
                yield held
            held = chunk
    except (Broken, OutOfTime) as error:
        why = str(error) or "took too long"
        raise Rejection("UNREACHABLE", f"Reading the blob {descriptor.digest}, the server {why}. Try again.") from None
    if size != descriptor.size:
        raise _wrong_size(descriptor)
    if hashed.hexdigest() != descriptor.digest.partition(":")[2]:
        raise _wrong_digest(descriptor)
    if held:
        yield held


def has_blob(api: Api, digest: str, deadline: Deadline) -> bool:
    check_digest(digest, "digest of a blob")
    reply = api.call("HEAD", api.url(f"blobs/{digest}"), api.scopes(PULL), deadline)
    if reply.status not in (200, 404):
        raise refusal(reply, f"look for the blob {digest} in {api.name}")
    return reply.status == 200


def upload_blob(api: Api, descriptor: Descriptor, source: Source, mount_from: str | None, deadline: Deadline) -> bool:
    """Put a blob there that is not there yet; True when bytes were sent, False when it was mounted.

    A session that breaks is begun anew: nothing tells how much of it the registry has kept.
    """
    attempt = 0
    while True:
        attempt += 1
        start = _start_upload(api, descriptor, mount_from, deadline)
        if start is None:
            return False
        try:
            _send_blob(api, start, descriptor, source, deadline)
            return True
        except Rejection as error:
            wait = backoff(attempt)
            is_final = error.code not in ("UNREACHABLE", "RATE_LIMITED") or attempt > api.transport.options.retries
            if is_final or wait >= deadline.left():
                raise
        time.sleep(wait)
        if has_blob(api, descriptor.digest, deadline):
            return True  # it was only the answer that got lost


def _start_upload(api: Api, descriptor: Descriptor, mount_from: str | None, deadline: Deadline) -> Url | None:
    query = f"?mount={descriptor.digest}&from={mount_from}" if mount_from else ""
    reply = api.call("POST", api.url(f"blobs/uploads/{query}"), api.scopes(PUSH, mount_from), deadline)
    if mount_from and reply.status == 201:
        return None
    if reply.status != 202:
        raise refusal(reply, f"begin an upload to {api.name}")
    return _next(api, reply)


def _send_blob(api: Api, url: Url, descriptor: Descriptor, source: Source, deadline: Deadline) -> None:
    body: bytes | None = None
    kind = {"Content-Type": "application/octet-stream"}
    if descriptor.size <= SMALL:
        with source() as chunks:
            body = b"".join(chunks)
        if len(body) != descriptor.size:
            raise _wrong_size(descriptor)
    else:
        # one chunk: registries agree on no other size
        reply = api.call("PATCH", url, api.scopes(PUSH), deadline, kind, source, descriptor.size, repeatable=False)
        if reply.status not in (202, 204):
            raise _upload_refusal(api, reply)
        url = _next(api, reply)
    separator = "&" if "?" in url.target else "?"
    url = Url(url.origin, f"{url.target}{separator}digest={descriptor.digest}")
    reply = api.call("PUT", url, api.scopes(PUSH), deadline, kind, body, repeatable=False)
    if reply.status != 201:
        raise _upload_refusal(api, reply)


def _upload_refusal(api: Api, reply: Reply) -> Rejection:
    if reply.status in (404, 416):
        return Rejection("UNREACHABLE", f"The repository {api.name} forgot an upload that was under way. Try again.")
    return refusal(reply, f"upload a blob to {api.name}")


def _next(api: Api, reply: Reply) -> Url:
    """Where an upload goes on: at the registry itself, or without credentials at a known store of objects."""
    try:
        url = join(reply.url, reply.headers.get("location", ""))
    except Rejection:
        raise _bad_location(api, "something that is no plain http or https address") from None
    if url.origin == api.origin:
        return url
    known = url.origin.host.endswith(_STORES) or api.transport.is_trusted(url.origin)
    if url.origin.scheme != "https" or not known:
        raise _bad_location(api, f"{url.origin}")
    return url


def _bad_location(api: Api, where: str) -> Rejection:
    return Rejection(
        "REDIRECT_REFUSED",
        f"The repository {api.name} wants an upload sent to {where}; nothing was sent there. A proxy before "
        "it may have to set X-Forwarded-Proto and Host; a server that belongs to it can be listed in trusted_realms.",
    )


def _wrong_size(descriptor: Descriptor) -> Rejection:
    return Rejection(
        "SIZE_MISMATCH", f"The blob {descriptor.digest} is not of the {descriptor.size} bytes that it should have."
    )


def _wrong_digest(descriptor: Descriptor) -> Rejection:
    return Rejection(
        "DIGEST_MISMATCH", f"Asked for the blob {descriptor.digest} and got other bytes. They were not used."
    )
