# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""Referrers of a manifest: the API where a registry has one, else the index under the fallback tag.

distribution-spec 1.1, "Listing Referrers", "Pushing Manifests with Subject" and "Unavailable Referrers API".
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import (
    MAX_DESCRIPTORS,
    OCI_INDEX,
    Descriptor,
    Manifest,
    parse_manifest,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import (
    JsonObject,
    check_digest,
    go_json,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._http.wire import Deadline
from ansible_collections.supplychain.cosign.plugins.module_utils._registry import manifests
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.api import (
    Api,
    check_encoding,
    error_codes,
    refusal,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.manifests import (
    NO_ABSENCE,
    media_type_of,
    pages,
    read_manifest,
)

_NO_API = frozenset((400, 404, 405, 406, 501))


def fallback_tag(digest: str) -> str:
    """The tag under which the referrers of a manifest are listed; its parts have at most 32 and 64 characters."""
    algorithm, _colon, encoded = check_digest(digest, "digest of an image").partition(":")
    return f"{algorithm[:32]}-{encoded[:64]}"


def ask_api(api: Api, digest: str, deadline: Deadline) -> list[Descriptor] | None:
    """What the referrers API lists; None where the registry has none. Anything else is a Rejection, never "none"."""
    check_digest(digest, "digest of an image")
    found: list[Descriptor] = []
    url, headers = api.url(f"referrers/{digest}"), {"Accept": OCI_INDEX}
    for number, reply in enumerate(pages(api, url, headers, deadline, "list of referrers")):
        media_type = media_type_of(reply.headers)
        if reply.status in _NO_API and error_codes(reply) & NO_ABSENCE:
            raise refusal(reply, f"list the referrers of {digest} in {api.name}")
        if number == 0 and (reply.status in _NO_API or (reply.status == 200 and media_type != OCI_INDEX)):
            return None
        if reply.status != 200:
            raise refusal(reply, f"list the referrers of {digest} in {api.name}")
        check_encoding(reply.headers, "list of referrers")
        found += _read_index(reply.body, media_type, api.name)
        if len(found) > MAX_DESCRIPTORS:
            raise _too_many(api.name)
    return found


def await_listed(api: Api, subject: str, digest: str, promised: bool, deadline: Deadline) -> bool:
    """Whether the referrers API lists what was just pushed: it is asked again for a while where the registry `promised`
    it (AT-11, AT-40j), and CONFLICT where it does not come. False: the registry has no API, or does not heed subjects.
    """
    ends, delay = time.monotonic() + manifests.SETTLE_SECONDS, manifests.FIRST_DELAY
    while True:
        listed = ask_api(api, subject, deadline)
        if listed is None:
            return False
        if any(one.digest == digest for one in listed):
            return True
        if not promised:
            return False
        if time.monotonic() + delay > min(ends, time.monotonic() + deadline.left()):
            break
        time.sleep(delay)
        delay *= 2
    raise Rejection(
        "CONFLICT",
        f"Pushed {digest} to {api.name}, but the registry does not list it as attached to {subject}. Run it again.",
    )


def ask_fallback(api: Api, digest: str, deadline: Deadline) -> list[Descriptor]:
    index = read_manifest(api, fallback_tag(digest), deadline).manifest
    # `cosign copy` leaves the image itself under this tag: it lists nothing.
    return [] if index is None or index.digest == digest else _checked_index(index, api.name).manifests


def listed_in_fallback(api: Api, subject: str, digest: str, deadline: Deadline) -> JsonObject | None:
    """The entry of a referrer in the fallback index, if it has one."""
    found = [one for one in ask_fallback(api, subject, deadline) if one.digest == digest]
    return found[0].as_json() if found else None


def entry_for(manifest: Manifest) -> JsonObject:
    """The descriptor of a referrer: with its artifact type and annotations, as the specification has it."""
    found = Descriptor(
        manifest.media_type,
        manifest.digest,
        len(manifest.data),
        manifest.annotations,
        manifest.artifact_type or (None if manifest.is_index else manifest.config.media_type),
    )
    return found.as_json()


class FallbackEdit:
    """A merge for `update_tag`: this entry in, or that digest out; all others stay.

    Who adds also puts back what it saw and somebody's write has lost. Who removes does not: it would put back what
    another one has removed.
    """

    def __init__(self, name: str, subject: str, add: JsonObject | None = None, remove: str | None = None) -> None:
        self._name = name
        self._subject = subject
        self._remove = remove
        self._seen: dict[str, JsonObject] = {add["digest"]: add} if add else {}

    def __call__(self, current: Manifest | None) -> Manifest | None:
        document: JsonObject = {"schemaVersion": 2, "mediaType": OCI_INDEX}
        there: dict[str, JsonObject] = {}
        if current is not None and current.digest != self._subject:
            document = _checked_index(current, self._name).document
            there = {t.cast(str, one["digest"]): one for one in document["manifests"]}
        elif self._remove:
            return current
        if self._remove:
            self._seen = {digest: entry for digest, entry in there.items() if digest != self._remove}
        else:
            self._seen = {**self._seen, **there}
        if self._seen.keys() == there.keys():
            return current
        if len(self._seen) > MAX_DESCRIPTORS:
            raise _too_many(self._name)
        # sorted by digest, as cosign does
        wanted = [self._seen[digest] for digest in sorted(self._seen)]
        return parse_manifest(go_json({**document, "manifests": wanted}), OCI_INDEX)


def _checked_index(index: Manifest, name: str) -> Manifest:
    if index.media_type != OCI_INDEX:
        raise Rejection(
            "MEDIA_TYPE", f"The referrers of {name} are not listed in an index but in {index.media_type!r}."
        )
    index.manifests  # noqa: B018  reads them all, so that none is left out silently
    return index


def _read_index(data: bytes, media_type: str | None, name: str) -> list[Descriptor]:
    try:
        return parse_manifest(data, media_type).manifests
    except Rejection as error:
        if error.code in ("LIMIT_EXCEEDED", "DUPLICATE_KEY"):
            raise
        raise Rejection(
            "MEDIA_TYPE", f"The repository {name} lists referrers with something that is no index: {error.message}"
        ) from None


def _too_many(name: str) -> Rejection:
    return Rejection(
        "LIMIT_EXCEEDED", f"There are more than {MAX_DESCRIPTORS} referrers in {name}, too many to look at."
    )
