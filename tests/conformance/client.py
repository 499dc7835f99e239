# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verifies one bundle through the engine's entry point, with the command line of sigstore-conformance."""

from __future__ import annotations

import argparse
import datetime
import hashlib
import importlib.resources
import re
import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = "ansible_collections.supplychain.cosign"
STORES = {
    False: "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev",
    True: "https%3A%2F%2Ftuf-repo-cdn.sigstage.dev",
}


def _make_importable() -> None:
    """The checkout as the collection, wherever it lies."""
    if NAME in sys.modules:
        return
    for name in ("ansible_collections", "ansible_collections.supplychain", NAME):
        package = types.ModuleType(name)
        package.__path__ = [str(ROOT)] if name == NAME else []
        sys.modules.setdefault(name, package)


_make_importable()

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.identity import (  # noqa: E402
    IdentityRule,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import Location  # noqa: E402
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import (  # noqa: E402
    KeyRule,
    Policy,
    SignerRule,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.read import from_file_bundle  # noqa: E402
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import (  # noqa: E402
    parse_trusted_root,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verdict import Verdict  # noqa: E402
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verify import verify  # noqa: E402
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import (  # noqa: E402
    parse_public_key,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection  # noqa: E402


def verify_bundle(arguments: argparse.Namespace) -> Verdict:
    """The verdict on a bundle about a file, or about a digest; a statement's predicate may be of any type."""
    signer: SignerRule
    if arguments.key:
        signer = KeyRule((parse_public_key(arguments.key.read_bytes(), "key"),))
    else:
        signer = IdentityRule(identity=arguments.certificate_identity, issuer=arguments.certificate_oidc_issuer)
    path = Path(arguments.file_or_digest)
    artifact = None
    if re.fullmatch("sha256:[0-9a-f]{64}", arguments.file_or_digest) and not path.exists():
        digest = arguments.file_or_digest
    else:
        artifact = path.read_bytes()
        digest = f"sha256:{hashlib.sha256(artifact).hexdigest()}"
    if arguments.trusted_root:
        root = arguments.trusted_root.read_bytes()
    else:
        store = importlib.resources.files("sigstore").joinpath("_store", STORES[arguments.staging])
        root = store.joinpath("trusted_root.json").read_bytes()
    return verify(
        digest,
        [from_file_bundle(arguments.bundle.read_bytes(), Location("a file"), digest, artifact)],
        Policy((signer,), predicate_types=None),
        parse_trusted_root(root, "trusted root"),
        datetime.datetime.now(datetime.timezone.utc),
    )


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("verify-bundle")
    command.set_defaults(run=verify_bundle)
    command.add_argument("--staging", action="store_true")
    command.add_argument("--bundle", type=Path, required=True)
    command.add_argument("--certificate-identity")
    command.add_argument("--certificate-oidc-issuer")
    command.add_argument("--key", type=Path)
    command.add_argument("--trusted-root", type=Path)
    command.add_argument("file_or_digest")
    return parser.parse_args(arguments)


def main() -> int:
    """0 for a bundle that is accepted; anything else is a refusal, with its code on the standard error."""
    arguments = parse(sys.argv[1:])
    try:
        refusal = arguments.run(arguments).refusal
    except Rejection as rejection:
        refusal = rejection
    except OSError as error:
        refusal = Rejection("UNREACHABLE", f"Could not read {error.filename!r}: {error.strerror}.")
    if refusal:
        print(f"{refusal.code}: {refusal.message}", file=sys.stderr)
        return 1
    print("accepted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
