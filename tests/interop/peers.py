# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The four that sign and verify keylessly, in all their ways: cosign 2.5 and 3.1, sigstore-python, @sigstore."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t
from dataclasses import dataclass
from pathlib import Path

from sigstore.dsse import Statement
from sigstore.errors import Error
from sigstore.models import Bundle, ClientTrustConfig, TrustedRoot
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext
from sigstore.verify import Verifier, policy

from tests.interop.clients import Format, checked, run
from tests.interop.servers import Registry
from tests.interop.services import Sigstore
from tests.support.sigstore.issuer import Identity

SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"

Peer = t.Literal["cosign2", "cosign3", "python", "javascript"]
PEERS: tuple[Peer, ...] = t.get_args(Peer)


@dataclass(frozen=True)
class Way:
    """A way to sign. ``entry`` is the kind of entry in the log, for which only @sigstore has a choice."""

    peer: Peer
    format: Format
    rekor: t.Literal[1, 2]
    entry: t.Literal["hashedrekord", "dsse", "intoto"]
    tsa: bool = False

    def __str__(self) -> str:
        return f"{self.peer}-{self.format}-rekor{self.rekor}-{self.entry}{'-tsa' if self.tsa else ''}"

    def hole(self, peer: Peer) -> str | None:
        """What a peer says that cannot read this; nothing when it can. Without words: it has no way to be asked."""
        if peer in ("python", "javascript") and self.format == "legacy":
            return ""
        if peer == "cosign2" and self.format == "bundle":
            return "no signatures found"
        if (self.rekor, self.entry) == (2, "dsse"):
            # This kind was taken out of Rekor v2; cosign sees no more than that there is no signature.
            return {"cosign3": "no signatures found", "python": "Unsupported DSSE log entry type"}.get(peer)
        if peer == "python" and self.entry == "intoto":
            return "Integrated time only supported for dsse/hashedrekord"
        return None


WAYS = (
    Way("cosign2", "legacy", 1, "hashedrekord"),
    Way("cosign2", "legacy", 1, "hashedrekord", tsa=True),
    Way("cosign3", "legacy", 1, "hashedrekord"),
    Way("cosign3", "bundle", 1, "dsse"),
    Way("cosign3", "bundle", 2, "hashedrekord", tsa=True),
    Way("python", "bundle", 1, "dsse"),
    Way("python", "bundle", 2, "hashedrekord", tsa=True),
    Way("javascript", "bundle", 1, "dsse"),
    Way("javascript", "bundle", 1, "intoto"),
    Way("javascript", "bundle", 2, "dsse", tsa=True),
)


@dataclass(frozen=True)
class Signed:
    """An image, by digest, that one of them signed in one of the ways."""

    image: str
    registry: Registry
    way: Way
    identity: Identity

    @property
    def digest(self) -> str:
        return self.image.rpartition("@")[2]


