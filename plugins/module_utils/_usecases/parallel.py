# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import queue
import threading
import time
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

S = t.TypeVar("S")
T = t.TypeVar("T")
Progress = t.Callable[[int, int, int], None]

GROWTH_SECONDS = 0.003
BUSY = 0.7


def in_parallel(
    work: t.Callable[[S], T], items: t.Sequence[S], workers: int, progress: Progress | None = None
) -> list[T | Rejection]:
    """`work` on every item, in the order of the items; a Rejection stands where one was raised, all others are raised.

    Daemon threads, and none for a single item: a pool that joins its threads would outlive the task's own `timeout`.
    One at first, twice as many every few milliseconds for as long as they mostly wait for the network: beside a
    near registry, where one keeps a processor busy, many take half as long again.
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

    crew = _Crew(run, min(workers, len(items)))
    results: dict[int, T | Rejection] = {}
    refused = 0
    while len(results) < len(items):
        try:
            index, outcome = done.get(timeout=crew.grow())
        except queue.Empty:
            continue
        if isinstance(outcome, BaseException) and not isinstance(outcome, Rejection):
            raise outcome
        refused += isinstance(outcome, Rejection)
        results[index] = outcome
        if progress:
            progress(len(results), len(items), refused)
    crew.join()
    return [results[index] for index in range(len(items))]


class _Crew:
    """Threads that do the same work, up to a number of them."""

    def __init__(self, run: t.Callable[[], None], limit: int) -> None:
        self._run = run
        self._limit = limit
        self._threads: list[threading.Thread] = []
        self._start(1)

    def grow(self) -> float | None:
        """Start more where this process waits more than it works; seconds until this should be asked again."""
        if len(self._threads) == self._limit:
            return None
        elapsed = time.monotonic() - self._since
        if elapsed >= GROWTH_SECONDS:
            waits = time.process_time() - self._used < BUSY * elapsed
            self._start(len(self._threads) if waits else 0)
        return GROWTH_SECONDS

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _start(self, count: int) -> None:
        for dummy in range(min(count, self._limit - len(self._threads))):
            thread = threading.Thread(target=self._run, daemon=True)
            self._threads.append(thread)
            thread.start()
        self._since, self._used = time.monotonic(), time.process_time()


def _attempt(work: t.Callable[[S], T], item: S) -> T | Rejection:
    try:
        return work(item)
    except Rejection as rejection:
        return rejection
