# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import functools
import time
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import InclusionProof, LogEntry
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.log_body import parse_log_body
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.tiles import (
    WIDTH,
    Head,
    entry_at,
    inclusion_hashes,
    parse_head,
    tile_path,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._http.wire import Deadline
from ansible_collections.supplychain.cosign.plugins.module_utils._services.client import Client

PREFIX = "/api/v2/"
TRIES = 6
PAUSE = 1.0
"""Seconds between looks at a checkpoint that a cache between may have kept."""


def read_entry(client: Client, index: int, log_ids: t.Callable[[], t.Iterable[bytes]]) -> LogEntry:
    """The entry at `index` of a log of Rekor v2, with a proof, from the tiles (C2SP tlog-tiles) that are served below
    its URL. Nothing of it is verified; the log's id is that of `log_ids` whose start stands in the checkpoint.

    Raises UNREACHABLE (no tiles are served), TRUST_ROOT (no known id), INCLUSION_INVALID, CHECKPOINT_INVALID, and the
    like.
    """
    # One for all of it: a log that lies about its size would have many tiles asked for.
    deadline = client.deadline()
    note, head = _checkpoint(client, index, deadline)
    log_id = next((one for one in log_ids() if one[:4] in head.hints), None)
    if log_id is None:
        raise Rejection(
            "TRUST_ROOT",
            f"{client.what} at {client.url} holds this entry already, and its checkpoint is signed by no log that the "
            "trusted root knows; give the trusted root that has this log.",
        )
    tile = functools.lru_cache(maxsize=None)(functools.partial(_tile, client, index, deadline))
    number, position = divmod(index, WIDTH)
    body = entry_at(tile("entries", number, head.size), position)
    hashes = inclusion_hashes(index, head.size, lambda level, number: tile(str(level), number, head.size >> 8 * level))
    named = parse_log_body(body)
    return LogEntry(
        log_index=index,
        log_id=log_id,
        integrated_time=0,
        body=body,
        set=b"",
        kind=named.kind,
        version=named.version,
        inclusion_proof=InclusionProof(index, head.root, head.size, hashes, note),
    )


def _checkpoint(client: Client, index: int, deadline: Deadline) -> tuple[str, Head]:
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE)
        note, head = parse_head(_get(client, "checkpoint", index, deadline))
        if head.size > index:
            return note, head
    raise Rejection(
        "UNREACHABLE",
        f"{client.what} at {client.url} says that it holds this entry already, at {index}, but its checkpoint is only "
        f"of {head.size} entries. Try again in a minute.",
    )


def _tile(client: Client, index: int, deadline: Deadline, level: str, number: int, count: int) -> bytes:
    """The tile `number` of a level that has `count` hashes: the part of it that was there by then, or, where that is
    not kept, all of it."""
    width = min(WIDTH, count - number * WIDTH)
    if width < WIDTH:
        reply = client.send("GET", PREFIX + tile_path(level, number, width), deadline=deadline)
        if reply.status == 200:
            return reply.body
    return _get(client, tile_path(level, number, WIDTH), index, deadline)


def _get(client: Client, path: str, index: int, deadline: Deadline) -> bytes:
    reply = client.send("GET", PREFIX + path, deadline=deadline)
    if reply.status != 200:
        raise Rejection(
            "UNREACHABLE",
            f"{client.what} at {client.url} holds this entry already, at {index}, and answered {reply.status} when it "
            f"was to be read from {PREFIX}{path}. Have its operator serve the log's tiles there; until then a "
            "signature by an ECDSA key can be made anew, one by an RSA key is always the same.",
        )
    return reply.body
