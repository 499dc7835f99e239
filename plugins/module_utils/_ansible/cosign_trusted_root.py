# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import datetime
import functools
import hashlib
import hmac
import re
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.options import COMMON
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.results import Result
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.spec import ArgumentSpec
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import Context, Task
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.trust import received, sent
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.trust_facts import (
    signing_config_facts,
    time_of,
    trusted_root_facts,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import parse_trusted_root
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.moment import parse_moment
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import parse_public_key
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.signing_config import (
    Selector,
    is_service_url,
    parse_selector,
    parse_signing_config,
    write_signing_config,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import parse_object
from ansible_collections.supplychain.cosign.plugins.module_utils._http.fetch import fetch
from ansible_collections.supplychain.cosign.plugins.module_utils._http.proxy import proxies_from
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import TransportOptions
from ansible_collections.supplychain.cosign.plugins.module_utils._services.tuf import PUBLIC_GOOD, STAGING, Document
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.trust import (
    Source,
    default_document,
    default_signing_config,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.trusted_root import (
    KINDS,
    Given,
    GivenService,
    assemble_signing_config,
    assemble_trusted_root,
    ensure_file,
    read_chain,
)

FRESH_SECONDS = 15 * 60
"""For how long what was fetched serves here: who runs this wants what holds now, and yet hundreds of hosts ask once."""

_INSTANCES = {"public_good": PUBLIC_GOOD, "staging": STAGING}
_DEFAULTS = {"path": default_document, "signing_config_path": default_signing_config}
_HANDED = {"path": "trusted_root", "signing_config_path": "signing_config"}
_NAMES = {"oidc": "oidc_provider"}
_WINDOW: dict[str, t.Any] = {"start_time": {"type": "str"}, "end_time": {"type": "str"}}
_SERVICE: dict[str, t.Any] = {"operator": {"type": "str"}, "api_version": {"type": "int"}}
_CHAIN: dict[str, t.Any] = {"certificate_chain": {"type": "str"}}
_LOG: dict[str, t.Any] = {"public_key": {"type": "str", "no_log": False}, "origin": {"type": "str"}}


def _services(*parts: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    options: dict[str, t.Any] = {"url": {"type": "str", "required": True}}
    for part in (*parts, _WINDOW):
        options.update(part)
    return {"type": "list", "elements": "dict", "options": options}


SPEC = COMMON.merged(
    ArgumentSpec(
        {
            "path": {"type": "path"},
            "signing_config_path": {"type": "path"},
            "mode": {"type": "raw", "default": "0644"},
            "mirror": {"type": "str"},
            "instance": {"type": "str", "choices": list(_INSTANCES)},
            "root": {"type": "str"},
            "root_checksum": {"type": "str"},
            "offline": {"type": "bool", "default": False},
            "fulcio": _services(_CHAIN, _SERVICE),
            "rekor": _services(_LOG, _SERVICE),
            "ctfe": _services(_LOG),
            "tsa": _services(_CHAIN, _SERVICE),
            "oidc_provider": _services(_SERVICE),
            "rekor_config": {"type": "str"},
            "tsa_config": {"type": "str"},
            "with_default_services": {"type": "bool", "default": False},
            **{f"no_default_{kind}": {"type": "bool", "default": False} for kind in KINDS},
            # What a managed host cannot fetch, handed to it.
            "_trusted_root": {"type": "dict"},
        },
        required_one_of=[("path", "signing_config_path")],
        mutually_exclusive=[("mirror", "instance")],
        required_by={
            "root_checksum": ["root"],
            "ctfe": ["path"],
            "oidc_provider": ["signing_config_path"],
            "rekor_config": ["signing_config_path"],
            "tsa_config": ["signing_config_path"],
        },
    )
)


# What is meant -------------------------------------------------------------------------------------------------------


def check(params: t.Mapping[str, t.Any], complete: bool) -> None:
    """Refuse what could not be meant, before anything is read or asked."""
    if params["path"] is not None and params["path"] == params["signing_config_path"]:
        raise _refused("A trusted root and a signing config cannot be one file; name two paths.")
    _mode_of(params["mode"])
    root, assembled, with_defaults = params["root"], _is_assembled(params), params["with_default_services"]
    if root is not None and _is_url(root) and params["root_checksum"] is None:
        raise _refused("A root.json that is fetched could be anybody's; give root_checksum (SHA-256), or name a file.")
    if params["root_checksum"] is not None and not re.fullmatch("[0-9A-Fa-f]{64}", params["root_checksum"]):
        raise _refused("The option root_checksum is no SHA-256 in hex; take the first word that sha256sum prints.")
    tuf = [name for name in ("mirror", "instance", "root") if params[name] is not None]
    if tuf and assembled and not with_defaults:
        raise _refused(
            f"The services are all given, so nothing is fetched by {' and '.join(tuf)}; leave that out, or set "
            "with_default_services: true to have both."
        )
    if assembled and not with_defaults and not any(params[_NAMES.get(kind, kind)] for kind in KINDS):
        raise _refused("No service is given, and who trusts nothing verifies nothing; give one, or leave all out.")
    without = [f"no_default_{kind}" for kind in KINDS if params[f"no_default_{kind}"]]
    if without and not with_defaults:
        raise _refused(
            f"By {' and '.join(without)}, what with_default_services: true puts in is left out; set that too."
        )
    for kind in ("rekor", "tsa"):
        if params[kind] and params["signing_config_path"] is not None and params[f"{kind}_config"] is None:
            raise _refused(f"How many of the {kind} services to ask is not said; give {kind}_config (such as ANY).")
        _selector(params, f"{kind}_config")


def _is_assembled(params: t.Mapping[str, t.Any]) -> bool:
    return any(params[_NAMES.get(kind, kind)] is not None for kind in KINDS) or params["with_default_services"]


def _needs_default(params: t.Mapping[str, t.Any]) -> bool:
    return not _is_assembled(params) or params["with_default_services"]


def _mode_of(given: t.Any) -> int:
    """Permissions as octal digits, or as the number that YAML makes of them where they stand without quotes."""
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= 0o777:
        return given
    if isinstance(given, str) and re.fullmatch("0?o?[0-7]{3}", given):
        return int(given[-3:], 8)
    raise _refused(f"The option mode is {str(given)[:40]!r}; write three octal digits, as '0644'.")


def _refused(text: str) -> Rejection:
    return Rejection("POLICY_UNSUPPORTED", text)


def _is_url(text: str) -> bool:
    return re.match("[A-Za-z][A-Za-z0-9+.-]*://", text) is not None


# What is given -------------------------------------------------------------------------------------------------------


def _given(context: Context) -> Given:
    """The services of the options, by kind, with the files that they name."""
    return {
        kind: [
            _service(context, kind, f"{_NAMES.get(kind, kind)} {number}", one)
            for number, one in enumerate(context.params[_NAMES.get(kind, kind)] or (), 1)
        ]
        for kind in KINDS
    }


def _service(context: Context, kind: str, name: str, given: t.Mapping[str, t.Any]) -> GivenService:
    if not is_service_url(given["url"]):
        raise _refused(f"The url of {name} is no http:// or https:// address without a password; correct it.")
    version, origin = given.get("api_version"), given.get("origin")
    if version is not None and not 0 <= version < 2**32:
        raise _refused(f"The api_version of {name} is no version; correct it.")
    if origin is not None and not re.fullmatch(r"[^\s+]{1,255}", origin):
        raise _refused(f"The origin of {name} is no name of a checkpoint, which has no space and no plus; correct it.")
    chain, key = given.get("certificate_chain"), given.get("public_key")
    return GivenService(
        name,
        given["url"],
        chain=read_chain(_pem(context, f"certificate_chain of {name}", chain), name, kind == "tsa") if chain else (),
        key=parse_public_key(_pem(context, f"public_key of {name}", key), f"public_key of {name}") if key else None,
        start=_moment(f"start_time of {name}", given.get("start_time")),
        end=_moment(f"end_time of {name}", given.get("end_time")),
        origin=origin,
        operator=given.get("operator"),
        api_version=version,
    )


def _pem(context: Context, what: str, given: str) -> bytes:
    """PEM text, or the file or https:// address that has it."""
    if "-----BEGIN " in given:
        return given.encode("utf-8", "replace")
    return _fetched(context, what, given) if _is_url(given) else context.read_for(what, given)


def _fetched(context: Context, what: str, url: str) -> bytes:
    if context.params["offline"]:
        raise _refused(f"The {what} would have to be fetched, and offline: true makes no connection; name a file.")
    return fetch(TransportOptions(proxies=proxies_from(context.environ)), url)


def _moment(what: str, text: str | None) -> datetime.datetime | None:
    """A time of RFC 3339, which YAML may have read as one and written with a space."""
    if text is None:
        return None
    try:
        return parse_moment(text.replace(" ", "T", 1))
    except ValueError:
        raise _refused(f"The {what} is {text[:40]!r}; write a time with its zone, as 2026-01-31T12:00:00Z.") from None


# What TUF distributes ------------------------------------------------------------------------------------------------


def hand_over(context: Context) -> dict[str, t.Any]:
    """Arguments for a managed host: what only the controller can fetch."""
    if not _needs_default(context.params):
        return {}
    source = _source(context)
    wanted = [option for option in _DEFAULTS if context.params[option] is not None]
    return {"_trusted_root": {_HANDED[option]: sent(functools.partial(_DEFAULTS[option], source)) for option in wanted}}


def _source(context: Context) -> Source:
    params = context.params
    mirror = _INSTANCES.get(params["instance"] or "", params["mirror"] or "")
    return Source(
        context.read,
        context.environ,
        params["offline"],
        context.cache.folder,
        given_mirror=mirror,
        given_root=_first_root(context, params["root"]) if params["root"] is not None else None,
        seconds=FRESH_SECONDS,
        instead="name another mirror, or give the services themselves",
    )


def _first_root(context: Context, root: str) -> bytes:
    data = _fetched(context, "root", root) if _is_url(root) else context.read_for("root", root)
    checksum = context.params["root_checksum"]
    if checksum is not None and not hmac.compare_digest(hashlib.sha256(data).hexdigest(), checksum.lower()):
        raise Rejection(
            "TRUST_ROOT",
            "The file of root has another SHA-256 than root_checksum says; compare both with what the operator of the "
            "repository publishes.",
        )
    return data


def _default(context: Context, option: str) -> Document:
    """What TUF distributes for a file, fetched here or handed over to this host."""
    handed = (context.params["_trusted_root"] or {}).get(_HANDED[option])
    document = received(handed) if handed else _DEFAULTS[option](_source(context))
    if document.warning:
        context.warn(document.warning)
    return document


# The task ------------------------------------------------------------------------------------------------------------


def run(context: Context) -> Result:
    params = context.params
    defaults = {
        option: _default(context, option)
        for option in _DEFAULTS
        if params[option] is not None and _needs_default(params)
    }
    contents = _contents(context, defaults)
    # Nothing is written before all of it is known to be readable.
    facts = {option: _facts(option, data) for option, data in contents.items()}
    mode, changed, diff = _mode_of(params["mode"]), False, []
    for option, data in contents.items():
        path = context.files.target(params[option])
        try:
            written = ensure_file(path, data, mode, context.check_mode)
        except Rejection as rejection:
            rejection.changed = changed and not context.check_mode
            raise
        changed = changed or written.changed
        diff.append(
            {
                "before_header": path,
                "after_header": path,
                "before": _before(option, written.before),
                "after": facts[option],
            }
        )
    expires = [document.expires for document in defaults.values() if document.expires]
    return {
        "changed": changed,
        **{option: context.files.target(params[option]) if params[option] else None for option in _DEFAULTS},
        **{name: facts.get(option) for option, name in _HANDED.items()},
        "expires": time_of(datetime.datetime.fromtimestamp(min(expires), datetime.timezone.utc)) if expires else None,
        "diff": diff,
    }


def _contents(context: Context, defaults: t.Mapping[str, Document]) -> dict[str, bytes]:
    """What each file is to hold, by its option."""
    params = context.params
    if not _is_assembled(params):
        return {option: document.data for option, document in defaults.items()}
    given = _given(context)
    without = [kind for kind in KINDS if params[f"no_default_{kind}"]]
    contents = {}
    if params["path"] is not None:
        base = defaults.get("path")
        contents["path"] = assemble_trusted_root(given, _checked_root(base) if base else None, without)
    if params["signing_config_path"] is not None:
        base = defaults.get("signing_config_path")
        config = assemble_signing_config(
            given,
            _selector(params, "rekor_config"),
            _selector(params, "tsa_config"),
            parse_signing_config(base.data, base.name) if base else None,
            without,
        )
        contents["signing_config_path"] = write_signing_config(config)
    return contents


def _selector(params: t.Mapping[str, t.Any], option: str) -> Selector | None:
    return parse_selector(params[option], f"The option {option}") if params[option] is not None else None


def _checked_root(document: Document) -> dict[str, t.Any]:
    parse_trusted_root(document.data, document.name)
    return parse_object(document.data, document.name)


def _facts(option: str, data: bytes) -> Result:
    if option == "path":
        return trusted_root_facts(parse_trusted_root(data, "trusted root that is to be written"))
    return signing_config_facts(parse_signing_config(data, "signing config that is to be written"))


def _before(option: str, data: bytes | None) -> Result:
    """What a file says that is to be replaced, for a diff; it may be anything."""
    try:
        return _facts(option, data) if data is not None else {}
    except Rejection as rejection:
        return {"unreadable": rejection.code}


TASK = Task(
    SPEC,
    run,
    places=lambda params: [option for option in _DEFAULTS if params.get(option) is not None],
    check=check,
)
