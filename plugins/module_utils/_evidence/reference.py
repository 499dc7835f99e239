# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t

_HUB = "index.docker.io"
_HUB_NAMES = ("docker.io", "registry-1.docker.io", _HUB)


class _Name(t.NamedTuple):
    repository: str
    tag: str
    digest: str


def same_reference(signed: str, asked: str, digest: str, how: str) -> bool:
    """Whether the reference that was `signed` names the image that was `asked` for, whose digest is `digest`.

    `how` is "repository" (registry and repository are equal), or "exact" (also the signed tag is the one asked for,
    or the signed digest is the image's; one of them must be there). Names of Docker Hub count as equal in all their
    spellings. Nothing else is normalised: whatever differs in one byte is another name.
    """
    ours, theirs = _split(asked), _split(signed)
    if ours.repository != theirs.repository:
        return False
    if how == "repository":
        return True
    return (
        bool(theirs.tag or theirs.digest)
        and theirs.tag in ("", ours.tag or ("" if ours.digest else "latest"))
        and theirs.digest in ("", digest)
    )


def _split(reference: str) -> _Name:
    name, dummy, digest = reference.partition("@")
    head, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        head, tag = name, ""
    registry, slash, path = head.partition("/")
    if not slash or not ("." in registry or ":" in registry or registry == "localhost"):
        registry, path = _HUB, head
    if registry in _HUB_NAMES:
        registry, path = _HUB, path if "/" in path else f"library/{path}"
    return _Name(f"{registry}/{path}", tag, digest)
