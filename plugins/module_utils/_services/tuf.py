# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""What a TUF repository (The Update Framework 1.0) distributes, by the packages `tuf` and `sigstore`."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import importlib.resources
import json
import os
import re
import tempfile
import typing as t
import urllib.parse
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._services.tuf_kept import (
    STORED,
    Kept,
    keep,
    locked_kept,
    read_kept,
)

PUBLIC_GOOD = "https://tuf-repo-cdn.sigstore.dev"
STAGING = "https://tuf-repo-cdn.sigstage.dev"
TRUSTED_ROOT = "trusted_root.json"
SIGNING_CONFIG = "signing_config.v0.2.json"
WHAT = {TRUSTED_ROOT: "trusted root", SIGNING_CONFIG: "signing config"}
"""The targets that are fetched, and what messages call them."""

KEPT_SECONDS = 24 * 3600
UNREFRESHED_SECONDS = 15 * 60
"""For how long what was kept serves after a refresh failed, before the next try."""
REFUSED_SECONDS = 10
"""For how long a refusal is told without another try: each may last until its deadline, and hundreds of hosts wait."""

MAX_BYTES = 5 * 2**20
_ROLES = ("root", "timestamp", "snapshot", "targets")

Clock = t.Callable[[], datetime.datetime]

Get = t.Callable[[str], tuple[int, bytes]]
"""Status and body of a URL, at most MAX_BYTES of it. Raises Rejection where there is no answer."""


class Document(t.NamedTuple):
    """A trusted root or signing config as it came, what it is called after "the" in messages, what the user should hear
    of it, and when it expires as TUF has it (seconds since 1970; 0: nobody said)."""

    data: bytes
    name: str
    warning: str = ""
    expires: float = 0.0


@dataclass(frozen=True)
class Repository:
    """A TUF repository. `root` is the root.json to begin with; without one, what the package `sigstore` ships for this
    URL, or else for the public good instance, of which this may be a mirror. `folder` is where what was fetched is
    kept, `spare` where it is kept if that cannot be written; an empty one is none. It serves for `seconds`.
    `root_named` is what names the file of `root`, `instead` what to do without a repository; both for messages."""

    url: str
    folder: str
    root: bytes | None = None
    spare: str = ""
    seconds: float = KEPT_SECONDS
    root_named: str = "TUF_ROOT_JSON"
    instead: str = ""

    @property
    def folders(self) -> list[str]:
        return [path for path in (self.folder, self.spare) if path]

    def start(self) -> bytes:
        if self.root is not None:
            return self.root
        return _shipped(self.url, "root.json") or _shipped(PUBLIC_GOOD, "root.json") or b""


def shipped(url: str, target: str) -> Document:
    """What the package `sigstore` ships of a repository: no connection, no folder. Raises TRUST_ROOT."""
    data = _shipped(url, target)
    if data is None:
        raise Rejection(
            "TRUST_ROOT",
            f"The Python package sigstore ships no {WHAT[target]} of {url}, and offline: true fetches none; give "
            f"{_option(target)}, or leave offline out.",
        )
    version = importlib.metadata.version("sigstore")
    newest = max(re.findall(rb'"start":\s*"([0-9-]{10})', data), default=b"unknown").decode()
    warning = (
        f"offline: true, so the {WHAT[target]} that the Python package sigstore {version} ships is used, whose newest "
        f"part is of {newest}. Newer keys and services are not in it."
    )
    return Document(data, f"{WHAT[target]} of the Python package sigstore {version}", warning)


def fetch(repository: Repository, target: str, get: Get, clock: Clock) -> Document:
    """A target of the repository: the one that is kept, for at most a day, else a fresh one. Where the repository does
    not answer, the one that is kept while its TUF metadata has not expired. Forks that need it at once ask once.

    Raises TRUST_ROOT, with what to do.
    """
    try:
        kept = read_kept(repository.url, repository.folders, clock())
        document = _fresh(repository, target, kept, clock())
        if document is not None:
            return document
        with locked_kept(repository.folders):
            # Whoever held the lock may have fetched it after our first look.
            before, kept, now = kept, read_kept(repository.url, repository.folders, clock()), clock()
            document = _fresh(repository, target, kept, now) if kept != before else None
            refused = bool(kept.refusal) and kept.wanted == target
            if document is None and refused and 0 <= now.timestamp() - kept.tried < REFUSED_SECONDS:
                raise Rejection("TRUST_ROOT", kept.refusal[:4000])
            return document or _refresh(repository, target, kept, get, clock)
    except OSError as error:
        raise Rejection(
            "TRUST_ROOT",
            f"The {WHAT[target]} has no temporary folder to be verified in ({error.strerror or error}); set TMPDIR to "
            f"one that can be written, or {_instead(repository, target)}.",
        ) from None


