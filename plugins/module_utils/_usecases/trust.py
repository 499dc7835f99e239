# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import datetime
import hashlib
import os
import re
import threading
import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import TrustedRoot
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import (
    parse_trusted_root,
    trusted_root_from_pem,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.proxy import proxies_from
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.request import Request
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.transport import Transport, TransportOptions
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.url import parse_url
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.wire import Deadline, TooLong
from ansible_collections.supplychain.cosign.plugins.module_utils._services.tuf import (
    MAX_BYTES,
    PUBLIC_GOOD,
    Document,
    Get,
    Repository,
    fetch_trusted_root,
    shipped_trusted_root,
)

TOTAL_SECONDS = 60.0
"""For all requests of one refresh together."""

_MIRROR = re.compile(r"(?:https?://[^\s@?#]+|file:///[^\s?#]+)\Z")

Read = t.Callable[[str], bytes]
"""The content of a file that the task or its environment names. Raises OSError or Rejection."""


class Trust:
    """What a task trusts, found when it is first asked for: a signature by a key needs none. For many threads.

    `fingerprint` tells one trust from another before it is found.
    """

    def __init__(self, fingerprint: str, find: t.Callable[[], TrustedRoot]) -> None:
        self.fingerprint = fingerprint
        self._find = find
        self._lock = threading.Lock()
        self._found: TrustedRoot | None = None
        self._refusal: Rejection | None = None

    def root(self) -> TrustedRoot:
        """Raises TRUST_ROOT (to every caller alike), or what is wrong with a file that the task gave."""
        with self._lock:
            if self._found is None and self._refusal is None:
                try:
                    self._found = self._find()
                except Rejection as rejection:
                    self._refusal = rejection
            if self._found is None:
                refusal = t.cast(Rejection, self._refusal)
                raise Rejection(refusal.code, refusal.message)
            return self._found


def trust_in_document(document: Document) -> Trust:
    """One trusted root, and nothing beside it."""
    fingerprint = hashlib.sha256(document.data).hexdigest()
    return Trust(fingerprint, lambda: parse_trusted_root(document.data, document.name))


def trust_in_files(files: t.Mapping[str, bytes], broken: Rejection | None = None) -> Trust:
    """What single files say, by the names of their options and variables, and nothing beside it: with any of them
    nothing is fetched. `broken`: why one of them could not be read, for whoever needs it."""

    def find() -> TrustedRoot:
        if broken is not None:
            raise broken
        return trusted_root_from_pem(files)

    digests = [f"{name} {hashlib.sha256(data).hexdigest()}" for name, data in sorted(files.items())]
    return Trust("\n".join([*digests, broken.message if broken else ""]), find)


@dataclass(frozen=True)
class Source:
    """Where the default trusted root comes from: what cosign's variables TUF_MIRROR, TUF_ROOT_JSON (a path) and
    TUF_ROOT (a folder) say, and whether it may be fetched at all."""

    read: Read
    environ: t.Mapping[str, str]
    offline: bool = False

    @property
    def mirror(self) -> str:
        """Its URL, which is shown and so holds no secret. Raises TRUST_ROOT."""
        url = (self.environ.get("TUF_MIRROR") or PUBLIC_GOOD).rstrip("/")
        if not _MIRROR.match(url):
            raise Rejection(
                "TRUST_ROOT",
                "The variable TUF_MIRROR holds no plain http://, https:// or file:/// address; correct or unset it.",
            )
        return url

    @property
    def fingerprint(self) -> str:
        named = [self.environ.get(name, "") for name in ("TUF_MIRROR", "TUF_ROOT_JSON")]
        return hashlib.sha256(repr([*named, self.offline]).encode("utf-8", "replace")).hexdigest()

    def repository(self) -> Repository:
        """Raises TRUST_ROOT where the variables name a root.json that cannot be read."""
        environ = self.environ
        path = environ.get("TUF_ROOT_JSON")
        root = read_named("TUF_ROOT_JSON", path, self.read) if path else None
        cache = os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".cache")
        base = environ.get("TUF_ROOT") or environ.get("XDG_CACHE_HOME") or cache
        # What began elsewhere was verified by other keys: it is kept apart. cosign's own files lie beside it.
        name = hashlib.sha256(f"{self.mirror}\n".encode() + (root or b"")).hexdigest()[:16]
        return Repository(self.mirror, os.path.join(base, "supplychain.cosign", f"tuf-{name}"), root)


def trust_by_default(source: Source, warn: t.Callable[[str], None]) -> Trust:
    """The trusted root of a TUF repository, the public good one where nothing else is said."""

    def find() -> TrustedRoot:
        document = default_document(source)
        if document.warning:
            warn(document.warning)
        return parse_trusted_root(document.data, document.name)

    return Trust(source.fingerprint, find)


def default_document(source: Source) -> Document:
    """The trusted root where the task gives none: fetched, or with `offline` the one that is shipped.

    Raises TRUST_ROOT.
    """
    if source.offline:
        return shipped_trusted_root(source.mirror)
    if source.mirror.startswith("file://"):
        return fetch_trusted_root(source.repository(), _read_mirror, _now)
    options = TransportOptions(proxies=proxies_from(source.environ), retries=2, total_timeout=TOTAL_SECONDS)
    with Transport(options) as transport:
        return fetch_trusted_root(source.repository(), _getter(transport), _now)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def read_named(name: str, path: str, read: Read) -> bytes:
    """The file that a variable names. Raises TRUST_ROOT where it cannot be read."""
    try:
        return read(path)
    except OSError as error:
        why = error.strerror or str(error)
    except Rejection as rejection:
        why = rejection.message
    raise Rejection(
        "TRUST_ROOT", f"The variable {name} names {path!r}, which was not read: {why}. Correct or unset it."
    )


def _getter(transport: Transport) -> Get:
    """Requests as nobody, all of them before one deadline, which begins with the first."""
    deadlines: list[Deadline] = []

    def get(url: str) -> tuple[int, bytes]:
        if not deadlines:
            deadlines.append(transport.deadline())
        target = parse_url(url)
        try:
            reply = transport.send(Request("GET", target, target.origin), deadlines[0], MAX_BYTES)
        except TooLong:
            raise Rejection("LIMIT_EXCEEDED", f"{target} is larger than {MAX_BYTES} bytes.") from None
        return reply.status, reply.body

    return get


def _read_mirror(url: str) -> tuple[int, bytes]:
    """A mirror on this machine's disk."""
    try:
        with open(url[len("file://") :], "rb") as stream:
            return 200, stream.read(MAX_BYTES)
    except OSError:
        return 404, b""
