# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import datetime
import json
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.spec import ArgumentSpec
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import Context
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import (
    PEM_OPTIONS,
    PEM_VARIABLES,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._services.tuf import Document
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.trust import (
    Source,
    Trust,
    default_document,
    read_named,
    trust_by_default,
    trust_in_document,
    trust_in_files,
)

TRUST = ArgumentSpec(
    {
        "trusted_root": {"type": "raw"},
        "certificate_chain": {"type": "path"},
        "ca_roots": {"type": "path"},
        "ca_intermediates": {"type": "path"},
        "offline": {"type": "bool", "default": False},
        # What a managed host cannot fetch, handed to it.
        "_trusted_root": {"type": "dict"},
    },
    mutually_exclusive=[
        *[("trusted_root", name) for name in PEM_OPTIONS],
        ("certificate_chain", "ca_roots"),
        ("certificate_chain", "ca_intermediates"),
    ],
    required_by={"ca_intermediates": ["ca_roots"]},
)


def trust_of(context: Context) -> Trust:
    """What the task trusts, as cosign decides it: `trusted_root` alone; else the single files that options and
    SIGSTORE_ variables name, and only they; else the default, which may have to be fetched.

    Files of options are read at once, and raise OSError. A variable's that cannot be read is told to whoever needs it.
    """
    params = context.params
    if params.get("trusted_root") is not None:
        return trust_in_document(_document(context, params["trusted_root"]))
    files = {name: context.read(params[name]) for name in PEM_OPTIONS if params.get(name) is not None}
    broken = None
    for name in _variables(context.environ):
        try:
            files[name] = read_named(name, context.environ[name], context.read)
        except Rejection as rejection:
            broken = rejection
    if files or broken:
        return trust_in_files(files, broken)
    if params.get("_trusted_root") is not None:
        return _handed(params["_trusted_root"], context.warn)
    return trust_by_default(_source(context), context.warn)


def handed_over(context: Context) -> dict[str, t.Any]:
    """Arguments for a managed host, found on the controller: the default trusted root, which only the controller can
    fetch. A root that could not be had is refused over there, if it turns out to be needed at all.

    `context.params` are the task's options as they are validated, with or without what variables fill in.
    """
    params = context.params
    own = any(params.get(name) is not None for name in ("trusted_root", *PEM_OPTIONS))
    if own or any(name in context.from_task for name in _variables(context.environ)):
        return {}
    if params.get("insecure_ignore_tlog") and (params.get("key") or params.get("keys")):
        text = "No trusted root was handed to this host, as keys without a log seldom need one; give trusted_root."
        return {"_trusted_root": {"refusal": text}}
    try:
        document = default_document(_source(context))
    except Rejection as rejection:
        return {"_trusted_root": {"refusal": rejection.message}}
    return {"_trusted_root": {**document._asdict(), "data": document.data.decode("utf-8")}}


def _handed(found: t.Mapping[str, t.Any], warn: t.Callable[[str], None]) -> Trust:
    if "refusal" in found:

        def refuse() -> t.NoReturn:
            raise Rejection("TRUST_ROOT", str(found["refusal"]))

        return Trust("none", refuse)
    if found.get("warning"):
        warn(str(found["warning"]))
    return trust_in_document(Document(str(found.get("data")).encode("utf-8"), str(found.get("name"))))


def _source(context: Context) -> Source:
    return Source(context.read, context.environ, bool(context.params.get("offline")))


def _variables(environ: t.Mapping[str, str]) -> list[str]:
    return [name for name in PEM_VARIABLES if environ.get(name)]


def _document(context: Context, given: t.Any) -> Document:
    """The option `trusted_root`: a path, or the document itself as JSON text or as the dict that it becomes."""
    if isinstance(given, str) and not given.lstrip().startswith("{"):
        return Document(context.read(given), f"trusted root {given!r}")
    if isinstance(given, dict):
        given = json.dumps(given, default=_plain)
    if not isinstance(given, str):
        raise Rejection(
            "POLICY_UNSUPPORTED", "The option trusted_root is neither a path nor a trusted root; give one of them."
        )
    return Document(given.encode("utf-8", "surrogatepass"), "trusted root given inline")


def _plain(value: t.Any) -> str:
    """A time that stood in YAML without quotes."""
    if isinstance(value, datetime.datetime):
        moment = value.astimezone(datetime.timezone.utc) if value.tzinfo else value
        return moment.replace(tzinfo=None).isoformat() + "Z"
    raise Rejection("MALFORMED", f"The option trusted_root holds a {type(value).__name__}, which JSON does not have.")
