# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""The trusted root from a TUF repository (The Update Framework 1.0), by the packages `tuf` and `sigstore`.

What was fetched is kept in a folder as `kept.json` (the root, and until when it serves without asking) and
`metadata/` (as `tuf` stores it, to be verified again when the repository cannot be reached). `metadata/` is replaced
as a whole, under a lock: a refresh that stops half-way leaves what was there.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import importlib.metadata
import importlib.resources
import json
import os
import re
import shutil
import tempfile
import typing as t
import urllib.parse
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

PUBLIC_GOOD = "https://tuf-repo-cdn.sigstore.dev"
TARGET = "trusted_root.json"
KEPT_SECONDS = 24 * 3600
UNREFRESHED_SECONDS = 15 * 60
"""For how long what was kept serves after a refresh failed, before the next try."""

MAX_BYTES = 5 * 2**20
_ROLES = ("root", "timestamp", "snapshot", "targets")
_REMEDY = "give trusted_root, or set offline: true"

Clock = t.Callable[[], datetime.datetime]

Get = t.Callable[[str], tuple[int, bytes]]
"""Status and body of a URL, at most MAX_BYTES of it. Raises Rejection where there is no answer."""


class Document(t.NamedTuple):
    """A trusted root as it came, what it is called after "the" in messages, and what the user should hear of it."""

    data: bytes
    name: str
    warning: str = ""


@dataclass(frozen=True)
class Repository:
    """A TUF repository of trusted roots. `root` is the root.json to begin with; without one, what the package
    `sigstore` ships for this URL, or else for the public good instance, of which this may be a mirror. `folder` is
    where it is kept."""

    url: str
    folder: str
    root: bytes | None = None


def shipped_trusted_root(url: str = PUBLIC_GOOD) -> Document:
    """The trusted root that the package `sigstore` ships: no connection, no folder. Raises TRUST_ROOT."""
    data = _shipped(url, TARGET)
    if data is None:
        raise Rejection(
            "TRUST_ROOT",
            f"The Python package sigstore ships no trusted root of {url}, and offline: true fetches none; give "
            "trusted_root.",
        )
    version = importlib.metadata.version("sigstore")
    newest = max(re.findall(rb'"start":\s*"([0-9-]{10})', data), default=b"unknown").decode()
    name = f"trusted root of the Python package sigstore {version}"
    warning = (
        f"offline: true without trusted_root: the one that the Python package sigstore {version} ships is used, whose "
        f"newest part is of {newest}. What was made with newer keys is refused."
    )
    return Document(data, name, warning)


def fetch_trusted_root(repository: Repository, get: Get, clock: Clock) -> Document:
    """The repository's trusted root: the one that is kept, for at most a day, else a fresh one. Where the repository
    does not answer, the one that is kept while its TUF metadata has not expired. Forks that need it at once ask once.

    Raises TRUST_ROOT, with what to do.
    """
    kept = _kept(repository.folder, clock())
    if kept is None:
        asked = _changed(repository.folder)
        try:
            with _locked(repository.folder):
                # Whoever held the lock may have fetched it after our first look.
                now = clock()
                kept = _kept(repository.folder, now) or _refresh(repository, repository.folder, get, now, asked)
        except OSError:
            # Read-only, full, or somebody else's: only the keeping of it is lost.
            kept = _fetch_unkept(repository, get, clock())
    return Document(kept["trusted_root"].encode(), f"trusted root of {repository.url}", kept["warning"])


# What is kept --------------------------------------------------------------------------------------------------------


