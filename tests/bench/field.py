# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the benchmark runs on: signed images in a registry, and commands whose time, CPU and memory are taken."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import typing as t
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.interop import ours
from tests.support import images, parts
from tests.support.sigstore.attach import Attacher
from tests.support.sigstore.virtual import IDENTITY, ISSUER, VirtualSigstore

PASSWORD = "password of a bench key"
REPEATS = 5
LONG = 3.0


class Usage(t.NamedTuple):
    """Seconds on the clock, seconds of CPU and peak memory in MiB of a command and all that it started."""

    wall: float
    cpu: float
    memory: float


@dataclass(frozen=True)
class Field:
    """Images by their repository and digest, and by what real cosign (`flags`) and we (`trust`) verify them."""

    folder: Path
    images: list[str]
    flags: list[str]
    trust: dict[str, t.Any]

    def at(self, address: str, count: int | None = None) -> list[str]:
        """The images as the registry behind this address has them."""
        return [f"{address}/{image}" for image in self.images[:count]]

    def cosign(self, *pinned: str) -> list[str]:
        """The command line by which real cosign verifies these images."""
        return [str(parts.program("cosign3")), "verify", *self.flags, "--allow-http-registry", *pinned]

    def options(self, pinned: t.Sequence[str]) -> dict[str, t.Any]:
        """Those of our task that verifies the same."""
        return {"images": list(pinned), **self.trust, "allow_http_registry": True}

    def verify(self, pinned: t.Sequence[str]) -> dict[str, t.Any]:
        """That task."""
        return {ours.PREFIX + "cosign_verify": self.options(pinned)}


def prepare(folder: Path, address: str, count: int) -> Field:
    """Push images and sign them with a key, each in a repository of its own."""
    done("cosign_key_pair", path=str(folder / "k.key"), key_password=PASSWORD)
    public = str(folder / "k.pub")
    field = Field(
        folder,
        push_images(folder, address, "keyed", count),
        ["--key", public, "--insecure-ignore-tlog=true"],
        {"key": public, "insecure_ignore_tlog": True},
    )
    sign_by_key(field, address)
    return field


def prepare_keyless(folder: Path, address: str, count: int) -> Field:
    """The same with certificates of a virtual Sigstore, whose trusted root both are given, and its Rekor v1."""
    sigstore = VirtualSigstore(datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1))
    pinned = push_images(folder, address, "keyless", count)
    for image in pinned:
        repository, _at, digest = image.partition("@")
        Attacher(address, repository).attach(digest, sigstore.sign(digest))
    root = folder / "trusted_root.json"
    root.write_text(json.dumps(sigstore.trusted_root()))
    return Field(
        folder,
        pinned,
        [f"--trusted-root={root}", f"--certificate-identity={IDENTITY}", f"--certificate-oidc-issuer={ISSUER}"],
        {"trusted_root": str(root), "certificate_identity": IDENTITY, "certificate_oidc_issuer": ISSUER},
    )


def push_images(folder: Path, address: str, kind: str, count: int) -> list[str]:
    """Push images of that kind, each into a repository of its own: its name in the registry and digest."""
    pinned = []
    for number in range(count):
        made = images.image(f"bench {kind} {number}")
        name = f"bench/{kind}-{number}"
        layout = folder / "layouts" / name
        made.write_layout(layout, "1")
        done("cosign_copy", source=f"oci:{layout}:1", destination=f"{address}/{name}:1", allow_http_registry=True)
        pinned.append(f"{name}@{made.digest}")
    return pinned


def sign_by_key(field: Field, address: str) -> None:
    done(
        "cosign_sign",
        images=field.at(address),
        key=str(field.folder / "k.key"),
        key_password=PASSWORD,
        tlog_upload=False,
        allow_http_registry=True,
    )


def done(name: str, **options: t.Any) -> None:
    result = ours.engine(name, options)
    if result.get("failed"):
        raise RuntimeError(result["msg"])


@contextlib.contextmanager
def temporary_folder() -> t.Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="supplychain-cosign-bench.") as folder:
        yield Path(folder)


class Command(t.NamedTuple):
    """A command line, and the environment and folder that it runs in."""

    words: t.Sequence[str]
    folder: Path
    environment: t.Mapping[str, str]


def plain(words: t.Sequence[str], folder: Path) -> Command:
    return Command(words, folder, {"PATH": os.environ["PATH"], "HOME": str(folder)})


def play(folder: Path, tasks: t.Sequence[t.Any], inventory: str = ours.LOCAL, *options: str) -> Command:
    """`ansible-playbook` with these tasks, in a folder that it makes."""
    place = Path(tempfile.mkdtemp(dir=folder))
    (place / "play.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": list(tasks)}]))
    (place / "inventory.ini").write_text(inventory)
    environment = ours.ansible_environment(folder)
    del environment["ANSIBLE_CALLBACKS_ENABLED"]
    words = [sys.executable, "-m", "ansible", "playbook", "-i", "inventory.ini", "play.yml", *options]
    return Command(words, place, environment)


def measure(*commands: Command) -> list[Usage]:
    """Run the commands in turn, several times: of each the shortest, as others on this machine can only make it longer.

    What takes long is not run again: there a little more or less changes no ratio.
    """
    shortest = [once(command) for command in commands]
    for _round in range(REPEATS - 1):
        for number, command in enumerate(commands):
            if shortest[number].wall < LONG:
                shortest[number] = min(shortest[number], once(command))
    return shortest


def once(command: Command) -> Usage:
    """Run the command, which must succeed."""
    with (command.folder / "log").open("w+b") as log:
        started = time.monotonic()
        process = subprocess.Popen(
            command.words,
            cwd=command.folder,
            env=command.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        _pid, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            said = log.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{command.words[:6]} ended with {process.returncode}: {said}")
    return Usage(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
