# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""What was fetched of a TUF repository is kept as one file, `kept.json`: all that the repository signed, and when it
was asked. It is never believed: whoever takes it from there verifies it again, from the root.json that every walk
begins with. So all that a stranger's file can do is to be refused, or to hold back news until what was signed expires.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._services.private_folder import (
    locked_folder,
    opened_folder,
    read_file,
    replace_file,
)

MAX_KEPT_BYTES = 20 * 2**20
# What the library stores, by its names: roots that were passed, metadata of roles, targets.
STORED = re.compile(
    r"(?:root_history/[0-9]{1,9}\.root|[A-Za-z0-9_.~%-]{1,200}|targets/(?:trusted_root|signing_config\.v0\.2))\.json\Z"
)
_KEPT = "kept.json"


class Kept(t.NamedTuple):
    """What the repository signed, by the library's names of files, and since when it serves. `warning`: it could not
    be refreshed then; `refusal`: what became of the last try, which was for `wanted` at `tried`. Seconds since 1970."""

    files: t.Mapping[str, bytes] = {}
    since: float = 0.0
    warning: str = ""
    refusal: str = ""
    tried: float = 0.0
    wanted: str = ""


def read_kept(url: str, folders: t.Sequence[str], now: datetime.datetime) -> Kept:
    """What was asked last of all that is kept in the folders."""
    found = []
    for path in folders:
        with contextlib.suppress(OSError), opened_folder(path) as folder:
            found.append(_decoded(read_file(_KEPT, MAX_KEPT_BYTES, folder), url))
    found.append(Kept())
    return max((one for one in found if one.since <= now.timestamp()), key=lambda one: one.since)


def keep(url: str, folders: t.Sequence[str], kept: Kept) -> None:
    """In the first folder that can be written; in none of them only the keeping is lost."""
    files = {name: data.decode() for name, data in kept.files.items()}
    data = json.dumps({"url": url, **kept._asdict(), "files": files}).encode()
    for path in folders:
        with contextlib.suppress(OSError), opened_folder(path, make=True) as folder:
            replace_file(_KEPT, data, folder)
            return


@contextlib.contextmanager
def locked_kept(folders: t.Sequence[str]) -> t.Iterator[None]:
    """For one process and thread at a time, where there is a folder that can be written."""
    with contextlib.ExitStack() as stack:
        for path in folders:
            with contextlib.suppress(OSError):
                stack.enter_context(locked_folder(stack.enter_context(opened_folder(path, make=True))))
                break
        yield


def _decoded(data: bytes, url: str) -> Kept:
    """Nothing, where it is damaged or of another repository."""
    try:
        kept = json.loads(data)
        if kept["url"] != url:
            return Kept()
        return Kept(
            {name: text.encode() for name, text in kept["files"].items() if STORED.match(name)},
            float(kept["since"]),
            str(kept["warning"]),
            str(kept["refusal"]),
            float(kept["tried"]),
            str(kept["wanted"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return Kept()