def _kept(folder: str, now: datetime.datetime) -> dict[str, t.Any] | None:
    """What was fetched and needs no refresh yet; None as well where others can write, or what lies there is damaged."""
    try:
        if not _is_ours(folder):
            return None
        with open(os.path.join(folder, "kept.json"), "rb") as stream:
            kept = json.loads(stream.read(MAX_BYTES))
        whole = hashlib.sha256(kept["trusted_root"].encode()).hexdigest() == kept["sha256"]
        return kept if whole and kept["since"] <= now.timestamp() < kept["until"] else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _keep(folder: str, data: bytes, now: datetime.datetime, until: float, warning: str) -> dict[str, t.Any]:
    kept = {
        "trusted_root": data.decode(),
        "sha256": hashlib.sha256(data).hexdigest(),
        "since": now.timestamp(),
        "until": until,
        "warning": warning,
    }
    _write(os.path.join(folder, "kept.json"), json.dumps(kept).encode())
    return kept


def _write(path: str, data: bytes) -> None:
    with open(f"{path}.new", "wb") as stream:
        stream.write(data)
    os.replace(f"{path}.new", path)


def _is_ours(folder: str) -> bool:
    found = os.lstat(folder)
    # An execution environment may bring a filled folder, made by root.
    return found.st_uid in (0, os.geteuid()) and not found.st_mode & 0o022


