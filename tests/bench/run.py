# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The numbers: our tasks against real cosign, as ratios within one run, so that they hold on any machine.

``python tests/bench/run.py [SECTION...]`` from a staged tree; without sections, all of them.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import subprocess
import sys
import typing as t
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT.parents[2]), str(ROOT)]

from tests.bench import signing, verifier  # noqa: E402
from tests.bench.field import (  # noqa: E402
    Field,
    measure,
    plain,
    play,
    prepare,
    prepare_keyless,
    sign_by_key,
    temporary_folder,
)
from tests.interop import ours, servers  # noqa: E402
from tests.support.proxy import DelayingProxy  # noqa: E402
from tests.support.registry import EmbeddedRegistry  # noqa: E402

IMAGES = 100
AIMS = {0: 1.0, 5: 2.0, 20: 3.0, 50: 4.0}
"""Milliseconds of round-trip time, and how many times faster than the better way of cosign we mean to be."""
HOSTS = 500
EMPTY_TASK = {"ansible.builtin.assert": {"that": True, "quiet": True}}


@dataclass(frozen=True)
class Bench:
    """A real registry with signed images, and a folder."""

    folder: Path
    address: str

    @functools.cached_property
    def field(self) -> Field:
        return prepare(self.folder, self.address, IMAGES)


def warm(_bench: Bench) -> None:
    verifier.warm()


def cold(_bench: Bench) -> None:
    verifier.cold()


warm.__doc__, cold.__doc__ = verifier.warm.__doc__, verifier.cold.__doc__


def latency(bench: Bench) -> None:
    """One task with 100 images against `cosign verify i1 … i100` and against sixteen of those at once (seconds)."""
    _latency(bench, bench.field)


def keyless(bench: Bench) -> None:
    """The same with keyless signatures on Rekor v1, verified by identity with a trusted root (seconds)."""
    _latency(bench, prepare_keyless(bench.folder, bench.address, IMAGES))


def _latency(bench: Bench, field: Field) -> None:
    print(f"{'RTT':>6} {'cosign':>8} {'16 cosigns':>11} {'ours':>7} {'ratio':>6}  {'aim':<4} ours, one image alone")
    for rtt, aim in AIMS.items():
        with DelayingProxy(bench.address, rtt) if rtt else contextlib.nullcontext() as proxy:
            pinned = field.at(proxy.host if proxy else bench.address)
            one, many, empty, single, mine = measure(
                plain(field.cosign(*pinned), bench.folder),
                plain(_sixteen(bench.folder, field, pinned), bench.folder),
                play(bench.folder, []),
                play(bench.folder, [field.verify(pinned[:1])]),
                play(bench.folder, [field.verify(pinned)]),
            )
        ratio = min(one.wall, many.wall) / (mine.wall - empty.wall)
        print(
            f"{rtt:>3} ms {one.wall:>8.2f} {many.wall:>11.2f} {mine.wall - empty.wall:>7.2f} {ratio:>5.1f}x "
            f" {aim:.0f}x   {single.wall - empty.wall:.2f}{'' if ratio >= aim else '   BELOW THE AIM'}",
            flush=True,
        )
    print(f"Taken off ours: an empty play, {empty.wall:.2f} s. One image alone: what a task of ours costs in any case.")


def _sixteen(folder: Path, field: Field, pinned: t.Sequence[str]) -> list[str]:
    listed = folder / "images.txt"
    listed.write_text("\n".join(pinned))
    return ["xargs", "-a", str(listed), "-P", "16", "-n", "7", *field.cosign()]


