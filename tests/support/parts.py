# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real programs that tests hold the collection against: cosign, registries, registry clients, policy evaluators.

Each is brought once into the cache folder, into a folder named by its version; nothing is installed on the machine.
Run as a module it brings all of them and lists them; under CI it fails when one could not be had.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_GO_SOURCES = Path(__file__).parents[1] / "interop" / "go"
_NODE_SOURCES = _GO_SOURCES.with_name("node")
_TRILLIAN = "github.com/google/trillian"


class Missing(Exception):
    """The part cannot be had here; the text says why."""


class Part(t.Protocol):
    """How a part is got. ``folder`` is unique to its version, ``program`` the path of the executable in it."""

    @property
    def folder(self) -> str:
        """The name of the folder in the cache."""

    @property
    def program(self) -> str:
        """The path of the executable, relative to the folder."""

    def install(self, place: Path) -> None:
        """Put the part into an empty folder, or raise Missing or CalledProcessError."""


@dataclass(frozen=True)
class Debian:
    """Packages of a Debian suite, unpacked: the first one's version must start with ``version``."""

    suite: str
    packages: tuple[str, ...]
    version: str
    program: str

    @property
    def folder(self) -> str:
        """The name of the folder in the cache."""
        return f"{self.packages[0]}-{self.version}"

    def install(self, place: Path) -> None:
        """Download with apt and unpack with dpkg, without the machine's own package lists."""
        apt = _apt(self.suite)
        package = self.packages[0]
        table = _run([*apt, "madison", package], "apt-cache")
        versions = [line.split("|")[1].strip() for line in table.splitlines()]
        wanted = next((version for version in versions if version.split(":")[-1].startswith(self.version)), None)
        if wanted is None:
            found = ", ".join(versions) or "nothing"
            raise Missing(f"Debian {self.suite} has {found} of {package}, not {self.version}")
        _run([*apt, "download", f"{package}={wanted}", *self.packages[1:]], "apt-get", cwd=place)
        for archive in place.glob("*.deb"):
            _run(["--extract", str(archive), str(place)], "dpkg")
            archive.unlink()


@dataclass(frozen=True)
class GoModule:
    """A command of a published Go module; ``keeps`` are files of the module that its users need beside it.

    ``loopback`` is where its source (file, text, text instead) listens on all addresses, for which it has no option.
    """

    module: str
    version: str
    command: str = ""
    keeps: tuple[str, ...] = ()
    loopback: tuple[str, str, str] | None = None

    @property
    def folder(self) -> str:
        """The name of the folder in the cache."""
        return f"{self.program}-{self.version}{'-loopback' if self.loopback else ''}"

    @property
    def program(self) -> str:
        """The path of the executable, relative to the folder."""
        return (self.command or self.module).rsplit("/", 1)[-1]

    def install(self, place: Path) -> None:
        """Build it with the go command."""
        if self.keeps or self.loopback:
            source = Path(json.loads(_go(["mod", "download", "-json", f"{self.module}@{self.version}"]))["Dir"])
            for name in self.keeps:
                shutil.copy(source / name, place)
            if self.loopback:
                self._build_changed(source, place)
                return
        package = f"{self.module}/{self.command}".rstrip("/")
        _go(["install", f"{package}@{self.version}"], {"GOBIN": str(place)})

    def _build_changed(self, source: Path, place: Path) -> None:
        file, text, instead = t.cast("tuple[str, str, str]", self.loopback)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "source")
            shutil.copytree(source, copy, copy_function=shutil.copyfile)
            for one in (copy, *(path for path in copy.rglob("*") if path.is_dir())):
                one.chmod(0o755)  # those of Go's cache are read-only
            found = (copy / file).read_text()
            if found.count(text) != 1:
                raise Missing(f"{file} of {self.module} does not have {text!r} once; look where it listens now")
            (copy / file).write_text(found.replace(text, instead))
            _go(["build", "-C", str(copy), "-o", str(place), f"./{self.command}"])


@dataclass(frozen=True)
class GoSource:
    """A command of our own in tests/interop/go, around a library that has none that we could use."""

    program: str
    tags: str = ""

    @property
    def folder(self) -> str:
        """The name of the folder in the cache."""
        sources = sorted((_GO_SOURCES / self.program).iterdir())
        digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
        return f"{self.program}-{digest[:12]}"

    def install(self, place: Path) -> None:
        """Build it with the go command."""
        arguments = ["build", "-C", str(_GO_SOURCES / self.program), "-tags", self.tags, "-o", str(place), "."]
        _go(arguments)


@dataclass(frozen=True)
class NodeScript:
    """A script of our own in tests/interop/node, with the packages that it imports and a node that runs them."""

    program: str
    packages: tuple[str, ...]

    @property
    def folder(self) -> str:
        """The name of the folder in the cache."""
        text = "\n".join((*self.packages, (_NODE_SOURCES / self.program).read_text()))
        return f"{self.program}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def install(self, place: Path) -> None:
        """Install the packages beside a copy of the script."""
        _run(["install", "--prefix", str(place), "--no-package-lock", "--no-audit", *self.packages], "npm", cwd=place)
        shutil.copy(_NODE_SOURCES / self.program, place)


