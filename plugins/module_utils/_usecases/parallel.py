# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import queue
import threading
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

S = t.TypeVar("S")
T = t.TypeVar("T")
Progress = t.Callable[[int, int, int], None]


def in_parallel(
    work: t.Callable[[S], T], items: t.Sequence[S], workers: int, progress: Progress | None = None
) -> list[T | Rejection]:
    """`work` on every item, in the order of the items; a Rejection stands where one was raised, all others are raised.

    Daemon threads, and none for a single item: a pool that joins its threads would outlive the task's own `timeout`.
    `progress(done, total, refused)` is called from this thread.
    """
    if len(items) == 1 or workers == 1:
        return [_attempt(work, item) for item in items]
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, T | Rejection | BaseException]] = queue.SimpleQueue()
    for index in range(len(items)):
        waiting.put(index)

    def run() -> None:
        while True:
            try:
                index = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((index, _attempt(work, items[index])))
            except BaseException as error:
                done.put((index, error))

    threads = [threading.Thread(target=run, daemon=True) for dummy in range(min(workers, len(items)))]
    for thread in threads:
        thread.start()
    results: dict[int, T | Rejection] = {}
    refused = 0
    while len(results) < len(items):
        index, outcome = done.get()
        if isinstance(outcome, BaseException) and not isinstance(outcome, Rejection):
            raise outcome
        refused += isinstance(outcome, Rejection)
        results[index] = outcome
        if progress:
            progress(len(results), len(items), refused)
    for thread in threads:
        thread.join()
    return [results[index] for index in range(len(items))]


def _attempt(work: t.Callable[[S], T], item: S) -> T | Rejection:
    try:
        return work(item)
    except Rejection as rejection:
        return rejection
