# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import base64
import datetime
import hashlib
import json
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.spec import ArgumentSpec
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import Context
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import (
    PEM_OPTIONS,
    PEM_VARIABLES,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import decode_base64
from ansible_collections.supplychain.cosign.plugins.module_utils._services.tuf import Document
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.trust import (
    Source,
    Trust,
    default_document,
    document_at_hand,
    read_named,
    trust_by_default,
    trust_in_document,
    trust_in_files,
    trust_when_needed,
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

    What options give is read at once, whether it is needed or not. A variable's file that cannot be read is told to
    whoever needs it. On a managed host, variables are those of the task, and what the controller handed over stands for
    all that is its own: so both trust the same.
    """
    params = context.params
    if params.get("trusted_root") is not None:
        return trust_in_document(_document(context, params["trusted_root"]))
    handed = params.get("_trusted_root") or {}
    options = {name: context.read_for(name, params[name]) for name in _options(params)}
    named = _variables(context.environ)
    variables, broken = _read_variables(
        context, [name for name in named if name in context.from_task] if handed else named
    )
    variables.update({name: decode_base64(text, name) for name, text in handed.get("files", {}).items()})
    if handed.get("refusal"):
        broken = Rejection("TRUST_ROOT", handed["refusal"])
    if options or variables or broken:
        return trust_in_files(options, variables, broken)
    if handed:
        data = handed["data"].encode("utf-8")
        document = Document(data, handed["name"], handed["warning"])
        return trust_when_needed(hashlib.sha256(data).hexdigest(), lambda: document, context.warn)
    return trust_by_default(_source(context), context.warn)


def handed_over(context: Context) -> dict[str, t.Any]:
    """Arguments for a managed host, for it to trust what the controller would: the content of the files that variables
    of the controller's own name, or the default trusted root, which only the controller can fetch. Files that the task
    names, by options or its `environment:`, are the host's. A root that could not be had is refused over there, if it
    turns out to be needed at all.

    `context.params` are the task's options as they are validated, with or without what variables fill in. Raises
    MALFORMED for a `trusted_root` given inline that is none.
    """
    params = context.params
    if params.get("trusted_root") is not None:
        given = params["trusted_root"]
        # A time that stood in YAML would not come over as what it was.
        return {"trusted_root": _text(given)} if isinstance(given, dict) else {}
    named = _variables(context.environ)
    if named or _options(params):
        own = [name for name in named if name not in context.from_task]
        files, broken = _read_variables(context, own)
        return {
            "_trusted_root": {
                "files": {name: base64.b64encode(data).decode() for name, data in files.items()},
                "refusal": broken.message if broken else "",
            }
        }
    try:
        source = _source(context)
        document = document_at_hand(source) if _seldom_needed(params) else default_document(source)
    except Rejection as rejection:
        return {"_trusted_root": {"refusal": rejection.message}}
    if document is None:
        return {"_trusted_root": {"refusal": _NOT_FETCHED}}
    return {"_trusted_root": {**document._asdict(), "data": document.data.decode("utf-8")}}


_NOT_FETCHED = (
    "The signature carries a timestamp, which is judged by a trusted root, and none was fetched for this host, since "
    "keys without a log seldom need one; give trusted_root, or set run_on: controller."
)


def _seldom_needed(params: t.Mapping[str, t.Any]) -> bool:
    """Keys without a log need a trusted root only for a timestamp that a signature happens to carry."""
    if not params.get("insecure_ignore_tlog") or params.get("use_signed_timestamps"):
        return False
    signers = params.get("signers") or []
    return bool(params.get("key") or params.get("keys") or (signers and all(one.get("key") for one in signers)))


def _source(context: Context) -> Source:
    return Source(context.read, context.environ, bool(context.params.get("offline")), context.cache.folder)


def _options(params: t.Mapping[str, t.Any]) -> list[str]:
    return [name for name in PEM_OPTIONS if params.get(name) is not None]


def _variables(environ: t.Mapping[str, str]) -> list[str]:
    return [name for name in PEM_VARIABLES if environ.get(name)]


def _read_variables(context: Context, names: t.Iterable[str]) -> tuple[dict[str, bytes], Rejection | None]:
    """The files that variables name, and why one of them could not be read."""
    files, broken = {}, None
    for name in names:
        try:
            files[name] = read_named(name, context.environ.get(name, ""), context.read)
        except Rejection as rejection:
            broken = rejection
    return files, broken


def _document(context: Context, given: t.Any) -> Document:
    """The option `trusted_root`: a path, or the document itself as JSON text or as the dict that it becomes."""
    if isinstance(given, str) and given.strip() and not given.lstrip().startswith("{"):
        return Document(context.read_for("trusted_root", given), f"trusted root {given!r}")
    if isinstance(given, dict):
        given = _text(given)
    if not isinstance(given, str) or not given.strip():
        raise Rejection(
            "POLICY_UNSUPPORTED", "The option trusted_root is neither a path nor a trusted root; give one of them."
        )
    return Document(given.encode("utf-8", "surrogatepass"), "trusted root given inline")


def _text(given: dict[t.Any, t.Any]) -> str:
    """The JSON text of a dictionary. Raises MALFORMED where there is none: other keys than texts, a loop, no end."""
    try:
        return json.dumps(given, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise Rejection(
            "MALFORMED", f"The option trusted_root is no JSON document ({error}); give the file's path or its text."
        ) from None


def _plain(value: t.Any) -> str:
    """A time that stood in YAML without quotes."""
    if isinstance(value, datetime.datetime):
        moment = value.astimezone(datetime.timezone.utc) if value.tzinfo else value
        return moment.replace(tzinfo=None).isoformat() + "Z"
    raise Rejection("MALFORMED", f"The option trusted_root holds a {type(value).__name__}, which JSON does not have.")
