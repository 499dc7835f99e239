# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""Manifests and tags of a repository in a registry (distribution-spec 1.1)."""

from __future__ import annotations

import contextlib
import random
import re
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import (
    MANIFEST_TYPES,
    MAX_MANIFEST_BYTES,
    Manifest,
    digest_of,
    parse_manifest,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import check_digest, parse_object
from ansible_collections.supplychain.cosign.plugins.module_utils._http.request import Reply
from ansible_collections.supplychain.cosign.plugins.module_utils._http.url import Url, join
from ansible_collections.supplychain.cosign.plugins.module_utils._http.wire import Deadline
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.api import (
    DELETE,
    LACKING,
    PULL,
    PUSH,
    Api,
    Headers,
    check_encoding,
    check_size,
    error_codes,
    refusal,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.reference import is_tag

MAX_PAGES = 20
SETTLE_SECONDS = 30.0
"""How long a registry may go on showing what was there before a write."""

FIRST_DELAY = 0.02
ROUNDS = 8
CHECKS = 3

_ACCEPT = {"Accept": ", ".join(MANIFEST_TYPES)}
_ETAG = re.compile(r'"[\x21\x23-\x7e]{1,200}"\Z')
_NEXT = re.compile(r'\s*<([^<>]*)>\s*;(?:[^,]*;)?\s*rel="?next"?\s*(?:[;,].*)?\Z')

Merge = t.Callable[[t.Optional[Manifest]], t.Optional[Manifest]]


@dataclass(frozen=True)
class Tagged:
    """What a tag shows, and the ETag to write on condition that it still does."""

    manifest: Manifest | None
    etag: str | None = None


# A 404 with one of these says that we may not look, not that nothing is there.
NO_ABSENCE = frozenset(("DENIED", "UNAUTHORIZED", "TOOMANYREQUESTS"))


def media_type_of(headers: Headers) -> str | None:
    return headers.get("content-type", "").partition(";")[0].strip().lower() or None


def read_manifest(api: Api, reference: str, deadline: Deadline) -> Tagged:
    """By tag or digest. Only a 404 that a registry may have meant is "not there"; a web page is not (AT-13)."""
    by_digest = ":" in reference
    if by_digest:
        check_digest(reference, "digest of a manifest")
    elif not is_tag(reference):
        raise Rejection(
            "MALFORMED", f"The tag {reference[:200]!r} is none. A tag has up to 128 letters, digits, '_', '.', '-'."
        )
    reply = _get_manifest(api, reference, deadline)
    if (
        reply.status == 404
        and "html" not in (media_type_of(reply.headers) or "")
        and not error_codes(reply) & NO_ABSENCE
    ):
        return Tagged(None)
    if reply.status != 200:
        raise refusal(reply, f"read {reference} of {api.name}")
    check_encoding(reply.headers, "manifest")
    manifest = parse_manifest(reply.body, media_type_of(reply.headers), reference if by_digest else None)
    if not by_digest:
        _check_named_digest(api, reply, manifest, deadline)
    etag = reply.headers.get("etag", "")
    return Tagged(manifest, etag if _ETAG.match(etag) else None)


def _get_manifest(api: Api, reference: str, deadline: Deadline) -> Reply:
    url, scopes = api.url(f"manifests/{reference}"), api.scopes(PULL)
    return check_size(lambda: api.call("GET", url, scopes, deadline, _ACCEPT, limit=MAX_MANIFEST_BYTES), "manifest")


def _check_named_digest(api: Api, reply: Reply, manifest: Manifest, deadline: Deadline) -> None:
    """A tag says nothing about the bytes, so the digest that the registry names beside them must be theirs."""
    named = reply.headers.get("docker-content-digest")
    if named is None:
        if reply.is_open_ended and _get_manifest(api, manifest.digest, deadline).body != manifest.data:
            raise Rejection("UNREACHABLE", f"A manifest of {api.name} came incomplete. Try again.")
        return
    algorithm = check_digest(named, "digest that the registry names").partition(":")[0]
    if digest_of(manifest.data, algorithm) != named:
        raise Rejection(
            "DIGEST_MISMATCH",
            f"The repository {api.name} sent a manifest with the digest {manifest.digest} and called it {named}.",
        )


def write_manifest(api: Api, manifest: Manifest, reference: str, deadline: Deadline, condition: Headers) -> Reply:
    """PUT it; the reply is 201, 412 (the condition did not hold), or one with the code MANIFEST_BLOB_UNKNOWN."""
    headers = {"Content-Type": manifest.media_type, **condition}
    reply = api.call("PUT", api.url(f"manifests/{reference}"), api.scopes(PUSH), deadline, headers, manifest.data)
    if reply.status == 201 or (reply.status == 412 and condition) or misses_blobs(reply):
        return reply
    raise refusal(reply, f"push {reference} to {api.name}")


def misses_blobs(reply: Reply) -> bool:
    return reply.status in (400, 404) and bool(error_codes(reply) & LACKING)


def await_tag(api: Api, tag: str, digest: str, deadline: Deadline) -> None:
    """Read a tag back until it shows what was pushed; CONFLICT when it does not in the end (AT-11, F-13)."""
    ends, delay = time.monotonic() + SETTLE_SECONDS, FIRST_DELAY
    while True:
        found = read_manifest(api, tag, deadline).manifest
        if found is not None and found.digest == digest:
            return
        if time.monotonic() + delay > min(ends, time.monotonic() + deadline.left()):
            break
        time.sleep(delay)
        delay *= 2
    shown = "nothing" if found is None else found.digest
    raise Rejection(
        "CONFLICT", f"Pushed {digest} to {api.name}:{tag}, but the registry shows {shown} there. Run it again."
    )


def update_tag(api: Api, tag: str, merge: Merge, deadline: Deadline) -> Manifest | None:
    """Read, merge, write, read again (Place.update_tag).

    Few registries heed If-Match and none says whether it does, so the tag is read again several times, after growing
    random delays, and what another writer has overwritten is merged anew.
    """
    for attempt in range(ROUNDS):
        before = read_manifest(api, tag, deadline)
        wanted = merge(before.manifest)
        if _same(wanted, before.manifest):
            return wanted
        if wanted is None:
            delete_tag(api, tag, t.cast(Manifest, before.manifest).digest, deadline)
            return None
        condition = {"If-Match": before.etag} if before.etag else {}
        if before.manifest is None:
            condition = {"If-None-Match": "*"}
        reply = write_manifest(api, wanted, tag, deadline, condition)
        if misses_blobs(reply):
            raise refusal(reply, f"push {tag} to {api.name}")
        delay = FIRST_DELAY * 2**attempt
        if reply.status == 412:
            time.sleep(random.uniform(0, delay))  # noqa: S311
        elif _stands(api, tag, merge, delay, deadline):
            return wanted
    raise Rejection(
        "CONFLICT",
        f"Others keep writing {api.name}:{tag}, so that ours did not stay. Run it again, one host at a time.",
    )


def _stands(api: Api, tag: str, merge: Merge, delay: float, deadline: Deadline) -> bool:
    for check in range(CHECKS):
        time.sleep(delay * 2**check * random.uniform(0.5, 1.5))  # noqa: S311
        found = read_manifest(api, tag, deadline).manifest
        if found is None or not _same(merge(found), found):
            return False
    return True


def _same(one: Manifest | None, other: Manifest | None) -> bool:
    return (one and one.digest) == (other and other.digest)


def delete_tag(api: Api, tag: str, digest: str, deadline: Deadline) -> None:
    """Delete a tag; where a registry cannot do that, the manifest, unless another tag shows it too."""
    reply = api.call("DELETE", api.url(f"manifests/{tag}"), api.scopes(DELETE), deadline)
    if reply.status in (200, 202, 404):
        return
    if reply.status not in (400, 405, 501):
        raise refusal(reply, f"delete {tag} of {api.name}")
    delete_manifest(api, digest, deadline, but=tag)


def delete_manifest(api: Api, digest: str, deadline: Deadline, but: str | None = None) -> None:
    """Delete by digest what no tag (`but` that one) shows."""
    check_digest(digest, "digest of a manifest")
    for tag in _tags(api, deadline):
        if tag != but and _digest_of_tag(api, tag, deadline) == digest:
            raise Rejection(
                "CONFLICT",
                f"The manifest {digest} of {api.name} is also {tag}, so it was not deleted. Delete that tag first.",
            )
    reply = api.call("DELETE", api.url(f"manifests/{digest}"), api.scopes(DELETE), deadline)
    if reply.status in (200, 202, 404):
        return
    if reply.status in (400, 403, 405, 501):
        raise Rejection(
            "POLICY_UNSUPPORTED",
            f"The repository {api.name} does not let {digest} be deleted ({reply.status}). Switch deletion on there.",
        )
    raise refusal(reply, f"delete {digest} of {api.name}")


def _tags(api: Api, deadline: Deadline) -> t.Iterator[str]:
    for reply in pages(api, api.url("tags/list"), {}, deadline, "list of tags"):
        if reply.status == 404:
            return
        if reply.status != 200:
            raise refusal(reply, f"list the tags of {api.name}")
        found = parse_object(reply.body, "list of tags").get("tags") or []
        yield from (tag for tag in found if isinstance(tag, str) and is_tag(tag))


def _digest_of_tag(api: Api, tag: str, deadline: Deadline) -> str | None:
    reply = api.call("HEAD", api.url(f"manifests/{tag}"), api.scopes(PULL), deadline, _ACCEPT)
    named = reply.headers.get("docker-content-digest") if reply.status == 200 else None
    if named:
        return named
    found = read_manifest(api, tag, deadline).manifest
    return found.digest if found else None


def pages(api: Api, url: Url, headers: Headers, deadline: Deadline, what: str) -> t.Iterator[Reply]:
    """A listing page by page (`Link` with rel="next", RFC 8288), from this registry only and at most MAX_PAGES."""
    for _page in range(MAX_PAGES):
        here = url
        reply = check_size(
            lambda: api.call("GET", here, api.scopes(PULL), deadline, headers, limit=MAX_MANIFEST_BYTES),  # noqa: B023
            what,
        )
        yield reply
        match = _NEXT.match(reply.headers.get("link", ""))
        if match is None:
            return
        url = _next_page(api, reply, match[1], what)
    raise Rejection("LIMIT_EXCEEDED", f"The {what} of {api.name} has more than {MAX_PAGES} pages; it was not used.")


def _next_page(api: Api, reply: Reply, link: str, what: str) -> Url:
    with contextlib.suppress(Rejection):
        url = join(reply.url, link)
        if url.origin == api.origin:
            return url
    raise Rejection(
        "REDIRECT_REFUSED", f"The next page of the {what} of {api.name} is said to be elsewhere; it was not fetched."
    )