def per_image(bench: Bench) -> None:
    """CPU and requests of one image."""
    pinned = bench.field.at(bench.address)
    theirs, single, mine = measure(
        plain(bench.field.cosign(*pinned), bench.folder),
        play(bench.folder, [bench.field.verify(pinned[:1])]),
        play(bench.folder, [bench.field.verify(pinned)]),
    )
    more = (mine.cpu - single.cpu) / (IMAGES - 1)
    print(f"CPU: cosign {theirs.cpu / IMAGES * 1000:.1f} ms an image, ours {more * 1000:.1f} ms each further image")
    for referrers in (True, False):
        with EmbeddedRegistry(referrers=referrers) as registry, temporary_folder() as folder:
            _requests(prepare(folder, registry.host, 4), registry, folder)


def _requests(field: Field, registry: EmbeddedRegistry, folder: Path) -> None:
    count = len(field.images)
    pinned = field.at(registry.host)

    def asked(act: t.Callable[[], object]) -> str:
        registry.reset_requests()
        act()
        methods = sorted({request.method for request in registry.requests})
        return f"{len(registry.requests) / count:.1f} {' '.join(methods)}"

    theirs = asked(lambda: subprocess.run(field.cosign(*pinned), cwd=folder, capture_output=True, check=True))
    mine = asked(lambda: ours.engine("cosign_verify", field.options(pinned)))
    again = asked(lambda: sign_by_key(field, registry.host))
    api = "with" if registry.settings.referrers else "without"
    print(f"Requests, {api} the referrers API: cosign {theirs}; ours {mine}; signing again by digest {again}")


def hosts(bench: Bench) -> None:
    """Many hosts that verify the same digest."""
    inventory = f"[all]\nhost[1:{HOSTS}] ansible_connection=local\n"
    task = bench.field.verify(bench.field.at(bench.address, 1))
    nothing, mine = measure(
        play(bench.folder, [EMPTY_TASK], inventory, "--forks=20"), play(bench.folder, [task], inventory, "--forks=20")
    )
    more = (mine.wall - nothing.wall) / HOSTS * 1000
    print(
        f"{HOSTS} hosts: an empty task {nothing.wall:.1f} s, ours {mine.wall:.1f} s: {more:.1f} ms a host more (aim 20)"
    )


def task(bench: Bench) -> None:
    """A cosign_verify task against a task that runs the cosign command."""
    pinned = bench.field.at(bench.address, 10)
    command = {"ansible.builtin.command": {"argv": bench.field.cosign("{{ item }}")}, "loop": pinned}
    own = {**bench.field.verify(["{{ item }}"]), "loop": pinned}
    empty, theirs, mine = measure(*(play(bench.folder, tasks) for tasks in ([], [command], [own])))
    costs = [(one.wall - empty.wall) / len(pinned) * 1000 for one in (theirs, mine)]
    print(f"command: cosign verify {costs[0]:.0f} ms, cosign_verify {costs[1]:.0f} ms: {costs[0] / costs[1]:.1f}x")


def memory(_bench: Bench) -> None:
    """Peak memory with more images."""
    with temporary_folder() as folder, servers.registry_ggcr(folder) as registry:
        field = prepare(folder, registry.address, 400)
        few, many = measure(*(play(folder, [field.verify(field.at(registry.address, n))]) for n in (100, 400)))
    print(f"100 images: {few.memory:.0f} MiB, 400 images: {many.memory:.0f} MiB")


def sign(bench: Bench) -> None:
    """One task that signs keylessly on Rekor v1 against `cosign sign` with the same services (seconds, requests)."""
    signing.against_cosign(bench.address)
    signing.requests()


SECTIONS: dict[str, t.Callable[[Bench], None]] = {
    one.__name__: one for one in (latency, keyless, sign, per_image, hosts, task, memory, warm, cold)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("section", nargs="*", help=", ".join(SECTIONS))
    chosen = parser.parse_args().section or list(SECTIONS)
    with temporary_folder() as folder, servers.registry_ggcr(folder) as registry:
        bench = Bench(folder, registry.address)
        for name in chosen:
            print(f"\n{SECTIONS[name].__doc__}", flush=True)
            SECTIONS[name](bench)


if __name__ == "__main__":
    main()
