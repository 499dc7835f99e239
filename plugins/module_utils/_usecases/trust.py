# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import dataclasses
import datetime
import functools
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
from ansible_collections.supplychain.cosign.plugins.module_utils._http.proxy import proxies_from
from ansible_collections.supplychain.cosign.plugins.module_utils._http.request import Request
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import Transport, TransportOptions
from ansible_collections.supplychain.cosign.plugins.module_utils._http.url import parse_url
from ansible_collections.supplychain.cosign.plugins.module_utils._http.wire import Deadline, TooLong
from ansible_collections.supplychain.cosign.plugins.module_utils._services.private_folder import read_file
from ansible_collections.supplychain.cosign.plugins.module_utils._services.tuf import (
    KEPT_SECONDS,
    MAX_BYTES,
    PUBLIC_GOOD,
    SIGNING_CONFIG,
    TRUSTED_ROOT,
    Document,
    Get,
    Repository,
    fetch,
    kept_document,
    shipped,
)

TOTAL_SECONDS = 60.0
"""For all requests of one refresh together."""

_MIRROR = re.compile(r"(?:https?://[^\s@?#\0]+|file:///[^\s?#\0]+)\Z")
_LACKING = {
    "certificate_authorities": "certificate_chain, ca_roots or SIGSTORE_ROOT_FILE names CAs",
    "logs": "SIGSTORE_REKOR_PUBLIC_KEY names logs (insecure_ignore_tlog does without)",
    "ct_logs": "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE names certificate logs (insecure_ignore_sct does without)",
    "timestamp_authorities": "SIGSTORE_TSA_CERTIFICATE_FILE names timestamp authorities",
}

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
    """One trusted root that was given, and nothing beside it: read at once, whether anything needs it or not."""
    root = parse_trusted_root(document.data, document.name)
    return Trust(hashlib.sha256(document.data).hexdigest(), lambda: root)


def trust_in_files(
    options: t.Mapping[str, bytes], variables: t.Mapping[str, bytes], broken: Rejection | None = None
) -> Trust:
    """What single files say, by the names of their options and variables, and nothing beside it: with any of them
    nothing is fetched. Those of options are read at once. `broken`: why a variable's file could not be read, for
    whoever needs it."""
    trusted_root_from_pem(options)
    files = {**variables, **options}

    def find() -> TrustedRoot:
        if broken is not None:
            raise broken
        root = trusted_root_from_pem(files)
        return dataclasses.replace(root, name=_name_of(root))

    digests = [f"{name} {hashlib.sha256(data).hexdigest()}" for name, data in sorted(files.items())]
    return Trust("\n".join([*digests, broken.message if broken else ""]), find)


def _name_of(root: TrustedRoot) -> str:
    """What is trusted, and what a file would have to be named for: nobody can give such a root as a whole."""
    lacking = [how for kind, how in _LACKING.items() if not getattr(root, kind)]
    more = f". Beside it {'; '.join(lacking)}" if lacking else ""
    return f"content of {root.name}, and nothing else: single files take the place of the default root{more}"