@contextlib.contextmanager
def _locked(folder: str) -> t.Iterator[None]:
    """For one process and thread at a time. Raises OSError where it is not ours to write."""
    os.makedirs(folder, 0o700, exist_ok=True)
    if not _is_ours(folder):
        raise PermissionError(f"{folder} belongs to somebody else")
    lock = os.open(os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _fetch_unkept(repository: Repository, get: Get, now: datetime.datetime) -> dict[str, t.Any]:
    """In a folder that is gone afterwards, from the metadata that is kept."""
    try:
        with tempfile.TemporaryDirectory(prefix="supplychain.cosign-") as folder:
            with contextlib.suppress(OSError, shutil.Error):
                if _is_ours(repository.folder):
                    kept = os.path.join(repository.folder, "metadata")
                    shutil.copytree(kept, os.path.join(folder, "metadata"), symlinks=True)
            return _refresh(repository, folder, get, now, _changed(folder))
    except OSError as error:
        raise Rejection(
            "TRUST_ROOT", f"The trusted root has no folder to be fetched into ({error.strerror or error}); {_REMEDY}."
        ) from None


# Refresh -------------------------------------------------------------------------------------------------------------


def _refresh(repository: Repository, folder: str, get: Get, now: datetime.datetime, asked: int) -> dict[str, t.Any]:
    failure = os.path.join(folder, "failure")
    if _changed(folder) != asked:
        # Somebody asked in vain while we waited for the lock: a second try in the same second would not do better.
        with open(failure, encoding="utf-8") as stream:
            raise Rejection("TRUST_ROOT", stream.read(8192))
    try:
        return _fetch(repository, folder, get, now)
    except Rejection as rejection:
        _write(failure, rejection.message.encode("utf-8", "replace"))
        raise


def _changed(folder: str) -> int:
    """When a refresh failed last."""
    with contextlib.suppress(OSError):
        return os.stat(os.path.join(folder, "failure")).st_mtime_ns
    return 0


def _fetch(repository: Repository, folder: str, get: Get, now: datetime.datetime) -> dict[str, t.Any]:
    start = repository.root or _shipped(repository.url, "root.json") or _shipped(PUBLIC_GOOD, "root.json") or b""
    metadata, work = os.path.join(folder, "metadata"), os.path.join(folder, "work")
    # There is one where somebody was stopped half-way.
    shutil.rmtree(work, ignore_errors=True)
    try:
        if os.path.isdir(metadata):
            shutil.copytree(metadata, work, symlinks=True)
        try:
            data, expires = _update(repository.url, start, work, get)
        except _NoAnswer as error:
            return _unrefreshed(repository, folder, start, now, str(error))
        except _Wrong as error:
            raise _refused(repository, start, now, str(error)) from None
        shutil.rmtree(metadata, ignore_errors=True)
        os.rename(work, metadata)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return _keep(folder, data, now, min(now.timestamp() + KEPT_SECONDS, expires), "")


def _unrefreshed(
    repository: Repository, folder: str, start: bytes, now: datetime.datetime, why: str
) -> dict[str, t.Any]:
    """What was fetched before, verified again as it lies there, while nothing of it has expired."""
    metadata = os.path.join(folder, "metadata")

    def get(url: str) -> tuple[int, bytes]:
        role = re.search(r"/(?:[0-9]+\.)?(root|timestamp|snapshot|targets)\.json\Z", url)
        if role is None:
            raise Rejection("TRUST_ROOT", f"The {TARGET} on the disk is not the one that was fetched.")
        if role[1] == "root":
            return 404, b""
        with open(os.path.join(metadata, f"{role[1]}.json"), "rb") as stream:
            return 200, stream.read(MAX_BYTES)

    if not os.path.isdir(metadata):
        raise _refused(repository, start, now, why)
    try:
        data, expires = _update(repository.url, start, metadata, get)
    except (_NoAnswer, _Wrong) as error:
        raise _refused(repository, start, now, f"{why} What was fetched before serves no more: {error}") from None
    end = datetime.datetime.fromtimestamp(expires, datetime.timezone.utc)
    warning = (
        f"The trusted root of {repository.url} could not be refreshed, so the one that was fetched before is used, "
        f"until {end:%Y-%m-%d %H:%M} UTC at the latest. {why}"
    )
    return _keep(folder, data, now, min(now.timestamp() + UNREFRESHED_SECONDS, expires), warning)


class _NoAnswer(Exception):
    """The repository did not answer as a repository does."""


class _Wrong(Exception):
    """What it answered, or what is kept, is not to be trusted."""


def _update(url: str, start: bytes, place: str, get: Get) -> tuple[bytes, float]:
    """The target as verified by TUF's client workflow, and when the first of the metadata expires.

    `place` holds the metadata, and the target below `targets`. Raises _NoAnswer or _Wrong.
    """
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

    targets = os.path.join(place, "targets")
    os.makedirs(targets, exist_ok=True)
    file = os.path.join(targets, TARGET)
    try:
        updater = Updater(place, url, targets, f"{url}/targets", Fetcher(), bootstrap=start)
        updater.refresh()
        info = updater.get_targetinfo(TARGET)
        if info is None:
            raise _Wrong(f"it has no {TARGET}")
        if updater.find_cached_target(info, file) is None:
            updater.download_target(info, file)
        with open(file, "rb") as stream:
            data = stream.read(MAX_BYTES)
        dates = [Metadata.from_file(os.path.join(place, f"{role}.json")).signed.expires for role in _ROLES]
    except DownloadLengthMismatchError as error:
        raise _Wrong(str(error)) from None
    except DownloadError as error:
        cause = error.__cause__
        raise _NoAnswer(cause.message if isinstance(cause, Rejection) else str(error)) from None
    except (_Wrong, OSError):
        raise
    # Whatever hostile metadata lets the library stumble over.
    except Exception as error:
        raise _Wrong(f"{error} ({type(error).__name__})") from None
    return data, min(date.replace(tzinfo=datetime.timezone.utc).timestamp() for date in dates)


def _refused(repository: Repository, start: bytes, now: datetime.datetime, why: str) -> Rejection:
    remedies = [_REMEDY]
    if "UnsignedMetadataError" in why and repository.root is None:
        version = json.loads(start)["signed"]["version"]
        remedies.insert(
            0,
            "renew the Python package sigstore, whose root.json (version "
            f"{version}) was the start, or set TUF_ROOT_JSON where the repository is one of its own",
        )
    if re.search("expire|certificate|TLS", why, re.IGNORECASE):
        remedies.insert(0, f"correct this machine's clock where it is not {now:%Y-%m-%d %H:%M} UTC")
    return Rejection(
        "TRUST_ROOT",
        f"The trusted root could not be fetched from {repository.url}. {why[:2000].rstrip('.')}. "
        f"To go on, {', or '.join(remedies)}.",
    )


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
