# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import datetime
import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import PublicKey

if t.TYPE_CHECKING:
    from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import Certificate


@dataclass(frozen=True)
class Window:
    """When something is trusted: a closed interval of aware times, open to the right where there is no `end`."""

    start: datetime.datetime
    end: datetime.datetime | None = None

    def holds(self, moment: datetime.datetime) -> bool:
        return self.start <= moment and (self.end is None or moment <= self.end)


def show_time(moment: datetime.datetime) -> str:
    """An aware time in a message: UTC, in whole seconds."""
    return moment.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


ALWAYS = Window(datetime.datetime.min.replace(tzinfo=datetime.timezone.utc))
"""For what a user trusts without a trusted root, which would say when."""


@dataclass(frozen=True)
class Log:
    """A transparency log (Rekor), or a certificate transparency log: its id (32 bytes), key, and when it signs.

    One log may stand here several times, with other keys or windows.
    """

    url: str
    log_id: bytes
    key: PublicKey
    window: Window = ALWAYS
    operator: str = ""


@dataclass(frozen=True, eq=False)
class Authority:
    """Who issues certificates, or timestamps. A path must end at one of `anchors`; `intermediates` may be on it,
    and for a timestamp authority its signing certificate too."""

    anchors: tuple[Certificate, ...]
    intermediates: tuple[Certificate, ...] = ()
    window: Window = ALWAYS
    url: str = ""


@dataclass(frozen=True, eq=False)
class TrustedRoot:
    """Everything that is trusted, parsed once a task. `name` says in messages where it came from, `fingerprint`
    (SHA-256 in hex, over what it was made of) tells one from another."""

    logs: tuple[Log, ...] = ()
    ct_logs: tuple[Log, ...] = ()
    certificate_authorities: tuple[Authority, ...] = ()
    timestamp_authorities: tuple[Authority, ...] = ()
    name: str = ""
    fingerprint: str = ""
