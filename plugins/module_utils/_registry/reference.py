# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import check_digest

HUB = "index.docker.io"
"""The name that cosign writes for Docker Hub, in signatures too."""

HUB_NAMES = frozenset((HUB, "docker.io", "registry-1.docker.io"))
_HUB_API = "registry-1.docker.io"
_MAX_NAME = 255
_MAX_TEXT = 2048

# Distribution's grammar ("reference", grammar.go); `\w` and `\d` are ASCII there.
_COMPONENT = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_COMPONENT}(?:\.{_COMPONENT})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PATH_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = rf"{_PATH_COMPONENT}(?:/{_PATH_COMPONENT})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_REFERENCE = re.compile(rf"(?P<name>(?:{_DOMAIN}/)?{_PATH})(?::(?P<tag>{_TAG}))?(?:@(?P<digest>.+))?\Z")
_TAG_ONLY = re.compile(_TAG + r"\Z")
_BARE_DIGEST = re.compile(r"sha(?:256|512):[0-9a-fA-F]{64,128}\Z")


@dataclass(frozen=True)
class Reference:
    """An image in a registry, as distribution's grammar has it. Docker Hub is always `index.docker.io` here."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """`registry/repository`, what cosign writes as docker-reference."""
        return f"{self.registry}/{self.repository}"

    @property
    def host(self) -> str:
        """Host and optional port of the registry's API."""
        return _HUB_API if self.registry == HUB else self.registry

    @property
    def identifier(self) -> str:
        """What to ask the registry for: the digest where there is one, else the tag, `latest` by default."""
        return self.digest or self.tag or "latest"

    @property
    def normalised(self) -> Reference:
        """The same image with one spelling, for comparison: lower-case registry, Docker Hub under one name."""
        registry = self.registry.lower()
        return Reference(HUB if registry in HUB_NAMES else registry, self.repository, self.tag, self.digest)

    def pinned(self, digest: str) -> Reference:
        """`repository@digest`, without a tag."""
        return Reference(self.registry, self.repository, None, check_digest(digest, "digest"))

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse_reference(text: str) -> Reference:
    """Read an image reference as distribution's `ParseNormalizedNamed` does; a leading `docker://` is dropped.

    Raises MALFORMED, also for a digest without a repository, which both cosigns take for an image on Docker Hub.
    """
    plain = text[len("docker://") :] if text.startswith("docker://") else text
    if _BARE_DIGEST.match(plain):
        raise _malformed(text, "is a digest without a repository; write REGISTRY/REPOSITORY@" + plain)
    match = _REFERENCE.match(plain) if len(plain) <= _MAX_TEXT else None
    if match is None:
        raise _malformed(text, "does not read as REGISTRY/REPOSITORY[:TAG][@DIGEST] with the repository in lower case")
    registry, repository = _split_domain(match["name"])
    if re.fullmatch(_PATH, repository) is None:
        raise _malformed(text, "has a repository that is not in lower case or uses characters that are not allowed")
    if re.fullmatch("[a-f0-9]{64}", repository.replace("library/", "", 1) if registry == HUB else ""):
        raise _malformed(text, "is an image's id and not a name; write REGISTRY/REPOSITORY@sha256:…")
    if len(repository) > _MAX_NAME:
        raise _malformed(text, f"has a repository longer than {_MAX_NAME} characters")
    port = re.search(r":([0-9]+)\Z", registry)
    if port and not 0 < int(port[1][:9]) < 65536:
        raise _malformed(text, "has a port that does not exist")
    digest = match["digest"]
    return Reference(
        registry, repository, match["tag"], None if digest is None else check_digest(digest, "digest in the image name")
    )


def is_tag(text: str) -> bool:
    return _TAG_ONLY.match(text) is not None


def _split_domain(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and (first == "localhost" or re.search("[.:]", first) or first.lower() != first):
        if first in (HUB, "docker.io"):
            return HUB, rest if "/" in rest else f"library/{rest}"
        return first, rest
    return HUB, name if slash else f"library/{name}"


def _malformed(text: str, why: str) -> Rejection:
    return Rejection("MALFORMED", f"The image {text[:300]!r} {why}.")
