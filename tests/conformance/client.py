# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signs a file, or verifies a bundle, through the engine's entry points, with the command line of
sigstore-conformance."""

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
SIGNING_CONFIG = "signing_config.v0.2.json"
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

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.services import (  # noqa: E402
    Wanted,
    services_in,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.identity import (  # noqa: E402
    IdentityRule,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import BUNDLE, Location  # noqa: E402
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import (  # noqa: E402
    KeyRule,
    Policy,
    SignerRule,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.read import (  # noqa: E402
    from_bundle,
    from_file_bundle,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import (  # noqa: E402
    parse_trusted_root,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verdict import Verdict  # noqa: E402
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verify import verify  # noqa: E402
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import (  # noqa: E402
    parse_public_key,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection  # noqa: E402
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.signing_config import (  # noqa: E402
    parse_signing_config,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.statement import (  # noqa: E402
    parse_statement,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.signer import (  # noqa: E402
    FileSigner,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._services.identity_token import (  # noqa: E402
    check_identity_token,
    parse_identity_token,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._services.tuf import (  # noqa: E402
    Document,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.making import (  # noqa: E402
    Maker,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.services import (  # noqa: E402
    OpenServices,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.signatory import (  # noqa: E402
    ByCertificate,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.trust import (  # noqa: E402
    trust_in_document,
)


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
    return verify(
        digest,
        [from_file_bundle(arguments.bundle.read_bytes(), Location("a file"), digest, artifact)],
        Policy((signer,), predicate_types=None),
        parse_trusted_root(_trusted_root(arguments), "trusted root"),
        _now(),
    )


def sign_bundle(arguments: argparse.Namespace) -> Verdict:
    """Sign a file, or a statement as it is, keylessly, and write the bundle once it verifies."""
    content = arguments.file.read_bytes()
    trust = trust_in_document(Document(_trusted_root(arguments), "trusted root"))
    config = arguments.signing_config.read_bytes() if arguments.signing_config else _shipped(arguments, SIGNING_CONFIG)
    services = services_in(parse_signing_config(config, "signing config"), Wanted(True, True, False))
    token = parse_identity_token(arguments.identity_token, "identity token")
    check_identity_token(token, "sigstore", _now())
    with OpenServices(services, trust) as opened:
        who = ByCertificate(lambda: token, opened.certificate, trust, lambda key: {BUNDLE: FileSigner(key, "sha256")})
        signatory = who.signatory()
        maker = Maker(signatory, opened)
        bundle = maker.bundle(content) if arguments.in_toto else maker.file_bundle(content)
    location = Location("a file")
    if arguments.in_toto:
        subjects = parse_statement(content).subjects
        made, digest = from_bundle(bundle, location), f"sha256:{subjects[0].digests['sha256']}"
    else:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        made = from_file_bundle(bundle, location, digest, content)
    verdict = verify(digest, [made], Policy((signatory.rule,), predicate_types=None), trust.root(), _now())
    if verdict.verified:
        arguments.bundle.write_bytes(bundle)
    return verdict


def _trusted_root(arguments: argparse.Namespace) -> bytes:
    return arguments.trusted_root.read_bytes() if arguments.trusted_root else _shipped(arguments, "trusted_root.json")


def _shipped(arguments: argparse.Namespace, name: str) -> bytes:
    """What the package sigstore ships of an instance: these runs have no network."""
    return importlib.resources.files("sigstore").joinpath("_store", STORES[arguments.staging], name).read_bytes()


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


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
    command = commands.add_parser("sign-bundle")
    command.set_defaults(run=sign_bundle)
    command.add_argument("--staging", action="store_true")
    command.add_argument("--in-toto", action="store_true")
    command.add_argument("--identity-token", required=True)
    command.add_argument("--bundle", type=Path, required=True)
    command.add_argument("--trusted-root", type=Path)
    command.add_argument("--signing-config", type=Path)
    command.add_argument("file", type=Path)
    return parser.parse_args(arguments)


def main() -> int:
    """0 for a bundle that is accepted, or was made; anything else is a refusal, with its code on the standard error."""
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
