# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import base64
import binascii
import contextlib
import os
import re
import shutil
import signal
import subprocess
import typing as t
from dataclasses import dataclass, field

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import JsonObject, parse_object
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.auth_file import AuthFile, read_auth_file
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.reference import Reference

_HELPER_TIMEOUT = 10.0
_HELPER_MAX_BYTES = 64 * 1024
_TOKEN_USER = "<token>"
_PRINTABLE = re.compile(r"[\x21-\x7e]+\Z")


@dataclass(frozen=True)
class Credential:
    """What to show a registry: user and password, or an identity token (exchanged at the token server), or a registry
    token (sent as it is). `origin_of` says where it was found, for messages."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)
    origin_of: str = ""


@dataclass(frozen=True)
class CredentialOptions:
    """The options of a task that choose the credential."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    auth_file: str | None = None


def find_credential(
    reference: Reference, options: CredentialOptions, environ: t.Mapping[str, str]
) -> Credential | None:
    """The credential for an image; None: ask as nobody.

    Looked for in this order, the first that has one for this registry wins: user and password, token, `auth_file`
    (then no other file); `$DOCKER_CONFIG/config.json`; `$REGISTRY_AUTH_FILE`, or where that is not set podman's files
    in `$XDG_RUNTIME_DIR` and `$XDG_CONFIG_HOME` (`~/.config`); `~/.docker/config.json` where `DOCKER_CONFIG` is not
    set. In a file a credential helper goes before `auths`, as in docker. Raises AUTH_REFUSED for a broken file or
    helper: never "the next one".
    """
    if options.username or options.password:
        if not (options.username and options.password):
            raise Rejection("AUTH_REFUSED", "registry_username and registry_password go together; give both or none.")
        return _checked(Credential(options.username, options.password, origin_of="option registry_username"))
    if options.token:
        return _checked(Credential(registry_token=options.token, origin_of="option registry_token"))
    if options.auth_file:
        file = read_auth_file(options.auth_file)
        if file is None:
            raise Rejection("AUTH_REFUSED", f"There is no credentials file {options.auth_file}. Correct auth_file.")
        return _in_file(file, reference, environ)
    for path in _files(environ):
        file = read_auth_file(path)
        found = _in_file(file, reference, environ) if file else None
        if found:
            return found
    return None


def _files(environ: t.Mapping[str, str]) -> t.Iterator[str]:
    home, docker = environ.get("HOME"), environ.get("DOCKER_CONFIG")
    if docker:
        yield os.path.join(docker, "config.json")
    if environ.get("REGISTRY_AUTH_FILE"):
        yield environ["REGISTRY_AUTH_FILE"]
    else:
        config = environ.get("XDG_CONFIG_HOME") or (os.path.join(home, ".config") if home else None)
        for folder in (environ.get("XDG_RUNTIME_DIR"), config):
            if folder:
                yield os.path.join(folder, "containers", "auth.json")
    if home and not docker:
        yield os.path.join(home, ".docker", "config.json")


def _in_file(file: AuthFile, reference: Reference, environ: t.Mapping[str, str]) -> Credential | None:
    helper = file.helper(reference.registry)
    if helper:
        found = _ask_helper(*helper, environ)
        if found:
            return found
    entry = file.entry(reference.registry, reference.repository)
    return _checked(_read_entry(file, entry)) if entry else None


def _read_entry(file: AuthFile, entry: JsonObject) -> Credential | None:
    def text(key: str) -> str:
        value = entry.get(key) or ""
        if not isinstance(value, str):
            raise file.broken(f"has an entry whose {key} is no text")
        return value

    username, password = text("username"), text("password")
    if text("auth"):
        try:
            # docker's encoder pads with NUL bytes at times
            decoded = base64.b64decode(text("auth"), validate=True).decode("utf-8").rstrip("\0")
        except (binascii.Error, ValueError):
            raise file.broken("has an entry whose auth is not base64 of a user and password") from None
        username, colon, password = decoded.partition(":")
        if not colon:
            raise file.broken("has an entry whose auth has no colon between user and password")
    identity = text("identitytoken") or (password if username == _TOKEN_USER else "")
    if identity:
        return Credential(username, "", identity, origin_of=file.path)
    if text("registrytoken"):
        return Credential(registry_token=text("registrytoken"), origin_of=file.path)
    return Credential(username, password, origin_of=file.path) if username or password else None


def _checked(credential: Credential | None) -> Credential | None:
    if credential is None:
        return None
    if ":" in credential.username:
        raise Rejection(
            "AUTH_REFUSED", f"The user name from {credential.origin_of} holds a colon, which cannot be sent."
        )
    for token in (credential.registry_token, credential.identity_token):
        if token and _PRINTABLE.match(token) is None:
            raise Rejection(
                "AUTH_REFUSED", f"The token from {credential.origin_of} holds characters that no token has."
            )
    return credential


def _ask_helper(name: str, server: str, environ: t.Mapping[str, str]) -> Credential | None:
    """docker-credential-helpers' protocol: the server on standard input, JSON on standard output."""
    program = shutil.which(f"docker-credential-{name}", path=environ.get("PATH", os.defpath))
    if program is None:
        raise Rejection("AUTH_REFUSED", f"The credential helper docker-credential-{name} for {server} is not on PATH.")
    status, output = _run(program, server, environ)
    if status != 0:
        if b"credentials not found" in output:
            return None
        raise Rejection(
            "AUTH_REFUSED", f"The credential helper {program} failed for {server}. Run it by hand to see why."
        )
    try:
        found = parse_object(output, "answer")
    except Rejection:
        found = {}
    username, secret = found.get("Username"), found.get("Secret")
    if not isinstance(username, str) or not isinstance(secret, str):
        raise Rejection("AUTH_REFUSED", f"The credential helper {program} answered something else than a credential.")
    if not username and not secret:
        return None
    if username == _TOKEN_USER:
        return _checked(Credential(identity_token=secret, origin_of=program))
    return _checked(Credential(username, secret, origin_of=program))


def _run(program: str, server: str, environ: t.Mapping[str, str]) -> tuple[int, bytes]:
    try:
        process = subprocess.Popen(  # noqa: S603 # pylint: disable=ansible-bad-function
            [program, "get"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environ),
            start_new_session=True,
        )
    except OSError:
        raise Rejection("AUTH_REFUSED", f"The credential helper {program} cannot be run.") from None
    with process:
        try:
            output, _nothing = process.communicate(server.encode(), timeout=_HELPER_TIMEOUT)
        except subprocess.TimeoutExpired:
            output = None
            # all of its session: what it started itself would keep our end of the pipe open
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
    if output is None or len(output) > _HELPER_MAX_BYTES:
        raise Rejection("AUTH_REFUSED", f"The credential helper {program} did not answer in time, or too much.")
    return process.returncode, output