@dataclass(frozen=True)
class Source:
    """Where the default trusted root and signing config come from: what cosign's variables TUF_MIRROR, TUF_ROOT_JSON (a
    path) and TUF_ROOT (a folder) say, and whether they may be fetched at all. `spare` is a folder of this run, to keep
    them in where that one cannot be written.

    Options take the place of the first two variables: `given_mirror`, and `given_root`, the content of a root.json.
    What is kept serves for `seconds`; `instead` is what else to do, for messages."""

    read: Read
    environ: t.Mapping[str, str]
    offline: bool = False
    spare: str = ""
    given_mirror: str = ""
    given_root: bytes | None = None
    seconds: float = KEPT_SECONDS
    instead: str = ""

    @property
    def mirror(self) -> str:
        """Its URL, which is shown and so holds no secret. Raises TRUST_ROOT."""
        url = (self.given_mirror or self.environ.get("TUF_MIRROR") or PUBLIC_GOOD).rstrip("/")
        if not _MIRROR.match(url):
            named = "option mirror" if self.given_mirror else "variable TUF_MIRROR"
            raise Rejection(
                "TRUST_ROOT",
                f"The {named} holds no plain http://, https:// or file:/// address; correct or unset it.",
            )
        return url

    @property
    def fingerprint(self) -> str:
        named = [self.environ.get(name, "") for name in ("TUF_MIRROR", "TUF_ROOT", "XDG_CACHE_HOME", "HOME")]
        start = self._start
        begun = start.message if isinstance(start, Rejection) else start
        found = [self.given_mirror, *named, begun, self.offline]
        return hashlib.sha256(repr(found).encode("utf-8", "replace")).hexdigest()

    def repository(self) -> Repository:
        """Raises TRUST_ROOT where a variable is of no use."""
        if isinstance(self._start, Rejection):
            raise self._start
        # What began elsewhere was verified by other keys: it is kept apart. cosign's own files lie beside it.
        begun = hashlib.sha256(self.mirror.encode() + b"\n" + (self._start or b"")).hexdigest()
        name, base = f"tuf-{begun[:16]}", self._base()
        folder = os.path.join(base, "supplychain.cosign", name) if base else ""
        return Repository(
            self.mirror,
            folder,
            self._start,
            os.path.join(self.spare, name) if self.spare else "",
            self.seconds,
            "root" if self.given_mirror or self.given_root is not None else "TUF_ROOT_JSON",
            self.instead,
        )

    @functools.cached_property
    def _start(self) -> bytes | Rejection | None:
        """The content of TUF_ROOT_JSON, read once: what is verified with is what the fingerprint tells. That variable
        is about the repository of TUF_MIRROR, not about one that an option names."""
        if self.given_root is not None:
            return self.given_root
        path = "" if self.given_mirror else self.environ.get("TUF_ROOT_JSON")
        try:
            return read_named("TUF_ROOT_JSON", path, self.read) if path else None
        except Rejection as rejection:
            return rejection

    def _base(self) -> str:
        """Below which it is kept; empty where there is no such place."""
        root = self._folder("TUF_ROOT")
        if root and not os.path.isabs(root):
            raise Rejection(
                "TRUST_ROOT",
                f"The variable TUF_ROOT holds {root!r}, which is another folder wherever a task runs; write it from / "
                "or ~ on, or unset it.",
            )
        # The XDG Base Directory Specification: a relative path is to be ignored.
        for path in (root, self._folder("XDG_CACHE_HOME"), os.path.join(self._home(), ".cache")):
            if os.path.isabs(path):
                return path
        return ""

    def _folder(self, variable: str) -> str:
        path = named_path(variable, self.environ.get(variable, ""))
        home, _slash, rest = path.partition("/")
        return os.path.join(self._home(), rest) if home == "~" else os.path.expanduser(path)

    def _home(self) -> str:
        return named_path("HOME", self.environ.get("HOME", "")) or os.path.expanduser("~")


def trust_by_default(source: Source, warn: t.Callable[[str], None]) -> Trust:
    """The trusted root of a TUF repository, the public good one where nothing else is said."""
    return trust_when_needed(source.fingerprint, lambda: default_document(source), warn)


def trust_when_needed(fingerprint: str, find: t.Callable[[], Document], warn: t.Callable[[str], None]) -> Trust:
    """A trusted root that nobody gave: found, read and warned of when something needs it."""

    def root() -> TrustedRoot:
        document = find()
        if document.warning:
            warn(document.warning)
        return parse_trusted_root(document.data, document.name)

    return Trust(fingerprint, root)


def default_document(source: Source) -> Document:
    """The trusted root where the task gives none: fetched, or with `offline` the one that is shipped. A mirror on the
    disk needs no connection.

    Raises TRUST_ROOT.
    """
    return _default(source, TRUSTED_ROOT)


def default_signing_config(source: Source) -> Document:
    """The signing config where the task names no services, likewise. Raises TRUST_ROOT, also where the repository has
    none."""
    return _default(source, SIGNING_CONFIG)


def _default(source: Source, target: str) -> Document:
    if source.mirror.startswith("file://"):
        return fetch(source.repository(), target, _read_mirror, _now)
    if source.offline:
        return shipped(source.mirror, target)
    options = TransportOptions(proxies=proxies_from(source.environ), retries=2, total_timeout=TOTAL_SECONDS)
    with Transport(options) as transport:
        return fetch(source.repository(), target, _getter(transport), _now)


def document_at_hand(source: Source) -> Document | None:
    """The trusted root, where no connection is needed for it. Raises TRUST_ROOT."""
    if source.offline or source.mirror.startswith("file://"):
        return default_document(source)
    return kept_document(source.repository(), TRUSTED_ROOT, _now)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def named_path(name: str, path: str) -> str:
    """What a variable names. Raises TRUST_ROOT where that can be no path."""
    if "\0" in path:
        raise Rejection("TRUST_ROOT", f"The variable {name} holds a NUL character, which no path has; correct it.")
    return path


def read_named(name: str, path: str, read: Read) -> bytes:
    """The file that a variable names. Raises TRUST_ROOT where it cannot be read."""
    try:
        return read(named_path(name, path))
    except OSError as error:
        why = error.strerror or str(error)
    except Rejection as rejection:
        why = rejection.message.rstrip(".")
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
        return 200, read_file(url[len("file://") :], MAX_BYTES)
    except OSError:
        return 404, b""
