# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real servers on loopback, each ended by the ``with`` that started it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from tests.support import parts
from tests.support.certificates import Authority
from tests.support.token_server import ISSUER, SERVICE, TokenServer

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Registry:
    """A running registry. With ``ca`` it speaks TLS and wants the credentials, else plain HTTP and none."""

    address: str
    referrers_api: bool
    ca: Path | None = None
    username: str | None = None
    password: str | None = None


@dataclass(frozen=True)
class Host:
    """A running sshd. ``root`` and ``user`` log in with the private key; ``python`` is the oldest one here."""

    port: int
    key: Path
    user: str
    python: str

    def variables(self, user: str) -> str:
        """Return what an INI inventory says of the host, to log in as this user."""
        # A kept connection would outlive the test; the host is new each time, so its key is unknown.
        arguments = (
            "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ControlMaster=no -o ControlPath=none"
        )
        return (
            f"ansible_host=127.0.0.1 ansible_port={self.port} ansible_user={user} "
            f"ansible_ssh_private_key_file={self.key} ansible_python_interpreter={self.python} "
            f"ansible_ssh_common_args='{arguments}'"
        )


@contextlib.contextmanager
def _serving(command: list[str], log: Path, says: str, **options: t.Any) -> t.Iterator[re.Match[str]]:
    """Run the command until the block ends; give the match of what it says when it is ready."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )
    try:
        yield _ready(process, log, says)
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    # Its whole group: unshare waits for what it started, and would leave it behind unreaped when killed first.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ready(process: subprocess.Popen[bytes], log: Path, says: str) -> re.Match[str]:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        if found := re.search(says, log.read_text(errors="replace")):
            return found
        time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} did not become ready: {log.read_text(errors='replace')[-2000:]}")


@contextlib.contextmanager
def registry_ggcr(folder: Path) -> t.Iterator[Registry]:
    """go-containerregistry's registry, which has the referrers API."""
    with _serving([str(parts.program("registry"))], folder / "log", r"127\.0\.0\.1:\d+") as said:
        yield Registry(said[0], referrers_api=True)


@contextlib.contextmanager
def registry_docker(folder: Path, **more: t.Any) -> t.Iterator[Registry]:
    """docker-registry, without the referrers API; deletes."""
    http: dict[str, t.Any] = {"addr": "127.0.0.1:0", "secret": "of no one", **more.pop("http", {})}
    config = {
        "version": "0.1",
        "log": {"level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": http,
        **more,
    }
    file = folder / "config.yml"
    file.write_text(json.dumps(config))
    command = [str(parts.program("docker-registry")), "serve", str(file)]
    with _serving(command, folder / "log", r"listening on (127\.0\.0\.1:\d+)") as said:
        yield Registry(said[1], referrers_api=False)


@contextlib.contextmanager
def registry_docker_tls_token(folder: Path) -> t.Iterator[Registry]:
    """docker-registry over TLS, with tokens from a server of their own."""
    authority = Authority(folder)
    pair = authority.server()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.certificate, pair.key)
    username, password = "ci", "password of the real registry"
    with contextlib.closing(TokenServer({username: password}, folder, tls)) as tokens:
        token = {
            "realm": tokens.realm,
            "service": SERVICE,
            "issuer": ISSUER,
            "rootcertbundle": str(tokens.certificate),
        }
        http = {"tls": {"certificate": str(pair.certificate), "key": str(pair.key)}}
        with registry_docker(folder, http=http, auth={"token": token}) as plain:
            yield Registry(plain.address, False, authority.ca, username, password)


# In name spaces of its own the server has the users that it wants, and all that it started ends with it; the machine
# keeps its /etc and /run. Other users cannot enter a home folder, so Python is mounted where they can.
_ENTER = """\
set -eu
cd "$1"
mount -t tmpfs none /run
mkdir /run/sshd
mount --bind etc/passwd /etc/passwd
mount --bind etc/shadow /etc/shadow
mount --bind etc/group /etc/group
mount --bind "$2" python
mount --bind "$3" site
exec "$4" -D -e -f "$1/sshd_config"
"""
_SSHD_CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {base}/host_key
AuthorizedKeysFile {base}/user_key.pub
StrictModes no
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
"""
_USER, _UID = "deploy", 60123


@contextlib.contextmanager
def sshd(folder: Path) -> t.Iterator[Host]:
    """OpenSSH's server with a user of its own; needs root, and name spaces."""
    for needed in ("unshare", "ssh", "ssh-keygen"):
        if shutil.which(needed) is None:
            raise parts.Missing(f"there is no {needed} command on this machine")
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], check=False).returncode:
        raise parts.Missing("this user may not make name spaces")
    program = parts.program("sshd")
    prefix, site = _oldest_python()
    base = Path(tempfile.mkdtemp(prefix="supplychain-cosign-sshd."))
    try:
        port = _free_port()
        _write_host(base, port)
        libraries = os.pathsep.join(map(str, program.parents[2].glob("usr/lib/*-linux-gnu")))
        environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
        unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", _ENTER, "sshd"]
        command = [*unshare, str(base), str(prefix), str(site), str(program)]
        with _serving(command, folder / "log", r"Server listening on", env=environment):
            yield Host(port, base / "user_key", _USER, f"{base}/python3")
    finally:
        shutil.rmtree(base)


def _write_host(base: Path, port: int) -> None:
    base.chmod(0o755)
    home = base / "home"
    for name in ("etc", "python", "site", "home"):
        (base / name).mkdir()
    os.chown(home, _UID, _UID)
    for name, lines in {
        "passwd": (f"sshd:x:{_UID + 1}:65534::/run/sshd:/usr/sbin/nologin", f"{_USER}:x:{_UID}:{_UID}::{home}:/bin/sh"),
        "shadow": ("sshd:*:19000::::::", f"{_USER}:*:19000::::::"),
        "group": (f"{_USER}:x:{_UID}:",),
    }.items():
        kept = [line for line in Path("/etc", name).read_text().splitlines() if not line.startswith(("sshd:", _USER))]
        (base / "etc" / name).write_text("\n".join([*kept, *lines, ""]))
    (base / "etc/shadow").chmod(0o640)
    for key in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(base / key)], check=True)
    (base / "sshd_config").write_text(_SSHD_CONFIG.format(base=base, port=port))
    variables = f"PYTHONPATH={base}/site LD_LIBRARY_PATH={base}/python/lib"
    (base / "python3").write_text(f'#!/bin/sh\n{variables} exec {base}/python/bin/python3 "$@"\n')
    (base / "python3").chmod(0o755)


def _free_port() -> int:
    """Return a port that was free just now; sshd cannot choose one itself and say which."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _oldest_python() -> tuple[Path, Path]:
    """Return the prefix of the oldest Python here, and a folder with what a target needs, for it."""
    tool = [sys.executable, str(ROOT / ".ci/pythons.py")]
    version = subprocess.run(tool, capture_output=True, text=True, check=True).stdout.splitlines()[-1].split()[0]
    tool = [sys.executable, ".ci/environment.py", "--python", version, "tests/requirements/target.txt"]
    venv = Path(subprocess.run(tool, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.strip())
    ask = [str(venv / "bin/python"), "-c", "import sys; print(sys.base_prefix)"]
    prefix = Path(subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip())
    return prefix, venv / f"lib/python{version}/site-packages"
