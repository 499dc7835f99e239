# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.options import MAX_SECONDS
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.spec import ArgumentSpec
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import Context
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.trust import signing_config_of
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import (
    PEM_OPTIONS,
    PEM_VARIABLES,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.signing_config import (
    ANY,
    Service,
    SigningConfig,
    choose,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._http.proxy import proxies_from
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import TransportOptions
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.services import Endpoint, Services

_URLS = ("fulcio_url", "rekor_url", "timestamp_server_url")

SERVICES = ArgumentSpec(
    {
        "signing_config": {"type": "raw"},
        "fulcio_url": {"type": "str"},
        "fulcio_version": {"type": "int", "choices": [1, 2]},
        "rekor_url": {"type": "str"},
        "rekor_version": {"type": "int", "choices": [1, 2]},
        "timestamp_server_url": {"type": "str"},
        "timestamp_server_name": {"type": "str"},
        "timestamp_client_cacert": {"type": "path"},
        "timestamp_client_cert": {"type": "path"},
        "timestamp_client_key": {"type": "path", "no_log": False},
        "services_cacert": {"type": "path"},
        "services_timeout": {"type": "int", "default": 120},
    },
    mutually_exclusive=[("signing_config", url) for url in _URLS],
    required_together=[("timestamp_client_cert", "timestamp_client_key")],
    required_by={"fulcio_version": ["fulcio_url"], "rekor_version": ["rekor_url"]},
)


class Wanted(t.NamedTuple):
    """What a task needs services for: a certificate, a log; and whether one of its formats is legacy, which has room
    for one entry of Rekor v1 and one timestamp."""

    certificate: bool
    log: bool
    legacy: bool
    pure: bool = False
    """An Ed25519 key, whose signatures Rekor v2 does not take."""

    @property
    def log_versions(self) -> tuple[int, ...]:
        return (1,) if self.legacy or self.pure else (1, 2)


def needs_services(params: t.Mapping[str, t.Any]) -> bool:
    """Whether a service has to be asked where something is to be signed: without a key for its certificate, else for
    the log or a timestamp."""
    named = any(params.get(name) is not None for name in ("timestamp_server_url", "signing_config"))
    return bool(_wants_certificate(params) or params["tlog_upload"] or named)


def check_services(params: t.Mapping[str, t.Any]) -> None:
    """Refuse services that could not be meant, without asking any."""
    explicit = [name for name in _URLS if params.get(name) is not None]
    if not 1 <= params["services_timeout"] <= MAX_SECONDS:
        raise Rejection("LIMIT_EXCEEDED", f"The option services_timeout must be between 1 and {MAX_SECONDS} seconds.")
    if params["offline"] and needs_services(params):
        raise Rejection(
            "POLICY_UNSUPPORTED",
            "With offline: true no connection is made but to the registry, and signing without a key, with a log or "
            "with a timestamp needs others; leave offline out, or sign with key and tlog_upload: false.",
        )
    if explicit:
        _check_explicit(params, explicit)


def _check_explicit(params: t.Mapping[str, t.Any], explicit: t.Sequence[str]) -> None:
    """With an address of one service none is asked that the task does not name: what a company signs on its own
    instance must not end in the public log."""
    if _wants_certificate(params) and not params.get("fulcio_url"):
        raise Rejection(
            "POLICY_UNSUPPORTED",
            f"Services are named ({', '.join(explicit)}), but not the one that issues the certificate; give "
            "fulcio_url, or key.",
        )
    if params.get("rekor_url") and not params["tlog_upload"]:
        raise Rejection(
            "POLICY_UNSUPPORTED",
            "A transparency log is named (rekor_url), and nothing is to be logged (tlog_upload: false); leave one out.",
        )
    if params["tlog_upload"] and not params.get("rekor_url"):
        raise Rejection(
            "POLICY_UNSUPPORTED",
            f"Services are named ({', '.join(explicit)}), but no transparency log; give rekor_url, or set "
            "tlog_upload: false.",
        )


def services_of(context: Context, wanted: Wanted) -> Services:
    """Whom the task asks: those whose addresses it names, else those of its signing config, else those of the default
    one, which may have to be fetched. Raises POLICY_UNSUPPORTED where they do not suffice."""
    params = context.params
    named = any(params.get(name) is not None for name in _URLS)
    if not (wanted.certificate or wanted.log or named or params.get("signing_config") is not None):
        found = Services()
    elif named:
        found = _explicit(params, wanted)
    else:
        _check_trust_has_services(context)
        config, _document = signing_config_of(context)
        found = services_in(config, wanted)
        if wanted.log and not found.logs:
            context.warn(
                "The signing config names no transparency log, so the signature is in none, and is accepted only where "
                "insecure_ignore_tlog is set."
            )
    _check_suffice(found, wanted)
    _check_timestamp_options(params, found)
    common: dict[str, t.Any] = {
        "proxies": proxies_from(context.environ),
        "total_timeout": float(params["services_timeout"]),
    }
    ca_file = _file(context, "services_cacert")
    return dataclasses.replace(
        found,
        transport=TransportOptions(ca_file=ca_file, ca_option="services_cacert", **common),
        timestamp_transport=TransportOptions(
            ca_file=_file(context, "timestamp_client_cacert") or ca_file,
            ca_option="timestamp_client_cacert",
            client_cert=_file(context, "timestamp_client_cert"),
            client_key=_file(context, "timestamp_client_key"),
            server_name=params.get("timestamp_server_name"),
            **common,
        ),
    )


def _wants_certificate(params: t.Mapping[str, t.Any]) -> bool:
    return params.get("key") is None or bool(params["issue_certificate"])


def _explicit(params: t.Mapping[str, t.Any], wanted: Wanted) -> Services:
    fulcio, log, stamps = (params.get(name) for name in _URLS)
    return Services(
        fulcio=Endpoint(fulcio, params["fulcio_version"] or 2) if fulcio and wanted.certificate else None,
        logs=(Endpoint(log, params["rekor_version"] or 1),) if log and wanted.log else (),
        timestamp_authorities=(stamps,) if stamps else (),
    )


def _check_trust_has_services(context: Context) -> None:
    """Who trusts an instance of their own does not mean to send tokens and signatures to the public one."""
    given = [name for name in ("trusted_root", *PEM_OPTIONS) if context.params.get(name) is not None]
    # On a managed host variables are those of the task, and what those of the controller name was handed over.
    handed = context.params.get("_trusted_root") or {}
    named = context.from_task if handed else context.environ
    given += [name for name in PEM_VARIABLES if context.environ.get(name) and name in named]
    if handed.get("files") or ("files" in handed and handed.get("refusal")):
        given.append("SIGSTORE_ variables of the controller")
    if given and context.params.get("signing_config") is None:
        raise Rejection(
            "POLICY_UNSUPPORTED",
            f"It is said whom to trust ({', '.join(given)}), but not which services to ask; give signing_config, or "
            "fulcio_url, rekor_url and timestamp_server_url as far as they are needed.",
        )


def services_in(config: SigningConfig, wanted: Wanted) -> Services:
    """Whom a signing config has one ask now. Raises what `choose` does."""
    now = datetime.datetime.now(datetime.timezone.utc)
    stamps: tuple[Service, ...] = ()
    if config.timestamp_authorities:
        stamps = choose(config.timestamp_authorities, config.tsa_selector, (1,), now, "timestamp authority")
    # Rekor v2 gives no time, and a certificate of minutes needs one.
    versions = (1,) if wanted.certificate and not stamps else wanted.log_versions
    fulcio: tuple[Service, ...] = ()
    if wanted.certificate:
        fulcio = choose(config.authorities, ANY, (1,), now, "certificate authority")
    logs: tuple[Service, ...] = ()
    if wanted.log and config.logs:
        logs = _chosen_logs(config, versions, wanted, now)
    return Services(
        # What a signing config calls version 1 of Fulcio is the service, whose API is the second.
        fulcio=Endpoint(fulcio[0].url, 2) if fulcio else None,
        logs=tuple(Endpoint(one.url, one.version) for one in logs),
        timestamp_authorities=tuple(one.url for one in stamps),
    )


def _chosen_logs(
    config: SigningConfig, versions: tuple[int, ...], wanted: Wanted, now: datetime.datetime
) -> tuple[Service, ...]:
    try:
        return choose(config.logs, config.log_selector, versions, now, "transparency log")
    except Rejection as rejection:
        if 2 in versions or rejection.code != "POLICY_UNSUPPORTED":
            raise
        why = "a certificate needs a time, which Rekor v2 tells only together with a timestamp authority"
        if wanted.legacy:
            why = "a legacy signature has no room for an entry of Rekor v2"
        elif wanted.pure:
            why = "Rekor v2 takes no pure Ed25519 signature"
        raise Rejection(rejection.code, f"{rejection.message} A log of Rekor v1 is needed, since {why}.") from None


def _check_timestamp_options(params: t.Mapping[str, t.Any], found: Services) -> None:
    names = ("timestamp_server_name", "timestamp_client_cacert", "timestamp_client_cert", "timestamp_client_key")
    given = [name for name in names if params.get(name) is not None]
    if given and not found.timestamp_authorities:
        raise Rejection(
            "POLICY_UNSUPPORTED",
            f"No timestamp authority is asked, so that {', '.join(given)} would have no effect; give "
            "timestamp_server_url, or leave that out.",
        )


def _check_suffice(found: Services, wanted: Wanted) -> None:
    versions = {log.version for log in found.logs}
    urls = [log.url.rstrip("/") for log in found.logs]
    if len(urls) > len(set(urls)):
        raise Rejection(
            "POLICY_UNSUPPORTED",
            f"One log is named under several operators ({', '.join(sorted(set(urls)))}), and would have to hold the "
            "signature several times; give a signing config with different ones.",
        )
    if wanted.certificate and not found.timestamp_authorities and 1 not in versions:
        raise Rejection(
            "POLICY_UNSUPPORTED",
            "A certificate of Fulcio's is valid for minutes, and nothing would prove that the signature was made in "
            "them; name a timestamp authority (timestamp_server_url), or a log of Rekor v1 (one of v2 tells no time).",
        )
    if wanted.legacy and (2 in versions or len(found.logs) > 1 or len(found.timestamp_authorities) > 1):
        raise Rejection(
            "POLICY_UNSUPPORTED",
            "A legacy signature has room for one entry of Rekor v1 and one timestamp, and other services are named; "
            "set signature_format: bundle, or name one log of Rekor v1.",
        )


def _file(context: Context, option: str) -> str | None:
    path = context.params.get(option)
    return context.files.find(path) if path else None
