# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Release an image to a registry of our own, twice: what `make demo` runs. Ends with 1 where anything surprises."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support import images  # noqa: E402
from tests.support.registry import EmbeddedRegistry  # noqa: E402


def main() -> None:
    """Make the surroundings, run the playbook twice, take all away again."""
    password, key_password = secrets.token_urlsafe(12), secrets.token_urlsafe(12)
    with (
        tempfile.TemporaryDirectory(prefix="cosign-demo-") as folder,
        EmbeddedRegistry(auth="token", users={"ci": password}) as registry,
    ):
        playbook = Path(folder) / "demo.yml"
        playbook.write_bytes(ROOT.joinpath("tests/support/demo.yml").read_bytes())
        images.multi_arch().write_layout(Path(folder) / "image")
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "COSIGN_"))},
            "ANSIBLE_COLLECTIONS_PATH": os.environ["ANSIBLE_COLLECTIONS_PATH"],
            "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
            "COSIGN_PASSWORD": key_password,
            "DEMO_REGISTRY_PASSWORD": password,
            "NO_PROXY": "127.0.0.1",
        }
        command = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            str(playbook),
            "--extra-vars",
            f"registry={registry.host}",
        ]

        def run(title: str, **more: str) -> int:
            print(f"\n==== {title}", flush=True)
            registry.reset_requests()
            output = _run(command, {**environ, **more}, (password, key_password))
            changed = sum(int(number) for number in re.findall(r"\bchanged=(\d+)", output))
            print(f"==== {changed} tasks changed something; the registry got {len(registry.writes())} writes.")
            return changed + len(registry.writes())

        print(f"A registry that wants a login is at {registry.host}, an image for two platforms in {folder}/image.")
        if not run("A release: key pair, login, push, sign, verify; and who trusts another key refuses it"):
            sys.exit("The first run changed nothing.")
        if run("The same again, showing only what changes", ANSIBLE_DISPLAY_OK_HOSTS="false"):
            sys.exit("The second run changed something.")
    print("\nThe registry has ended, the files are gone.")


def _run(command: list[str], environ: dict[str, str], kept_secret: tuple[str, ...]) -> str:
    """Run a playbook, show and return what it says."""
    lines = []
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    output = "".join(lines)
    if process.returncode:
        sys.exit(f"The playbook ended with {process.returncode}.")
    if any(secret in output for secret in kept_secret):
        sys.exit("The playbook showed a password.")
    return output


if __name__ == "__main__":
    main()
