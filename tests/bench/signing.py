# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keyless signing, with the log, against real cosign: the time on the real services, the requests on virtual ones."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import subprocess
import tempfile
import typing as t
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.field import LONG, Usage, once, plain, play, push_images, temporary_folder
from tests.interop import ours, services
from tests.support import parts
from tests.support.proxy import DelayingProxy
from tests.support.registry import EmbeddedRegistry
from tests.support.sigstore.issuer import Identity, Issuer
from tests.support.sigstore.server import VirtualServices

ROUNDS = 3
RTTS = (0, 20)
MANY = 20
AIMS = {1: 1.0, MANY: 4.0}
"""Images, and how many times faster than the better way of cosign we mean to be."""


@dataclass(frozen=True)
class Signing:
    """By whom, and with which services, all sign here."""

    folder: Path
    issuer: Issuer
    trusted_root: Path
    signing_config: Path
    who: Identity = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "who", self.issuer.email("someone@mail.example"))

    def cosign(self, pinned: t.Sequence[str]) -> list[str]:
        """The command line by which real cosign signs these images."""
        options = [f"--identity-token={self.issuer.token(self.who)}", f"--signing-config={self.signing_config}"]
        options += [f"--trusted-root={self.trusted_root}", "--allow-http-registry", "--yes"]
        return [str(parts.program("cosign3")), "sign", *options, *pinned]

    def options(self, pinned: t.Sequence[str]) -> dict[str, t.Any]:
        """Those of our task that signs the same."""
        return {
            "images": list(pinned),
            "trusted_root": str(self.trusted_root),
            "signing_config": str(self.signing_config),
            "allow_http_registry": True,
        }

    @property
    def environ(self) -> dict[str, str]:
        """The task's environment."""
        return {"SIGSTORE_ID_TOKEN": self.issuer.token(self.who)}


def against_cosign(address: str) -> None:
    """Print the seconds that signing one image and several take, none of them signed before.

    In a play both: our task, and tasks that run cosign, in one process and in sixteen at once. Behind them the
    better of these without Ansible.
    """
    print(
        f"{'RTT':>6} {'images':>6} {'cosign':>8} {'16 cosigns':>11} {'ours':>7} {'ratio':>6}  aim  cosign, no Ansible"
    )
    with temporary_folder() as folder, services.sigstore(folder) as real:
        for rtt in RTTS:
            with _delayed(real, address, rtt) as (signing, registry):
                fresh = functools.partial(_fresh, folder, address, registry)
                walls = [_compare(signing, fresh, rtt, count, aim) for count, aim in AIMS.items()]
            mine, theirs = ((many - one) / (MANY - 1) * 1000 for one, many in zip(*walls, strict=True))
            print(f"       each further image: cosign {theirs:.0f} ms, ours {mine:.0f} ms")
    print("Taken off: an empty play. The rest of ours is mostly what a task of ours costs in any case.")


def _compare(signing: Signing, fresh: _Fresh, rtt: int, count: int, aim: float) -> tuple[float, float]:
    """Print a line; return our seconds and those of cosign's better way."""
    rounds: list[list[Usage]] = []
    while len(rounds) < ROUNDS and not (rounds and max(one.wall for one in rounds[0]) > LONG):
        rounds.append(_round(signing, fresh, count))
    empty, mine, *theirs, bare = (min(one.wall for one in column) for column in zip(*rounds, strict=True))
    mine, theirs = mine - empty, [wall - empty for wall in theirs]
    ratio = min(theirs) / mine
    below = "" if ratio >= aim else "   BELOW THE AIM"
    print(
        f"{rtt:>3} ms {count:>6} {theirs[0]:>8.2f} {theirs[1]:>11.2f} {mine:>7.2f} {ratio:>5.1f}x  {aim:.0f}x "
        f" {bare:.2f}: {bare / mine:.1f}x{below}",
        flush=True,
    )
    return mine, min(theirs)


class _Fresh(t.Protocol):
    def __call__(self, count: int) -> list[str]:
        """That many images that nobody signed, by digest."""


_numbers = itertools.count()


def _fresh(folder: Path, address: str, delayed: str, count: int) -> list[str]:
    """Pushed without delay, named with it."""
    return [f"{delayed}/{image}" for image in push_images(folder, address, f"sign-{next(_numbers)}", count)]