PARTS: dict[str, Part] = {
    "cosign2": Debian("trixie", ("cosign",), "2.5", "usr/bin/cosign"),
    "cosign3": Debian("sid", ("cosign",), "3.1", "usr/bin/cosign"),
    "crane": Debian("sid", ("crane",), "0", "usr/bin/crane"),
    "oras": Debian("sid", ("oras",), "1", "usr/bin/oras"),
    "docker-registry": Debian("bookworm", ("docker-registry",), "2.8", "usr/bin/docker-registry"),
    "sshd": Debian("bookworm", ("openssh-server", "libwrap0"), "9.2", "usr/sbin/sshd"),
    "mariadb": Debian(
        "bookworm", ("mariadb-server-core", "libaio1", "libnuma1", "liburing2"), "10.11", "usr/sbin/mariadbd"
    ),
    "regctl": GoModule("github.com/regclient/regclient", "v0.11.7", "cmd/regctl"),
    "fulcio": GoModule(
        "github.com/sigstore/fulcio",
        "v1.8.8",
        loopback=(
            "cmd/app/serve.go",
            'Sprintf(":%v", viper.GetString("metrics-port"))',
            'Sprintf("127.0.0.1:%v", viper.GetString("metrics-port"))',
        ),
    ),
    "trillian-server": GoModule(_TRILLIAN, "v1.7.2", "cmd/trillian_log_server", ("storage/mysql/schema/storage.sql",)),
    "trillian-signer": GoModule(_TRILLIAN, "v1.7.2", "cmd/trillian_log_signer"),
    "trillian-createtree": GoModule(_TRILLIAN, "v1.7.2", "cmd/createtree"),
    "ct-log": GoModule("github.com/google/certificate-transparency-go", "v1.3.2", "trillian/ctfe/ct_server"),
    "rekor1": GoModule(
        "github.com/sigstore/rekor",
        "v1.5.4",
        "cmd/rekor-server",
        loopback=("cmd/rekor-server/app/serve.go", '":2112"', '"127.0.0.1:0"'),
    ),
    "rekor2": GoModule("github.com/sigstore/rekor-tiles/v2", "v2.3.0", "cmd/rekor-server/posix"),
    # The last one that logs entries of kind dsse, which @sigstore sends; newer ones take hashedrekord alone.
    "rekor2-dsse": GoModule("github.com/sigstore/rekor-tiles/v2", "v2.2.1", "cmd/rekor-server/posix"),
    "tsa": GoSource("tsa"),
    "javascript": NodeScript(
        "peer.mjs",
        (
            "node@24.21.0",
            "@sigstore/bundle@5.0.1",
            "@sigstore/protobuf-specs@0.5.2",
            "@sigstore/sign@5.1.0",
            "@sigstore/verify@4.1.3",
        ),
    ),
    "registry": GoSource("registry"),
    "policy": GoSource(
        "policy",
        "containers_image_openpgp,containers_image_storage_stub,containers_image_docker_daemon_stub,"
        "exclude_graphdriver_btrfs",
    ),
}


def program(name: str) -> Path:
    """Return the path of a part's executable, got when it is not there yet; raise Missing when it cannot be had."""
    part = PARTS[name]
    place = _cache() / part.folder
    place.parent.mkdir(parents=True, exist_ok=True)
    with _locked(place):
        if not place.exists():
            _install(name, part, place)
    return place / part.program


def _install(name: str, part: Part, place: Path) -> None:
    # Made beside and renamed at the end, so that what stands in the cache is whole.
    work = place.with_name(f"{place.name}.new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        part.install(work)
    except subprocess.CalledProcessError as error:
        reason = (error.stderr or "").strip() or "it said nothing"
        raise Missing(f"{error.cmd[0]} ended with {error.returncode}: {reason[-2000:]}") from error
    if not (work / part.program).exists():
        raise Missing(f"no {part.program} in what was got for {name}")
    work.rename(place)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "supplychain-cosign" / "parts"


def _locked(place: Path) -> t.TextIO:
    lock = open(f"{place}.lock", "w", encoding="utf-8")  # noqa: SIM115  closed, and so unlocked, by the caller
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _apt(suite: str) -> list[str]:
    """Return the arguments that make apt work on a suite alone, in a folder of its own; its lists are brought first."""
    folder = _cache() / f"apt-{suite}"
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    sources = folder / "sources.list"
    sources.write_text(f"deb [signed-by={keyring}] {_debian_mirror()} {suite} main\n", encoding="utf-8")
    options = {
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Acquire::Languages": "none",
        # The user that apt downloads as cannot read a home folder.
        "APT::Sandbox::User": "",
    }
    arguments = [argument for name, value in options.items() for argument in ("-o", f"{name}={value}")]
    with _locked(folder):
        _run([*arguments, "--quiet", "update"], "apt-get")
    return arguments


def _debian_mirror() -> str:
    """Return the address of the Debian archive that this machine is set up for."""
    listed = _run(["indextargets", "--no-release-info", "--format", "$(REPO_URI)"], "apt-get")
    for address in listed.splitlines():
        if urlsplit(address).path.strip("/") == "debian":
            return address
    raise Missing("apt of this machine knows no Debian archive")


def _go(arguments: list[str], env: dict[str, str] | None = None) -> str:
    # One at a time: a build has work for every core, and some want gigabytes of memory.
    with _locked(_cache() / "go"):
        return _run(arguments, "go", env={"CGO_ENABLED": "0", **(env or {})})


def _run(arguments: list[str], command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    if shutil.which(command) is None:
        raise Missing(f"there is no {command} command on this machine")
    return subprocess.run(
        [command, *arguments],
        cwd=cwd,
        env=os.environ | (env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def _try(name: str) -> tuple[str, bool]:
    try:
        return f"{name:16} {program(name)}", True
    except Missing as missing:
        return f"{name:16} MISSING: {missing}", False


def main() -> None:
    with ThreadPoolExecutor(len(PARTS)) as pool:
        outcomes = list(pool.map(_try, PARTS))
    for line, _had in outcomes:
        print(line)
    if os.environ.get("CI") and not all(had for _line, had in outcomes):
        sys.exit("A part could not be had, and CI is set: no test of it may be skipped.")


if __name__ == "__main__":
    main()
