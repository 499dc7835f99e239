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
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.signing_config import (
    SigningConfig,
    parse_signing_config,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import decode_base64
from ansible_collections.supplychain.cosign.plugins.module_utils._services.tuf import Document
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.trust import (
    Source,
    Trust,
    default_document,
    default_signing_config,
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
        return trust_in_document(_document(context, "trusted_root", params["trusted_root"]))
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
        document = received(handed)
        return trust_when_needed(hashlib.sha256(document.data).hexdigest(), lambda: document, context.warn)
    return trust_by_default(_source(context), context.warn)


def signing_config_of(context: Context) -> tuple[SigningConfig, Document]:
    """Which services sign, and the document that says so: the option `signing_config`, a path or the document itself;
    else the default, which may have to be fetched, or was handed over to this host.

    Raises TRUST_ROOT where there is none, or what is wrong with the one that the task gave.
    """
    given = context.params.get("signing_config")
    handed = (context.params.get("_trusted_root") or {}).get("signing_config")
    if given is not None:
        document = _document(context, "signing_config", given)
    elif handed:
        document = received(handed)
    elif context.params.get("_trusted_root"):
        raise Rejection(
            "TRUST_ROOT", "No signing config was handed over to this host, and it fetches none; give signing_config."
        )
    else:
        document = default_signing_config(_source(context))
    if document.warning:
        context.warn(document.warning)
    return parse_signing_config(document.data, document.name), document


def handed_over(context: Context) -> dict[str, t.Any]:
    """Arguments for a managed host, for it to trust what the controller would and to ask the services that it would:
    the content of the files that variables of the controller's own name, or the default trusted root and signing
    config, which only the controller can fetch. Files that the task names, by options or its `environment:`, are the
    host's. What could not be had is refused over there, if it turns out to be needed at all.

    `context.params` are the task's options as they are validated, with or without what variables fill in. Raises
    MALFORMED for a `trusted_root` or `signing_config` given inline that is none.
    """
    params = context.params
    # A time that stood in YAML would not come over as what it was.
    inline = {
        name: _text(name, params[name])
        for name in ("trusted_root", "signing_config")
        if isinstance(params.get(name), dict)
    }
    if params.get("trusted_root") is not None:
        return inline
    named = _variables(context.environ)
    if named or _options(params):
        own = [name for name in named if name not in context.from_task]
        files, broken = _read_variables(context, own)
        trusted_root = {
            "files": {name: base64.b64encode(data).decode() for name, data in files.items()},
            "refusal": broken.message if broken else "",
        }
        return {**inline, "_trusted_root": trusted_root}
    source = _source(context)
    handed = sent(lambda: document_at_hand(source) if _seldom_needed(params) else default_document(source))
    if _may_need_signing_config(params):
        handed["signing_config"] = sent(lambda: default_signing_config(source))
    return {**inline, "_trusted_root": handed}


def sent(find: t.Callable[[], Document | None]) -> dict[str, t.Any]:
    """A document as an argument for a managed host, or why there is none."""
    try:
        document = find()
    except Rejection as rejection:
        return {"refusal": rejection.message}
    if document is None:
        return {"refusal": _NOT_FETCHED}
    return {**document._asdict(), "data": document.data.decode("utf-8")}


def received(handed: t.Mapping[str, t.Any]) -> Document:
    """What was sent, on the host. Raises TRUST_ROOT where there is none."""
    if handed.get("refusal"):
        raise Rejection("TRUST_ROOT", handed["refusal"])
    return Document(handed["data"].encode("utf-8"), handed["name"], handed["warning"], handed["expires"])


_NOT_FETCHED = (
    "The signature carries a timestamp, which is judged by a trusted root, and none was fetched for this host, since "
    "keys without a log seldom need one; give trusted_root, or set run_on: controller."
)


def _signs_by_itself(params: t.Mapping[str, t.Any]) -> bool:
    """With a key, and with no log, timestamp or certificate that a service would have to give."""
    return bool(params.get("key")) and params.get("tlog_upload") is False and not params.get("issue_certificate")


def _may_need_signing_config(params: t.Mapping[str, t.Any]) -> bool:
    """A task that signs and names no services."""
    named = ("signing_config", "fulcio_url", "rekor_url", "timestamp_server_url")
    given = any(params.get(name) is not None for name in named)
    return "signing_config" in params and not (given or params.get("state") == "absent" or _signs_by_itself(params))


def _seldom_needed(params: t.Mapping[str, t.Any]) -> bool:
    """Keys without a log need a trusted root only for a timestamp that a signature happens to carry."""
    if _signs_by_itself(params) and not params.get("timestamp_server_url"):
        return True
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


def _document(context: Context, option: str, given: t.Any) -> Document:
    """What an option gives: a path, or the document itself as JSON text or as the dict that it becomes."""
    what = option.replace("_", " ")
    if isinstance(given, str) and given.strip() and not given.lstrip().startswith("{"):
        return Document(context.read_for(option, given), f"{what} {given!r}")
    if isinstance(given, dict):
        given = _text(option, given)
    if not isinstance(given, str) or not given.strip():
        raise Rejection("POLICY_UNSUPPORTED", f"The option {option} is neither a path nor a {what}; give one of them.")
    return Document(given.encode("utf-8", "surrogatepass"), f"{what} given inline")


def _text(option: str, given: dict[t.Any, t.Any]) -> str:
    """The JSON text of a dictionary. Raises MALFORMED where there is none: other keys than texts, a loop, no end."""

    def plain(value: t.Any) -> str:
        """A time that stood in YAML without quotes."""
        if isinstance(value, datetime.datetime):
            moment = value.astimezone(datetime.timezone.utc) if value.tzinfo else value
            return moment.replace(tzinfo=None).isoformat() + "Z"
        raise Rejection("MALFORMED", f"The option {option} holds a {type(value).__name__}, which JSON does not have.")

    try:
        return json.dumps(given, default=plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise Rejection(
            "MALFORMED", f"The option {option} is no JSON document ({error}); give the file's path or its text."
        ) from None
