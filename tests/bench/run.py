# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The numbers: our tasks against real cosign, as ratios within one run, so that they hold on any machine.

``python tests/bench/run.py [SECTION...]`` from a staged tree; without sections, all of them.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import typing as t
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT.parents[2]), str(ROOT)]

from tests.bench.field import Field, Usage, best, play, prepare, sign  # noqa: E402
from tests.interop import ours, servers  # noqa: E402
from tests.support.proxy import DelayingProxy  # noqa: E402
from tests.support.registry import EmbeddedRegistry  # noqa: E402

IMAGES = 100
AIMS = {0: 1.0, 5: 2.0, 20: 3.0, 50: 4.0}
"""Milliseconds of round-trip time, and how many times faster than the better way of cosign we mean to be."""


class Bench:
    """A real registry with signed images; the folder of the run."""

    def __init__(self, folder: Path, address: str):
        self.folder = folder
        self.address = address
        self.field = prepare(folder, address, IMAGES)
        self.empty = play(folder, [])


def latency(bench: Bench) -> None:
    """One task with 100 images against `cosign verify i1 … i100`, and against sixteen of those at once."""
    print(f"{'RTT':>6} {'cosign':>9} {'16 cosigns':>11} {'ours':>9} {'ratio':>7}   aim     (seconds, 100 images)")
    for rtt, aim in AIMS.items():
        with contextlib.ExitStack() as stack:
            address = bench.address
            if rtt:
                address = stack.enter_context(DelayingProxy(bench.address, rtt)).host
            pinned = bench.field.at(address)
            one = best(bench.field.cosign(*pinned), bench.folder)
            many = best(_sixteen(bench, pinned), bench.folder)
            mine = play(bench.folder, [bench.field.verify(pinned)]).wall - bench.empty.wall
        ratio = min(one.wall, many.wall) / mine
        print(
            f"{rtt:>3} ms {one.wall:>9.2f} {many.wall:>11.2f} {mine:>9.2f} {ratio:>6.1f}x   {aim:.0f}x"
            f"{'' if ratio >= aim else '   BELOW THE AIM'}",
            flush=True,
        )
    print(f"An empty play, taken off ours: {bench.empty.wall:.2f} s")


def _sixteen(bench: Bench, pinned: t.Sequence[str]) -> list[str]:
    listed = bench.folder / "images.txt"
    listed.write_text("\n".join(pinned))
    return ["xargs", "-a", str(listed), "-P", "16", "-n", "7", *bench.field.cosign_options()]


def per_image(bench: Bench) -> None:
    """Requests and CPU of one image."""
    pinned = bench.field.at(bench.address)
    theirs = best(bench.field.cosign(*pinned), bench.folder).cpu
    mine = play(bench.folder, [bench.field.verify(pinned)]).cpu - bench.empty.cpu
    print(f"CPU: cosign {theirs / IMAGES * 1000:.1f} ms, ours {mine / IMAGES * 1000:.1f} ms an image")
    for referrers in (True, False):
        with EmbeddedRegistry(referrers=referrers) as registry, _folder() as folder:
            field = prepare(folder, registry.host, 4)
            counted = []
            for command in (field.cosign(*field.at(registry.host)), None):
                registry.reset_requests()
                if command:
                    best(command, folder)
                    counted.append(len(registry.requests) / 4 / 3)
                else:
                    ours.engine("cosign_verify", next(iter(field.verify(field.at(registry.host)).values())))
                    counted.append(len(registry.requests) / 4)
            registry.reset_requests()
            sign(field, registry.host)
            again = sorted({request.method for request in registry.requests})
            print(
                f"{'With' if referrers else 'Without'} the referrers API: cosign {counted[0]:.1f} requests an image, "
                f"ours {counted[1]:.1f}; unchanged sign by digest: {len(registry.requests) / 4:.1f}, {' '.join(again)} only"
            )


def hosts(bench: Bench) -> None:
    """500 hosts that verify the same digest, against an empty task."""
    count = 500
    inventory = f"[all]\nhost[1:{count}] ansible_connection=local\n"
    pinned = bench.field.at(bench.address, 1)
    nothing = play(bench.folder, [{"ansible.builtin.assert": {"that": True, "quiet": True}}], inventory, "--forks=20")
    mine = play(bench.folder, [bench.field.verify(pinned)], inventory, "--forks=20")
    more = (mine.wall - nothing.wall) / count * 1000
    print(f"{count} hosts, one digest: empty task {nothing.wall:.1f} s, ours {mine.wall:.1f} s: {more:.1f} ms a host more")


def task(bench: Bench) -> None:
    """A cosign_verify task against a task that runs the cosign command."""
    pinned = bench.field.at(bench.address, 10)
    command = {"ansible.builtin.command": {"argv": bench.field.cosign("{{ item }}")}, "loop": pinned}
    mine = {**bench.field.verify(["{{ item }}"]), "loop": pinned}
    theirs, own = (
        (play(bench.folder, [one]).wall - bench.empty.wall) / len(pinned) * 1000 for one in (command, mine)
    )
    print(f"A task: command: cosign verify {theirs:.0f} ms, cosign_verify {own:.0f} ms ({theirs / own:.1f}x)")


def memory(bench: Bench) -> None:
    """Peak memory with more images."""
    with servers.registry_ggcr(bench.folder) as registry, _folder() as folder:
        field = prepare(folder, registry.address, 400)
        peaks = [play(folder, [field.verify(field.at(registry.address, count))]).memory for count in (100, 400)]
    print(f"Peak memory: {peaks[0]:.0f} MiB with 100 images, {peaks[1]:.0f} MiB with 400")


SECTIONS: dict[str, t.Callable[[Bench], None]] = {
    one.__name__: one for one in (latency, per_image, hosts, task, memory)
}


@contextlib.contextmanager
def _folder() -> t.Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="supplychain-cosign-bench.") as folder:
        yield Path(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("section", nargs="*", choices=[[], *SECTIONS], default=[])
    chosen = parser.parse_args().section or list(SECTIONS)
    with _folder() as folder, servers.registry_ggcr(folder) as registry:
        bench = Bench(folder, registry.address)
        for name in chosen:
            print(f"\n{(SECTIONS[name].__doc__ or '').strip()}")
            SECTIONS[name](bench)


if __name__ == "__main__":
    main()
