# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real clients' command lines, as far as the tests need them. All keyed and without a log."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import typing as t
from dataclasses import dataclass
from pathlib import Path

from tests.interop.servers import Registry

PASSWORD = "password of an interop key"
Format = t.Literal["bundle", "legacy"]


def run(*command: str | Path, folder: Path, registry: Registry | None = None) -> subprocess.CompletedProcess[str]:
    """Run a client with a home folder of its own and, when the registry wants them, its credentials and its CA."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "COSIGN_PASSWORD": PASSWORD}
    if registry and registry.username:
        environment |= {"DOCKER_CONFIG": str(docker_config(folder, registry)), "SSL_CERT_FILE": str(registry.ca)}
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def docker_config(folder: Path, registry: Registry) -> Path:
    """Write the registry's credentials as docker does; return the folder for DOCKER_CONFIG."""
    place = folder / "docker"
    place.mkdir(exist_ok=True)
    auth = base64.b64encode(f"{registry.username}:{registry.password}".encode()).decode()
    (place / "config.json").write_text(json.dumps({"auths": {registry.address: {"auth": auth}}}))
    return place


def checked(done: subprocess.CompletedProcess[str]) -> str:
    """Return what the client printed; it must have succeeded."""
    assert done.returncode == 0, f"{done.args}: {done.stderr or done.stdout}"
    return done.stdout


@dataclass(frozen=True)
class Cosign:
    """Real cosign in a folder of its own, speaking to one registry."""

    program: Path
    major: int
    registry: Registry
    folder: Path

    def generate_key_pair(self) -> tuple[Path, Path]:
        """Make an EC P-256 key."""
        checked(self._run("generate-key-pair"))
        return self.folder / "cosign.key", self.folder / "cosign.pub"

    def import_key_pair(self, pem: Path) -> tuple[Path, Path]:
        """Make cosign's files of another key."""
        checked(self._run("import-key-pair", "--key", pem))
        return self.folder / "import-cosign.key", self.folder / "import-cosign.pub"

    def sign(self, image: str, key: Path, how: Format, annotations: t.Mapping[str, str], *more: str) -> None:
        """Sign, which must succeed. cosign 2 knows no bundle."""
        options = ["--key", str(key), "--tlog-upload=false", "--yes", *more]
        options += [f"--annotations={name}={value}" for name, value in annotations.items()]
        if self.major == 3:
            options += ["--use-signing-config=false", f"--new-bundle-format={str(how == 'bundle').lower()}"]
        checked(self._run("sign", *options, image))

    def verify(
        self, image: str, key: Path, how: Format, annotations: t.Mapping[str, str], *more: str
    ) -> subprocess.CompletedProcess[str]:
        """Verify; whether it accepts is the exit status."""
        options = ["--key", str(key), "--insecure-ignore-tlog=true", "--output=json", *more]
        options += [f"--annotations={name}={value}" for name, value in annotations.items()]
        if self.major == 3:
            options += [f"--new-bundle-format={str(how == 'bundle').lower()}"]
        return self._run("verify", *options, image)

    def _run(self, command: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        plain = [] if self.registry.ca or command.endswith("key-pair") else ["--allow-http-registry"]
        return run(self.program, command, *plain, *arguments, folder=self.folder, registry=self.registry)


def push_layout(oras: Path, registry: Registry, layout: Path, reference: str, folder: Path) -> None:
    """Copy ``DIR:TAG`` of an OCI layout, image or index, to the reference."""
    plain = [] if registry.ca else ["--to-plain-http"]
    checked(run(oras, "cp", *plain, "--from-oci-layout", layout, reference, folder=folder, registry=registry))


def containers_policy(folder: Path, public_key: Path, prefix: str) -> tuple[Path, Path]:
    """Write the files by which containers/image demands this key's signature below a prefix, in a log or not."""
    shutil.copy(public_key, folder / "trusted.pub")
    return write_containers_policy(folder, {"keyPath": str(folder / "trusted.pub")}, prefix)


def write_containers_policy(folder: Path, trust: t.Mapping[str, t.Any], prefix: str) -> tuple[Path, Path]:
    """Write the files by which containers/image demands a signature below a prefix: policy.json, registries.d. `trust`
    is what a demand of type sigstoreSigned says of the signer."""
    registries = folder / "registries.d"
    registries.mkdir(exist_ok=True)
    (registries / "own.yaml").write_text(f"docker:\n  {prefix}:\n    use-sigstore-attachments: true\n")
    demand = {"type": "sigstoreSigned", **trust, "signedIdentity": {"type": "matchRepository"}}
    policy = folder / "policy.json"
    policy.write_text(
        json.dumps({"default": [{"type": "reject"}], "transports": {"docker": {prefix: [demand]}}}),
    )
    return policy, registries
