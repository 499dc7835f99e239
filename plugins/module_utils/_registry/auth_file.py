# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""Files of registry credentials, as docker (config.json) and podman (auth.json) write them: read and changed."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import stat
import tempfile
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import (
    JsonObject,
    encode_base64,
    parse_object,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.reference import HUB, HUB_NAMES

_MAX_BYTES = 1024 * 1024
_HUB_KEY = "https://index.docker.io/v1/"
_KEY = re.compile(r"(?:(?P<scheme>https?)://)?(?P<host>[^/]+)(?P<path>(?:/.*)?)\Z", re.IGNORECASE)


class AuthFile:
    """The content of one such file. Whatever is wrong with it is AUTH_REFUSED and names the file, never its content."""

    def __init__(self, path: str, document: JsonObject) -> None:
        self.path = path
        self.document = document
        self.auths = self._map("auths")
        self.helpers = self._map("credHelpers")

    def entry(self, registry: str, repository: str = "") -> JsonObject | None:
        """The entry for an image: the longest prefix in whole path segments (containers-auth.json(5)), else none."""
        wanted = f"{canonical(registry)}/{repository}".rstrip("/")
        keys = {canonical(key): key for key in reversed(list(self.auths))}
        while True:
            key = wanted if wanted in self.auths else keys.get(wanted)
            if key is not None:
                entry = self.auths[key]
                if not isinstance(entry, dict):
                    raise self.broken(f"has an entry for {registry} that is no object")
                return entry
            wanted, slash, _segment = wanted.rpartition("/")
            if not slash:
                return None

    def helper(self, registry: str) -> tuple[str, str] | None:
        """(helper, the name under which it is asked) for this registry: of its own, else the one for all."""
        name = canonical(registry)
        for key, helper in self.helpers.items():
            if canonical(key) == name:
                return self._helper_name(helper), key
        store = self.document.get("credsStore")
        if store in (None, ""):
            return None
        return self._helper_name(store), key_for(registry)

    def broken(self, what: str) -> Rejection:
        return Rejection("AUTH_REFUSED", f"The credentials file {self.path} {what}. Correct it, or name another file.")

    def _map(self, key: str) -> JsonObject:
        found = self.document.get(key)
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise self.broken(f"has {key} that are no object")
        return found

    def _helper_name(self, name: t.Any) -> str:
        if not isinstance(name, str) or re.match(r"[a-z0-9_][a-z0-9_-]{0,63}\Z", name) is None:
            raise self.broken("names a credential helper that is no plain name")
        return name


def canonical(key: str) -> str:
    """A key of `auths`, or a registry, in one spelling; a key that no image can match stays as it is.

    Host in lower case, without `:443`, Docker Hub under one name. With a scheme, only the paths that docker itself
    writes after a host are dropped; anything else would be a guess.
    """
    match = _KEY.match(key)
    if match is None:
        return key
    path = match["path"].rstrip("/")
    if match["scheme"]:
        if path not in ("", "/v1", "/v2"):
            return key
        path = ""
    host = match["host"].lower()
    host = host[: -len(":443")] if host.endswith(":443") and match["scheme"] != "http" else host
    return (HUB if host in HUB_NAMES else host) + path


def key_for(registry: str) -> str:
    """The key under which docker keeps a registry's credential."""
    return _HUB_KEY if canonical(registry) == HUB else canonical(registry)


def read_auth_file(path: str) -> AuthFile | None:
    """None when there is no such file. Only a regular file of at most 1 MiB is read; a symlink to one is as good."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _unreadable(path, getattr(error, "strerror", None) or "not a path") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _unreadable(path, "it is not a regular file")
        data = b""
        while len(data) <= _MAX_BYTES and (more := os.read(descriptor, _MAX_BYTES + 1)):
            data += more
    except (OSError, ValueError) as error:
        raise _unreadable(path, getattr(error, "strerror", None) or "not a path") from None
    finally:
        os.close(descriptor)
    if len(data) > _MAX_BYTES:
        raise _unreadable(path, "it is too large")
    try:
        document = parse_object(data, "file") if data.strip() else {}
    except Rejection as error:
        raise _unreadable(path, error.message.rstrip(".")) from None
    return AuthFile(path, document)


def has_credential(path: str, registry: str, username: str | None = None, password: str | None = None) -> bool:
    """Whether the file has a credential for this registry: this very one where a user is given, else any."""
    found = read_auth_file(path)
    entry = found.auths.get(key_for(registry)) if found else None
    if username is None:
        return found is not None and bool(_keys_of(found, registry))
    return isinstance(entry, dict) and entry == _entry(username, password or "")


def store_credential(path: str, registry: str, username: str, password: str, write: bool = True) -> bool:
    """Put a credential into the file, making it 0600 and its folder 0700; everything else in it stays. True: changed,
    or it would be where `write` is false.

    Raises POLICY_UNSUPPORTED where a credential helper serves this registry: docker and podman would ask it instead.
    """
    if ":" in username:
        raise Rejection("AUTH_REFUSED", "A user name cannot hold a colon; nothing was written.")

    def change(file: AuthFile) -> bool:
        helper = file.helper(registry)
        if helper:
            raise Rejection(
                "POLICY_UNSUPPORTED",
                f"The file {path} leaves {registry} to the credential helper {helper[0]}, so one in it would be of no "
                "use. Log in with that helper, or name another file.",
            )
        if file.auths.get(key_for(registry)) == _entry(username, password):
            return False
        for key in _keys_of(file, registry):
            del file.auths[key]
        file.auths[key_for(registry)] = _entry(username, password)
        file.document["auths"] = file.auths
        return True

    return _change(path, change, write)


def remove_credential(path: str, registry: str, write: bool = True) -> bool:
    """Take a registry's credential out of the file, however it is spelled there. True: changed, or it would be."""
    if not os.path.exists(path):
        return False

    def change(file: AuthFile) -> bool:
        helper = file.helper(registry)
        if helper:
            raise Rejection(
                "POLICY_UNSUPPORTED",
                f"{path} leaves {registry} to the credential helper {helper[0]}; log out with that.",
            )
        keys = _keys_of(file, registry)
        for key in keys:
            del file.auths[key]
        return bool(keys)

    return _change(path, change, write)


def _keys_of(file: AuthFile, registry: str) -> list[str]:
    return [key for key in file.auths if canonical(key) == canonical(registry)]


def _entry(username: str, password: str) -> JsonObject:
    return {"auth": encode_base64(f"{username}:{password}".encode("utf-8", "surrogateescape"))}


def _change(path: str, change: t.Callable[[AuthFile], bool], write: bool) -> bool:
    folder = os.path.dirname(path) or "."
    if not write:
        if os.path.islink(path):
            raise _unreadable(path, "it is a symbolic link, which is not written through")
        return change(read_auth_file(path) or AuthFile(path, {}))
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with _locked(folder):
            if os.path.islink(path):
                raise _unreadable(path, "it is a symbolic link, which is not written through")
            file = read_auth_file(path) or AuthFile(path, {})
            if not change(file):
                return False
            _replace(path, (json.dumps(file.document, indent="\t", ensure_ascii=False) + "\n").encode())
            return True
    except OSError as error:
        raise Rejection(
            "AUTH_REFUSED", f"The credentials file {path} cannot be written ({error.strerror}). Name another file."
        ) from None


@contextlib.contextmanager
def _locked(folder: str) -> t.Iterator[None]:
    # The folder itself is locked: the file is replaced, and a lock file would stay behind.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: str, data: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path) or ".", prefix=".auth-")  # 0600
    try:
        with os.fdopen(descriptor, "wb") as stream:
            with contextlib.suppress(OSError):  # another user's file stays theirs, where we may
                before = os.stat(path)
                os.fchown(descriptor, before.st_uid, before.st_gid)
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _unreadable(path: str, why: str) -> Rejection:
    return Rejection(
        "AUTH_REFUSED", f"The credentials file {path} cannot be used: {why}. Correct it, or name another file."
    )
