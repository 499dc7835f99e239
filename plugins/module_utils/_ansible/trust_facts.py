# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""Trusted roots and signing configs as facts for results."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.results import Result
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.general_name import describe_name
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import Authority, Log, TrustedRoot
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.moment import write_moment
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.signing_config import Service, SigningConfig


def trusted_root_facts(root: TrustedRoot) -> Result:
    """What is trusted, and when; no keys and no certificates."""
    return {
        "certificate_authorities": [_authority(one) for one in root.certificate_authorities],
        "logs": [_log(one) for one in root.logs],
        "ct_logs": [_log(one) for one in root.ct_logs],
        "timestamp_authorities": [_authority(one) for one in root.timestamp_authorities],
    }


def signing_config_facts(config: SigningConfig) -> Result:
    """Which services sign, when, and how many of them."""
    return {
        "certificate_authorities": [_service(one) for one in config.authorities],
        "oidc_providers": [_service(one) for one in config.issuers],
        "logs": [_service(one) for one in config.logs],
        "rekor_config": str(config.log_selector),
        "timestamp_authorities": [_service(one) for one in config.timestamp_authorities],
        "tsa_config": str(config.tsa_selector),
    }


def time_of(moment: datetime.datetime | None) -> str | None:
    return write_moment(moment) if moment else None


def _authority(one: Authority) -> Result:
    # Its name is that of who issues certificates, or signs timestamps.
    first = (*one.intermediates, *one.anchors)[0]
    window = {"start": time_of(one.window.start), "end": time_of(one.window.end)}
    return {"url": one.url, "subject": describe_name(first.subject), **window}


def _log(one: Log) -> Result:
    window = {"start": time_of(one.window.start), "end": time_of(one.window.end)}
    return {"url": one.url, "log_id": one.log_id.hex(), "key_type": one.key.kind, **window}


def _service(one: Service) -> dict[str, t.Any]:
    window = {"start": time_of(one.start), "end": time_of(one.end)}
    return {"url": one.url, "api_version": one.version, "operator": one.operator, **window}