@dataclass(frozen=True)
class Peers:
    """The programs, and the services that they use. ``folder`` is for what they write."""

    sigstore: Sigstore
    cosign2: Path
    cosign3: Path
    oras: Path
    javascript: Path
    folder: Path

    def sign(self, way: Way, registry: Registry, image: str, identity: Identity) -> Signed:
        """Sign an image, which must succeed; a bundle of those that know no registry is attached with oras."""
        signed = Signed(image, registry, way, identity)
        token = self.sigstore.issuer.token(identity)
        if way.peer == "cosign2":
            self._cosign2_signs(signed, token)
        elif way.peer == "cosign3":
            self._cosign3_signs(signed, token)
        else:
            signs = self._python_signs if way.peer == "python" else self._javascript_signs
            self._attach(signed, signs(way, _statement(signed.digest), token))
        return signed

    def refusal(self, peer: Peer, signed: Signed, name: str, issuer: str) -> str:
        """Let a peer verify with this identity demanded: why it refuses, or nothing when it accepts."""
        if peer in ("cosign2", "cosign3"):
            return self._cosign_refusal(peer, signed, name, issuer)
        ask = self._python_refusal if peer == "python" else self._javascript_refusal
        return ask(signed, self._bundle(signed), name, issuer)

    def _cosign2_signs(self, signed: Signed, token: str) -> None:
        options = [
            "--yes",
            "--allow-http-registry",
            f"--identity-token={token}",
            f"--fulcio-url={self.sigstore.fulcio}",
            f"--rekor-url={self.sigstore.rekor1}",
        ]
        if signed.way.tsa:
            options.append(f"--timestamp-server-url={self.sigstore.tsa}")
        checked(self._with_variables(self.cosign2, "sign", *options, signed.image))

    def _cosign3_signs(self, signed: Signed, token: str) -> None:
        options = ["--yes", "--allow-http-registry", f"--identity-token={token}"]
        if signed.way.format == "legacy":
            services = [f"--fulcio-url={self.sigstore.fulcio}", f"--rekor-url={self.sigstore.rekor1}"]
            options += ["--new-bundle-format=false", "--use-signing-config=false", *services]
            checked(self._with_variables(self.cosign3, "sign", *options, signed.image))
        else:
            options += [f"--signing-config={self._signing_config(signed.way)}"]
            options += [f"--trusted-root={self.sigstore.trusted_root}"]
            checked(run(self.cosign3, "sign", *options, signed.image, folder=self.folder))

    def _cosign_refusal(self, peer: Peer, signed: Signed, name: str, issuer: str) -> str:
        options = ["--allow-http-registry", f"--certificate-identity={name}", f"--certificate-oidc-issuer={issuer}"]
        if peer == "cosign2":
            options += ["--use-signed-timestamps"] if signed.way.tsa else []
            done = self._with_variables(self.cosign2, "verify", *options, signed.image)
        else:
            options += [f"--trusted-root={self.sigstore.trusted_root}"]
            options += [f"--new-bundle-format={str(signed.way.format == 'bundle').lower()}"]
            done = run(self.cosign3, "verify", *options, signed.image, folder=self.folder)
        return "" if done.returncode == 0 else done.stderr or "it said nothing"

    def _with_variables(self, program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run cosign with the variables by which it trusts single keys and roots."""
        variables = [f"{name}={value}" for name, value in self.sigstore.variables.items()]
        return run("env", *variables, program, *arguments, folder=self.folder)

    def _signing_config(self, way: Way) -> Path:
        return self.sigstore.signing_config_v1 if way.rekor == 1 else self.sigstore.signing_config_v2

    def _python_signs(self, way: Way, statement: bytes, token: str) -> bytes:
        signing = json.loads(self._signing_config(way).read_bytes())
        # It wants to know how to choose even where there is no TSA; cosign writes nothing then.
        signing["tsaConfig"] = {"selector": "ANY"}
        config = {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": json.loads(self.sigstore.trusted_root.read_bytes()),
            "signingConfig": signing,
        }
        context = SigningContext.from_trust_config(ClientTrustConfig.from_json(json.dumps(config)))
        with context.signer(IdentityToken(token)) as signer:
            return signer.sign_dsse(Statement(statement)).to_json().encode()

    def _python_refusal(self, signed: Signed, bundle: bytes, name: str, issuer: str) -> str:
        verifier = Verifier(trusted_root=TrustedRoot.from_file(str(self.sigstore.trusted_root)))
        demanded = policy.Identity(identity=name, issuer=issuer)
        try:
            _type, payload = verifier.verify_dsse(Bundle.from_json(bundle), demanded)
        except Error as error:
            return str(error)
        digests = [subject["digest"]["sha256"] for subject in json.loads(payload)["subject"]]
        return "" if digests == [signed.digest.partition(":")[2]] else f"it names {digests}"

    def _javascript_signs(self, way: Way, statement: bytes, token: str) -> bytes:
        asked = {
            "statement": statement.decode(),
            "token": token,
            "fulcio": self.sigstore.fulcio,
            "rekor": self.sigstore.rekor1 if way.rekor == 1 else self.sigstore.rekor2_dsse,
            "version": way.rekor,
            "kind": way.entry,
            "tsa": self.sigstore.tsa if way.tsa else None,
        }
        return checked(self._javascript(asked)).encode()

    def _javascript_refusal(self, signed: Signed, bundle: bytes, name: str, issuer: str) -> str:
        root = json.loads(self.sigstore.trusted_root.read_bytes())
        asked = {"bundle": json.loads(bundle), "trustedRoot": root, "name": name, "issuer": issuer}
        done = self._javascript(asked)
        assert not done.stderr, done.stderr
        return done.stdout if done.returncode else ""

    def _javascript(self, asked: t.Mapping[str, t.Any]) -> subprocess.CompletedProcess[str]:
        return run_javascript(self.javascript, self.folder, asked)

    def _attach(self, signed: Signed, bundle: bytes) -> None:
        file = self.folder / "bundle.json"
        file.write_bytes(bundle)
        options = ["--plain-http", f"--artifact-type={BUNDLE_TYPE}", "--disable-path-validation"]
        options += [f"--annotation=dev.sigstore.bundle.predicateType={SIGN_PREDICATE}"]
        options += ["--annotation=dev.sigstore.bundle.content=dsse-envelope"]
        checked(run(self.oras, "attach", *options, signed.image, f"{file}:{BUNDLE_TYPE}", folder=self.folder))

    def _bundle(self, signed: Signed) -> bytes:
        """The one bundle that the image has, by either way in which a registry lists it."""
        name = signed.image.partition("@")[0]
        listed = json.loads(self._oras("discover", "--format=json", signed.image))
        (referrer,) = listed["referrers"]
        manifest = json.loads(self._oras("manifest", "fetch", f"{name}@{referrer['digest']}"))
        return self._oras("blob", "fetch", "--output=-", f"{name}@{manifest['layers'][0]['digest']}").encode()

    def _oras(self, *words: str) -> str:
        return checked(run(self.oras, *words[:-1], "--plain-http", words[-1], folder=self.folder))


def run_javascript(program: Path, folder: Path, asked: t.Mapping[str, t.Any]) -> subprocess.CompletedProcess[str]:
    """Ask the libraries of @sigstore; the program says how."""
    return subprocess.run(
        [str(program.parent / "node_modules/.bin/node"), str(program)],
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _statement(digest: str) -> bytes:
    """What cosign signs of an image: an in-toto statement that says nothing but the digest."""
    algorithm, _colon, value = digest.partition(":")
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "", "digest": {algorithm: value}}],
        "predicateType": SIGN_PREDICATE,
        "predicate": {},
    }
    return json.dumps(statement, separators=(",", ":")).encode()
