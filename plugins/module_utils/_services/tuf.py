# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""The trusted root from a TUF repository (The Update Framework 1.0), by the packages `tuf` and `sigstore`.

What was fetched is kept as one file, `kept.json`: all that the repository signed, and when it was asked. It is never
believed: whoever takes it from there verifies it again, from the root.json that every walk begins with. So all that a
stranger's file can do is to be refused, or to hold back news until what was signed expires.
"""

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
from ansible_collections.supplychain.cosign.plugins.module_utils._services.private_folder import (
    locked_folder,
    opened_folder,
    read_file,
    replace_file,
)

PUBLIC_GOOD = "https://tuf-repo-cdn.sigstore.dev"
TARGET = "trusted_root.json"
KEPT_SECONDS = 24 * 3600
UNREFRESHED_SECONDS = 15 * 60
"""For how long what was kept serves after a refresh failed, before the next try."""
REFUSED_SECONDS = 10
"""For how long a refusal is told without another try: each may last until its deadline, and hundreds of hosts wait."""

MAX_BYTES = 5 * 2**20
MAX_KEPT_BYTES = 4 * MAX_BYTES
_KEPT = "kept.json"
# What the library stores, by its names: roots that were passed, metadata of roles, the target.
_STORED = re.compile(r"(?:root_history/[0-9]{1,9}\.root|[A-Za-z0-9_.~%-]{1,200}|targets/trusted_root)\.json\Z")
_ROLES = ("root", "timestamp", "snapshot", "targets")

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
    where it is kept, `spare` where it is kept if that cannot be written; an empty one is none."""

    url: str
    folder: str
    root: bytes | None = None
    spare: str = ""

    @property
    def name(self) -> str:
        return f"trusted root of {self.url}"

    def start(self) -> bytes:
        if self.root is not None:
            return self.root
        return _shipped(self.url, "root.json") or _shipped(PUBLIC_GOOD, "root.json") or b""


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
    try:
        kept = _read(repository, clock())
        document = _fresh(repository, kept, clock())
        if document is not None:
            return document
        with _locked(repository):
            # Whoever held the lock may have fetched it after our first look.
            before, kept, now = kept, _read(repository, clock()), clock()
            document = _fresh(repository, kept, now) if kept != before else None
            if document is None and kept.refusal and 0 <= now.timestamp() - kept.tried < REFUSED_SECONDS:
                raise Rejection("TRUST_ROOT", kept.refusal[:4000])
            return document or _refresh(repository, kept, get, clock)
    except OSError as error:
        raise Rejection(
            "TRUST_ROOT",
            f"The trusted root has no temporary folder to be verified in ({error.strerror or error}); set TMPDIR to "
            "one that can be written, or give trusted_root.",
        ) from None


def kept_trusted_root(repository: Repository, clock: Clock) -> Document | None:
    """The one that is kept, without any request, while its TUF metadata has not expired."""
    try:
        return _serve(repository, _read(repository, clock()), clock())
    except OSError:
        return None


# What is kept --------------------------------------------------------------------------------------------------------


class _Kept(t.NamedTuple):
    """What the repository signed, by the library's names of files, and since when it serves. `warning`: it could not
    be refreshed then; `refusal`: what became of the last try, which was at `tried`. Seconds since 1970."""

    files: t.Mapping[str, bytes] = {}
    since: float = 0.0
    warning: str = ""
    refusal: str = ""
    tried: float = 0.0


def _read(repository: Repository, now: datetime.datetime) -> _Kept:
    """What was asked last of all that is kept."""
    found = [_Kept()]
    for path in filter(None, (repository.spare, repository.folder)):
        with contextlib.suppress(OSError), opened_folder(path) as folder:
            found.insert(0, _decoded(read_file(_KEPT, MAX_KEPT_BYTES, folder), repository.url))
    return max((one for one in found if one.since <= now.timestamp()), key=lambda one: one.since)


