# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Those that sign and verify on Sigstore's services: we, cosign 2.5 and 3.1, sigstore-python, @sigstore; and
containers/image, which verifies. Each takes whoever signs, and says for each of those demanded why it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import typing as t
from dataclasses import dataclass
from pathlib import Path

from sigstore.dsse import Statement
from sigstore.errors import Error
from sigstore.models import Bundle, ClientTrustConfig, TrustedRoot
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext
from sigstore.verify import Verifier, policy

from tests.interop import ours
from tests.interop.clients import PASSWORD, checked, run, write_containers_policy
from tests.interop.services import Sigstore
from tests.interop.ways import KeyPair, Signed, Way, Who
from tests.support.sigstore.issuer import Identity

SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@dataclass(frozen=True)
class Ours:
    """Our own tasks, by the engine or in a play."""

    sigstore: Sigstore
    run: ours.Run = ours.engine

    def sign(self, signed: Signed, *, shape: t.Mapping[str, t.Any] | None = None) -> ours.Result:
        """Sign, which must succeed. `shape` are more options."""
        result = self.attempt(signed.image, signed.way.format, signed.way.rekor, signed.who, shape)
        assert result.get("changed") is True and result["verified"] is True, result
        return result

    def attempt(
        self, image: str, how: str, rekor: int, who: Who, shape: t.Mapping[str, t.Any] | None = None
    ) -> ours.Result:
        """Sign, if we do."""
        options = {
            "image": image,
            "allow_http_registry": True,
            "signature_format": how,
            "trusted_root": str(self.sigstore.trusted_root),
            "signing_config": str(self.sigstore.signing_config(rekor)),
            **(shape or {}),
        }
        if isinstance(who, KeyPair):
            return self.run("cosign_sign", {**options, "key": str(who.private)}, {"COSIGN_PASSWORD": PASSWORD})
        return self.run("cosign_sign", options, {"SIGSTORE_ID_TOKEN": self.sigstore.issuer.token(who)})

    def refusals(self, signed: Signed, demanded: t.Sequence[Who]) -> list[str]:
        return [self._refusal(signed, who) for who in demanded]

    def _refusal(self, signed: Signed, who: Who) -> str:
        options: dict[str, t.Any] = {
            "image": signed.image,
            "allow_http_registry": True,
            "trusted_root": str(self.sigstore.trusted_root),
        }
        if isinstance(who, KeyPair):
            options["key"] = str(who.public)
        else:
            options |= {"certificate_identity": who.name, "certificate_oidc_issuer": who.issuer}
        result = self.run("cosign_verify", options)
        if result.get("verified") is not True:
            return f"{result['rejection']['code']}: {result['msg']}"
        assert [one["format"] for one in result["signatures"]] == [signed.way.format], result
        return "" if result["digest"] == signed.digest else f"it says {result['digest']}"