def kept_document(repository: Repository, target: str, clock: Clock) -> Document | None:
    """The one that is kept, without any request, while its TUF metadata has not expired."""
    try:
        kept = read_kept(repository.url, repository.folders, clock())
        return _serve(repository, target, kept, clock())
    except OSError:
        return None


def _fresh(repository: Repository, target: str, kept: Kept, now: datetime.datetime) -> Document | None:
    """What is kept, where the repository need not be asked again yet."""
    limit = min(UNREFRESHED_SECONDS, repository.seconds) if kept.warning else repository.seconds
    is_fresh = kept.since <= now.timestamp() < kept.since + limit
    return _serve(repository, target, kept, now) if is_fresh else None


def _serve(repository: Repository, target: str, kept: Kept, now: datetime.datetime) -> Document | None:
    try:
        verified = _verify(repository, target, kept.files)
    except (_NoAnswer, _Wrong):
        return None
    document = _document(repository, target, verified, kept.warning)
    return document if now.timestamp() < verified.expires else None


def _document(repository: Repository, target: str, verified: _Verified, warning: str) -> Document:
    return Document(verified.data, f"{WHAT[target]} of {repository.url}", warning, verified.expires)


# Refresh -------------------------------------------------------------------------------------------------------------


def _refresh(repository: Repository, target: str, kept: Kept, get: Get, clock: Clock) -> Document:
    now, warning = clock(), ""
    try:
        try:
            verified = _update(repository.url, repository.start(), target, kept.files, get)
        except _NoAnswer as error:
            verified, warning = _unrefreshed(repository, target, kept, now, str(error))
        except _Wrong as error:
            raise _refused(repository, target, now, error) from None
    except Rejection as rejection:
        note = kept._replace(refusal=rejection.message, tried=clock().timestamp(), wanted=target)
        keep(repository.url, repository.folders, note)
        raise
    keep(repository.url, repository.folders, Kept(verified.files, now.timestamp(), warning))
    return _document(repository, target, verified, warning)


def _unrefreshed(
    repository: Repository, target: str, kept: Kept, now: datetime.datetime, why: str
) -> tuple[_Verified, str]:
    """What was fetched before, while nothing of it has expired."""
    if not kept.files:
        raise _refused(repository, target, now, _NoAnswer(why))
    try:
        verified = _verify(repository, target, kept.files)
    except (_NoAnswer, _Wrong) as error:
        text = f"{why} What was fetched before serves no more: {error}"
        raise _refused(repository, target, now, type(error)(text)) from None
    end = datetime.datetime.fromtimestamp(verified.expires, datetime.timezone.utc)
    warning = (
        f"What {repository.url} distributes could not be refreshed, so the {WHAT[target]} that was fetched before is "
        f"used, until {end:%Y-%m-%d %H:%M} UTC at the latest. {why}"
    )
    return verified, warning


class _NoAnswer(Exception):
    """The repository did not answer as a repository does."""


class _Wrong(Exception):
    """What it answered, or what is kept, is not to be trusted."""


class _WrongStart(_Wrong):
    """The root.json to begin with is none."""


class _Verified(t.NamedTuple):
    """The target, when the first of the metadata expires (seconds since 1970), and all that is to be kept."""

    data: bytes
    expires: float
    files: t.Mapping[str, bytes]


def _verify(repository: Repository, target: str, files: t.Mapping[str, bytes]) -> _Verified:
    """What is kept, by TUF's client workflow as if the repository had answered it now. Raises _NoAnswer or _Wrong."""

    def get(url: str) -> tuple[int, bytes]:
        role = re.search(r"/(?:[0-9]+\.)?(root|timestamp|snapshot|targets)\.json\Z", url)
        if role and role[1] == "root":
            return 404, b""
        if role and f"{role[1]}.json" in files:
            return 200, files[f"{role[1]}.json"]
        raise Rejection("TRUST_ROOT", f"{url.rsplit('/', 1)[-1]} is missing or is not the one that was fetched.")

    if not files:
        raise _Wrong("Nothing is kept.")
    return _update(repository.url, repository.start(), target, files, get)