def _decoded(data: bytes, url: str) -> _Kept:
    """Nothing, where it is damaged or of another repository."""
    try:
        kept = json.loads(data)
        if kept["url"] != url:
            return _Kept()
        return _Kept(
            {name: text.encode() for name, text in kept["files"].items() if _STORED.match(name)},
            float(kept["since"]),
            str(kept["warning"]),
            str(kept["refusal"]),
            float(kept["tried"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return _Kept()


def _keep(repository: Repository, kept: _Kept) -> None:
    """In the first folder that can be written; in none of them only the keeping is lost."""
    files = {name: data.decode() for name, data in kept.files.items()}
    data = json.dumps({"url": repository.url, **kept._asdict(), "files": files}).encode()
    for path in filter(None, (repository.folder, repository.spare)):
        with contextlib.suppress(OSError), opened_folder(path, make=True) as folder:
            replace_file(_KEPT, data, folder)
            return


@contextlib.contextmanager
def _locked(repository: Repository) -> t.Iterator[None]:
    """For one process and thread at a time, where there is a folder that can be written."""
    with contextlib.ExitStack() as stack:
        for path in filter(None, (repository.folder, repository.spare)):
            with contextlib.suppress(OSError):
                stack.enter_context(locked_folder(stack.enter_context(opened_folder(path, make=True))))
                break
        yield


def _fresh(repository: Repository, kept: _Kept, now: datetime.datetime) -> Document | None:
    """What is kept, where the repository need not be asked again yet."""
    limit = UNREFRESHED_SECONDS if kept.warning else KEPT_SECONDS
    return _serve(repository, kept, now) if kept.since <= now.timestamp() < kept.since + limit else None


def _serve(repository: Repository, kept: _Kept, now: datetime.datetime) -> Document | None:
    try:
        verified = _verify(repository, kept.files)
    except (_NoAnswer, _Wrong):
        return None
    return Document(verified.data, repository.name, kept.warning) if now.timestamp() < verified.expires else None


# Refresh -------------------------------------------------------------------------------------------------------------


def _refresh(repository: Repository, kept: _Kept, get: Get, clock: Clock) -> Document:
    now, warning = clock(), ""
    try:
        try:
            verified = _update(repository.url, repository.start(), kept.files, get)
        except _NoAnswer as error:
            verified, warning = _unrefreshed(repository, kept, now, str(error))
        except _Wrong as error:
            raise _refused(repository, now, error) from None
    except Rejection as rejection:
        _keep(repository, kept._replace(refusal=rejection.message, tried=clock().timestamp()))
        raise
    _keep(repository, _Kept(verified.files, now.timestamp(), warning))
    return Document(verified.data, repository.name, warning)


def _unrefreshed(repository: Repository, kept: _Kept, now: datetime.datetime, why: str) -> tuple[_Verified, str]:
    """What was fetched before, while nothing of it has expired."""
    if not kept.files:
        raise _refused(repository, now, _NoAnswer(why))
    try:
        verified = _verify(repository, kept.files)
    except (_NoAnswer, _Wrong) as error:
        raise _refused(repository, now, type(error)(f"{why} What was fetched before serves no more: {error}")) from None
    end = datetime.datetime.fromtimestamp(verified.expires, datetime.timezone.utc)
    warning = (
        f"The {repository.name} could not be refreshed, so the one that was fetched before is used, "
        f"until {end:%Y-%m-%d %H:%M} UTC at the latest. {why}"
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


def _verify(repository: Repository, files: t.Mapping[str, bytes]) -> _Verified:
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
    return _update(repository.url, repository.start(), files, get)


def _update(url: str, start: bytes, files: t.Mapping[str, bytes], get: Get) -> _Verified:
    """The target as verified by TUF's client workflow. Raises _NoAnswer or _Wrong, and OSError where there is no
    temporary folder."""
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
            info = updater.get_targetinfo(TARGET)
            if info is None:
                raise _Wrong(f"It has no {TARGET}")
            if updater.find_cached_target(info) is None:
                updater.download_target(info)
            stored = _stored(place)
            data = stored[f"targets/{TARGET}"]
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
            raise _Wrong(f"Its {TARGET} is not UTF-8") from None
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
            if _STORED.match(os.path.relpath(path, place)) and not os.path.islink(path):
                with open(path, "rb") as stream:
                    found[os.path.relpath(path, place)] = stream.read()
    return found


def _refused(repository: Repository, now: datetime.datetime, error: Exception) -> Rejection:
    why, remedies = str(error)[:2000].rstrip("."), ["give trusted_root"]
    with contextlib.suppress(Rejection):
        if _shipped(repository.url, TARGET) is not None:
            remedies.append("set offline: true")
    if isinstance(error, _WrongStart):
        file = "the file of TUF_ROOT_JSON" if repository.root is not None else "what the Python package sigstore ships"
        why = f"It begins with a root.json, and {file} is none: {why}"
        remedies.insert(0, "correct TUF_ROOT_JSON" if repository.root is not None else "install sigstore anew")
    elif "UnsignedMetadataError" in why and repository.root is not None:
        remedies.insert(0, "set TUF_ROOT_JSON to a root.json of this repository, where it names another's")
    elif "UnsignedMetadataError" in why:
        version = json.loads(repository.start())["signed"]["version"]
        remedies.insert(
            0,
            f"renew the Python package sigstore, whose root.json (version {version}) was the start, or set "
            "TUF_ROOT_JSON where the repository is one of its own",
        )
    if re.search("expire|certificate|TLS", why, re.IGNORECASE):
        remedies.insert(0, f"correct this machine's clock where it is not {now:%Y-%m-%d %H:%M} UTC")
    text = f"The trusted root could not be fetched from {repository.url}. {why[:1].upper()}{why[1:]}."
    return Rejection("TRUST_ROOT", f"{text} To go on, {', or '.join(remedies)}.")


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