@contextlib.contextmanager
def _delayed(real: services.Sigstore, address: str, rtt: int) -> t.Iterator[tuple[Signing, str]]:
    """The services and the registry, so many milliseconds away."""
    config = real.signing_config_v1
    with temporary_folder() as folder, contextlib.ExitStack() as stack:
        if rtt:
            text = config.read_text()
            config = folder / "signing_config.json"
            for url in (real.fulcio, real.rekor1):
                text = text.replace(url, f"http://{stack.enter_context(DelayingProxy(urlsplit(url).netloc, rtt)).host}")
            config.write_text(text)
            address = stack.enter_context(DelayingProxy(address, rtt)).host
        yield Signing(folder, real.issuer, real.trusted_root, config), address


def _round(signing: Signing, fresh: _Fresh, count: int) -> list[Usage]:
    """An empty play, our task, two ways to call cosign as tasks, and the better one without: each with fresh images."""
    task = {f"{ours.PREFIX}cosign_sign": signing.options(fresh(count)), "environment": signing.environ}
    commands = [play(signing.folder, []), play(signing.folder, [task])]
    ways = signing.cosign(fresh(count)), _sixteen(signing, fresh(count))
    commands += [play(signing.folder, [{"ansible.builtin.command": {"argv": way}}]) for way in ways]
    better = signing.cosign(fresh(count)) if count == 1 else _sixteen(signing, fresh(count))
    return [once(command) for command in (*commands, plain(better, signing.folder))]


def _sixteen(signing: Signing, pinned: t.Sequence[str]) -> list[str]:
    """A process for each image, sixteen at once."""
    listed = Path(tempfile.mkdtemp(dir=signing.folder)) / "images.txt"
    listed.write_text("\n".join(pinned))
    return ["xargs", "-a", str(listed), "-P", "16", "-n", "1", *signing.cosign([])]


def requests() -> None:
    """Print how many requests a signature takes, and an unchanged run."""
    for referrers in (True, False):
        with (
            EmbeddedRegistry(referrers=referrers) as registry,
            VirtualServices() as virtual,
            temporary_folder() as folder,
        ):
            print(f"Requests, {'with' if referrers else 'without'} the referrers API:")
            for version in (1, 2):
                _requests(registry, virtual, folder, version)


def _requests(registry: EmbeddedRegistry, virtual: VirtualServices, folder: Path, version: int) -> None:
    root, config = folder / "trusted_root.json", folder / "signing_config.json"
    root.write_text(json.dumps(virtual.trusted_root()))
    config.write_text(json.dumps(virtual.signing_config(version)))
    signing = Signing(folder, virtual.issuer, root, config)
    known = {"certificate_identity": signing.who.name, "certificate_oidc_issuer": signing.who.issuer}

    def asked(act: t.Callable[[list[str]], object], count: int, kind: str) -> str:
        pinned = push_images(folder, registry.host, f"requests-{version}-{kind}", count)
        registry.reset_requests()
        virtual.reset_requests()
        act([f"{registry.host}/{image}" for image in pinned])
        counts = [f"{name} {virtual.count(name)}" for name in ("fulcio", "rekor", "tsa")]
        # The first look at a registry asks for /v2/, once a task or process.
        talked = sum(request.path != "/v2/" for request in registry.requests)
        return ", ".join([*counts, f"registry {talked / count:.1f} an image"])

    def theirs(pinned: list[str]) -> None:
        subprocess.run(signing.cosign(pinned), cwd=folder, capture_output=True, check=True)

    def mine(pinned: list[str], **more: t.Any) -> bool:
        result = ours.engine("cosign_sign", {**signing.options(pinned), **more}, signing.environ)
        if result.get("failed"):
            raise RuntimeError(result["msg"])
        return bool(result["changed"])

    def again(**more: t.Any) -> str:
        def act(pinned: list[str]) -> None:
            if mine(pinned, **more):
                raise RuntimeError("what was signed was signed again")

        return asked(act, MANY, "ours")

    print(f"  Rekor v{version}, {MANY} images: cosign {asked(theirs, MANY, 'cosign')}")
    print(f"                      ours {asked(mine, MANY, 'ours')}")
    print(f"    unchanged: {again()}; with the signer named: {again(**known)}")