def _update(url: str, start: bytes, target: str, files: t.Mapping[str, bytes], get: Get) -> _Verified:
    """The target as verified by TUF's client workflow; others that are kept stay, and are looked at when they are
    asked for. Raises _NoAnswer or _Wrong, and OSError where there is no temporary folder."""
    try:
        from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError
        from tuf.api.metadata import Metadata
        from tuf.ngclient.fetcher import FetcherInterface
        from tuf.ngclient.updater import Updater
    except ImportError:
        raise _missing() from None

    class Fetcher(FetcherInterface):
        def _fetch(self, url: str) -> t.Iterator[bytes]:
            status, body = get(url)
            if status != 200:
                raise DownloadHTTPError(f"It answered {url} with status {status}.", status)
            return iter((body,))

    with tempfile.TemporaryDirectory(prefix="supplychain.cosign-") as place:
        targets = os.path.join(place, "targets")
        _store(place, files)
        try:
            updater = Updater(place, url, targets, f"{url}/targets", Fetcher(), bootstrap=start)
        except OSError:
            raise
        except Exception as error:
            raise _WrongStart(f"{error} ({type(error).__name__})") from None
        try:
            updater.refresh()
            info = updater.get_targetinfo(target)
            if info is None:
                raise _Wrong(f"It has no {target}")
            if updater.find_cached_target(info) is None:
                updater.download_target(info)
            stored = _stored(place)
            data = stored[f"targets/{target}"]
            data.decode()
            dates = [Metadata.from_file(os.path.join(place, f"{role}.json")).signed.expires for role in _ROLES]
        except DownloadLengthMismatchError as error:
            raise _Wrong(str(error)) from None
        except DownloadError as error:
            cause = error.__cause__
            raise _NoAnswer(cause.message if isinstance(cause, Rejection) else str(error)) from None
        except (_Wrong, OSError):
            raise
        except UnicodeDecodeError:
            raise _Wrong(f"Its {target} is not UTF-8") from None
        # Whatever hostile metadata lets the library stumble over.
        except Exception as error:
            raise _Wrong(f"{error} ({type(error).__name__})") from None
    return _Verified(data, min(date.replace(tzinfo=datetime.timezone.utc).timestamp() for date in dates), stored)


def _store(place: str, files: t.Mapping[str, bytes]) -> None:
    for folder in ("targets", "root_history"):
        os.mkdir(os.path.join(place, folder))
    for name, data in files.items():
        with open(os.path.join(place, name), "wb") as stream:
            stream.write(data)


def _stored(place: str) -> dict[str, bytes]:
    found = {}
    for folder, _folders, names in os.walk(place):
        for path in (os.path.join(folder, name) for name in names):
            # The link to the last root is made anew each time.
            if STORED.match(os.path.relpath(path, place)) and not os.path.islink(path):
                with open(path, "rb") as stream:
                    found[os.path.relpath(path, place)] = stream.read()
    return found


def _refused(repository: Repository, target: str, now: datetime.datetime, error: Exception) -> Rejection:
    why, remedies, named = str(error)[:2000].rstrip("."), [_instead(repository, target)], repository.root_named
    with contextlib.suppress(Rejection):
        if _shipped(repository.url, target) is not None:
            remedies.append("set offline: true")
    if isinstance(error, _WrongStart):
        file = f"the file of {named}" if repository.root is not None else "what the Python package sigstore ships"
        why = f"It begins with a root.json, and {file} is none: {why}"
        remedies.insert(0, f"correct {named}" if repository.root is not None else "install sigstore anew")
    elif "UnsignedMetadataError" in why and repository.root is not None:
        remedies.insert(0, f"set {named} to a root.json of this repository, where it names another's")
    elif "UnsignedMetadataError" in why:
        version = json.loads(repository.start())["signed"]["version"]
        remedies.insert(
            0,
            f"renew the Python package sigstore, whose root.json (version {version}) was the start, or set {named} "
            "where the repository is one of its own",
        )
    if re.search("expire|certificate|TLS", why, re.IGNORECASE):
        remedies.insert(0, f"correct this machine's clock where it is not {now:%Y-%m-%d %H:%M} UTC")
    text = f"The {WHAT[target]} could not be fetched from {repository.url}. {why[:1].upper()}{why[1:]}."
    return Rejection("TRUST_ROOT", f"{text} To go on, {', or '.join(remedies)}.")


def _instead(repository: Repository, target: str) -> str:
    return repository.instead or f"give {_option(target)}"


def _option(target: str) -> str:
    return WHAT[target].replace(" ", "_")


# The package ---------------------------------------------------------------------------------------------------------


def _shipped(url: str, file: str) -> bytes | None:
    """A file that the package `sigstore` ships for a repository, read where it lies; None: not for this one."""
    try:
        folder = importlib.resources.files("sigstore._store")
    except ImportError:
        raise _missing() from None
    try:
        return folder.joinpath(urllib.parse.quote(url, safe="")).joinpath(file).read_bytes()
    except OSError:
        return None


def _missing() -> Rejection:
    return Rejection(
        "TRUST_ROOT",
        "The Python packages sigstore and tuf, which bring and fetch the trusted root, are missing on the controller; "
        "install sigstore there, or give trusted_root.",
    )