@dataclass(frozen=True)
class Cosign2:
    """The older cosign, with its variables for single keys and roots."""

    program: Path
    sigstore: Sigstore
    folder: Path

    def sign(self, signed: Signed) -> None:
        checked(self.attempt(signed.image, self.sigstore.rekor1, signed.who, signed.way.tsa))

    def attempt(self, image: str, rekor: str, who: Who, tsa: bool = False) -> subprocess.CompletedProcess[str]:
        """Sign, if it does."""
        options = ["--yes", "--allow-http-registry", f"--rekor-url={rekor}", *_signer(who, self.sigstore)]
        if isinstance(who, Identity):
            options.append(f"--fulcio-url={self.sigstore.fulcio}")
        if tsa:
            options.append(f"--timestamp-server-url={self.sigstore.tsa}")
        return self.with_variables("sign", *options, image)

    def refusals(self, signed: Signed, demanded: t.Sequence[Who]) -> list[str]:
        stamped = ["--use-signed-timestamps"] if signed.way.tsa and signed.way.format == "legacy" else []
        options = ["--allow-http-registry", *stamped]
        return [_said(self.with_variables("verify", *options, *_demand(who), signed.image)) for who in demanded]

    def with_variables(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run cosign with the variables by which it trusts single keys and roots."""
        variables = [f"{name}={value}" for name, value in self.sigstore.variables.items()]
        return run("env", *variables, self.program, *arguments, folder=self.folder)


@dataclass(frozen=True)
class Cosign3:
    """The newer cosign, with a trusted root and signing configs."""

    program: Path
    sigstore: Sigstore
    folder: Path

    def sign(self, signed: Signed) -> None:
        checked(self.attempt(signed.image, signed.way.format, signed.way.rekor, signed.who))

    def attempt(self, image: str, how: str, rekor: int, who: Who) -> subprocess.CompletedProcess[str]:
        """Sign, if it does. A legacy signature it does not make by a signing config."""
        options = ["--yes", "--allow-http-registry", *_signer(who, self.sigstore)]
        if how == "bundle":
            options += [f"--signing-config={self.sigstore.signing_config(rekor)}"]
            options += [f"--trusted-root={self.sigstore.trusted_root}"]
            return run(self.program, "sign", *options, image, folder=self.folder)
        log = self.sigstore.rekor1 if rekor == 1 else self.sigstore.rekor2
        options += ["--new-bundle-format=false", "--use-signing-config=false", f"--rekor-url={log}"]
        if isinstance(who, Identity):
            options.append(f"--fulcio-url={self.sigstore.fulcio}")
        return Cosign2(self.program, self.sigstore, self.folder).with_variables("sign", *options, image)

    def refusals(self, signed: Signed, demanded: t.Sequence[Who]) -> list[str]:
        return [_said(self.verify(signed.image, signed.way.format, who)) for who in demanded]

    def verify(self, image: str, how: str, who: Who, *more: str) -> subprocess.CompletedProcess[str]:
        """Verify; whether it accepts is the exit status."""
        options = [
            "--allow-http-registry",
            f"--trusted-root={self.sigstore.trusted_root}",
            f"--new-bundle-format={str(how == 'bundle').lower()}",
            *_demand(who),
            *more,
        ]
        return run(self.program, "verify", *options, image, folder=self.folder)


def _signer(who: Who, sigstore: Sigstore) -> list[str]:
    """Who signs, on cosign's command line."""
    return [f"--key={who.private}" if isinstance(who, KeyPair) else f"--identity-token={sigstore.issuer.token(who)}"]


def _demand(who: Who) -> list[str]:
    """Who must have signed, on cosign's command line."""
    if isinstance(who, KeyPair):
        return [f"--key={who.public}"]
    return [f"--certificate-identity={who.name}", f"--certificate-oidc-issuer={who.issuer}"]


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return "" if done.returncode == 0 else done.stderr or done.stdout or "it said nothing"


@dataclass(frozen=True)
class Policy:
    """What podman, skopeo and CRI-O say: containers/image with a policy. Of a certificate's names it knows e-mail."""

    program: Path
    sigstore: Sigstore
    folder: Path

    def refusals(self, signed: Signed, demanded: t.Sequence[Who]) -> list[str]:
        return [self._refusal(signed, who) for who in demanded]

    def _refusal(self, signed: Signed, who: Who) -> str:
        place = Path(tempfile.mkdtemp(dir=self.folder))
        trust: dict[str, t.Any] = {"rekorPublicKeyPath": str(self.sigstore.rekor_key)}
        if isinstance(who, KeyPair):
            trust["keyPath"] = str(who.public)
        else:
            trust["fulcio"] = {
                "caPath": str(self.sigstore.root_file),
                "oidcIssuer": who.issuer,
                "subjectEmail": who.name,
            }
        files = write_containers_policy(place, trust, signed.registry.address)
        done = run(self.program, *files, signed.image, folder=place)
        assert done.returncode in (0, 1), done.stderr
        return _said(done)


class _ByHand:
    """One who knows no registry: its bundle is attached, and found, with oras."""

    def __init__(self, oras: Path, sigstore: Sigstore, folder: Path) -> None:
        self._oras, self.sigstore, self.folder = oras, sigstore, folder

    def sign(self, signed: Signed) -> None:
        file = Path(tempfile.mkdtemp(dir=self.folder)) / "bundle.json"
        file.write_bytes(self.bundle(signed.way, statement(signed.digest), signed.who))
        options = [f"--artifact-type={BUNDLE_TYPE}", "--disable-path-validation"]
        options += [f"--annotation=dev.sigstore.bundle.predicateType={SIGN_PREDICATE}"]
        options += ["--annotation=dev.sigstore.bundle.content=dsse-envelope"]
        self._run("attach", *options, signed.image, f"{file}:{BUNDLE_TYPE}")

    def bundle(self, way: Way, signed: bytes, who: Who) -> bytes:
        """Sign a statement."""
        raise NotImplementedError

    def attached(self, signed: Signed) -> bytes:
        """The one bundle that the image has, by either way in which a registry lists it."""
        name = signed.image.partition("@")[0]
        listed = json.loads(self._run("discover", "--format=json", signed.image))
        (referrer,) = listed["referrers"]
        manifest = json.loads(self._run("manifest", "fetch", f"{name}@{referrer['digest']}"))
        return self._run("blob", "fetch", "--output=-", f"{name}@{manifest['layers'][0]['digest']}").encode()

    def _run(self, *words: str) -> str:
        return checked(run(self._oras, *words[:-1], "--plain-http", words[-1], folder=self.folder))


class Python(_ByHand):
    """sigstore-python, in this process. It knows certificates only."""

    def bundle(self, way: Way, signed: bytes, who: Who) -> bytes:
        signing = json.loads(self.sigstore.signing_config(way.rekor).read_bytes())
        # It wants to know how to choose even where there is no TSA; cosign writes nothing then.
        signing["tsaConfig"] = {"selector": "ANY"}
        config = {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": json.loads(self.sigstore.trusted_root.read_bytes()),
            "signingConfig": signing,
        }
        context = SigningContext.from_trust_config(ClientTrustConfig.from_json(json.dumps(config)))
        assert isinstance(who, Identity)
        with context.signer(IdentityToken(self.sigstore.issuer.token(who))) as signer:
            return signer.sign_dsse(Statement(signed)).to_json().encode()

    def refusals(self, signed: Signed, demanded: t.Sequence[Who]) -> list[str]:
        bundle = self.attached(signed)
        return [self._refusal(signed, bundle, who) for who in demanded]

    def _refusal(self, signed: Signed, bundle: bytes, who: Who) -> str:
        verifier = Verifier(trusted_root=TrustedRoot.from_file(str(self.sigstore.trusted_root)))
        wanted: policy.VerificationPolicy = policy.UnsafeNoOp()
        if isinstance(who, Identity):
            wanted = policy.Identity(identity=who.name, issuer=who.issuer)
        try:
            _type, payload = verifier.verify_dsse(Bundle.from_json(bundle), wanted)
        except Error as error:
            return str(error)
        digests = [subject["digest"]["sha256"] for subject in json.loads(payload)["subject"]]
        return "" if digests == [signed.digest.partition(":")[2]] else f"it names {digests}"


class Javascript(_ByHand):
    """The libraries of @sigstore, in a process of their own."""

    def __init__(self, program: Path, oras: Path, sigstore: Sigstore, folder: Path) -> None:
        super().__init__(oras, sigstore, folder)
        self.program = program

    def bundle(self, way: Way, signed: bytes, who: Who) -> bytes:
        done = self.attempt(way, signed, who)
        return checked(done).encode()

    def attempt(self, way: Way, signed: bytes, who: Who) -> subprocess.CompletedProcess[str]:
        """Sign a statement, if they do."""
        asked = {
            "statement": signed.decode(),
            "fulcio": self.sigstore.fulcio,
            "rekor": self.sigstore.rekor1 if way.rekor == 1 else self.sigstore.rekor2_dsse,
            "version": way.rekor,
            "kind": way.entry,
            "tsa": self.sigstore.tsa if way.tsa else None,
        }
        if isinstance(who, KeyPair):
            signer = {"key": who.plain.read_text()}
        else:
            signer = {"token": self.sigstore.issuer.token(who)}
        return run_javascript(self.program, self.folder, {**asked, **signer})

    def refusals(self, signed: Signed, demanded: t.Sequence[Who]) -> list[str]:
        bundle = json.loads(self.attached(signed))
        root = json.loads(self.sigstore.trusted_root.read_bytes())
        asked = [{"bundle": bundle, "trustedRoot": root, **_demand_of_javascript(who)} for who in demanded]
        return t.cast("list[str]", json.loads(checked(run_javascript(self.program, self.folder, asked))))


def _demand_of_javascript(who: Who) -> dict[str, str]:
    if isinstance(who, KeyPair):
        return {"key": who.public.read_text()}
    return {"name": who.name, "issuer": who.issuer}


def run_javascript(program: Path, folder: Path, asked: t.Any) -> subprocess.CompletedProcess[str]:
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


def statement(digest: str) -> bytes:
    """What cosign signs of an image: an in-toto statement that says nothing but the digest."""
    algorithm, _colon, value = digest.partition(":")
    said = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "", "digest": {algorithm: value}}],
        "predicateType": SIGN_PREDICATE,
        "predicate": {},
    }
    return json.dumps(said, separators=(",", ":")).encode()
