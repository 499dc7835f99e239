# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What others say of a case of the catalogue: cosign 2.5 and 3.1, sigstore-python, @sigstore/verify, and our own task.

Each has `hole`, why it cannot be asked about a case, and `refusal`, why it refuses it; both are empty otherwise.
"""

from __future__ import annotations

import json
import tempfile
import threading
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier, policy

from tests.interop import ours
from tests.interop.clients import run
from tests.interop.parties import run_javascript
from tests.interop.servers import Registry
from tests.support import images
from tests.support.sigstore.attach import Attacher
from tests.support.sigstore.case import IMAGE, LATER, OTHER_IMAGE, Case, key_pem
from tests.support.sigstore.rekor import Json
from tests.support.sigstore.virtual import Made, VirtualSigstore, public_pem

_IMAGES = {one.digest: one for one in map(images.image, ("an image", "another image"))}
assert set(_IMAGES) == {IMAGE, OTHER_IMAGE}

# What a policy of a case is called on cosign's command line and among our options.
_OPTIONS = {
    "ignore_tlog": "insecure_ignore_tlog",
    "ignore_sct": "insecure_ignore_sct",
    "use_signed_timestamps": "use_signed_timestamps",
    "check_claims": "check_claims",
    "annotations": "annotations",
}
_EXTENSIONS = {
    f"certificate_github_workflow_{name.lower()}": getattr(policy, f"GitHubWorkflow{name}")
    for name in ("Trigger", "SHA", "Name", "Repository", "Ref")
}
_NO_CLOCK = "it judges by the clock of this machine"


@dataclass(frozen=True)
class Asked:
    """A case, the signature that was made for it, and the trusted root that goes with it."""

    case: Case
    made: Made = field(repr=False)
    root: Json = field(repr=False)

    @classmethod
    def of(cls, case: Case, virtual: VirtualSigstore) -> Asked:
        return cls(case, case.make(virtual), case.root(virtual) if case.root else virtual.trusted_root())

    @property
    def stamped(self) -> bool:
        """Whether the signature brings a timestamp."""
        if not self.made.is_bundle:
            return any(name.endswith("/rfc3161timestamp") for name in self.made.annotations)
        data = _fields(self.made.bundle, "verificationMaterial", "timestampVerificationData")
        return bool(data and data.get("rfc3161Timestamps"))

    @property
    def promised(self) -> bool:
        """Whether the signature brings a log's promise, and with it a time."""
        if not self.made.is_bundle:
            return any(name.endswith("/bundle") for name in self.made.annotations)
        return any("inclusionPromise" in entry for entry in self.made.entries)

    @property
    def by_the_clock(self) -> bool:
        """Whether the answer depends on when it is asked: only our own verifier can be told."""
        timeless = not self.case.keys and self.case.policy.get("ignore_tlog") and not self.stamped
        return self.case.now != LATER or bool(timeless)


class Judge(t.Protocol):
    """One who is asked."""

    def hole(self, asked: Asked) -> str:
        """Why it cannot be asked; nothing when it can."""

    def refusal(self, asked: Asked) -> str:
        """Why it refuses; nothing when it accepts."""


class _OnRegistry:
    """One who looks at signatures on a registry; each case has a repository of its own there."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        self.registry, self.folder = registry, folder
        self._lock, self._count = threading.Lock(), 0

    def refusal(self, asked: Asked) -> str:
        """Push the image and its signature, or write the file, and ask."""
        place = self._place()
        if asked.case.artifact is not None:
            return self.judge_file(asked, place)
        repository = f"{self.folder.name.lower()}/{place.name}"
        push(self.registry, repository, asked)
        return self.judge_image(asked, f"{self.registry.address}/{repository}@{asked.case.digest}", place)

    def judge_image(self, asked: Asked, image: str, place: Path) -> str:
        """Judge the image; `place` is a folder for files."""
        raise NotImplementedError

    def judge_file(self, asked: Asked, place: Path) -> str:
        """Judge the file."""
        raise NotImplementedError

    def _place(self) -> Path:
        with self._lock:
            self._count += 1
            place = self.folder / str(self._count)
        place.mkdir()
        return place


class Cosign3(_OnRegistry):
    """The newer cosign, with a trusted root."""

    def __init__(self, program: Path, registry: Registry, folder: Path) -> None:
        super().__init__(registry, folder)
        self._program = program

    def hole(self, asked: Asked) -> str:
        """Of what it has no words for."""
        case = asked.case
        if len(case.keys) > 1 or (case.keys and case.identity):
            return "it takes one key, or one identity"
        if case.identity and len([name for name in case.identity if "github" not in name]) != 2:
            return "it always wants an issuer"
        if unknown := set(case.policy) - set(_OPTIONS):
            return f"it has no option like {', '.join(sorted(unknown))}"
        if case.artifact is None and case.digest not in _IMAGES:
            return "there is no such image"
        return _NO_CLOCK if asked.by_the_clock else ""

    def judge_image(self, asked: Asked, image: str, place: Path) -> str:
        bundle = f"--new-bundle-format={str(asked.made.is_bundle).lower()}"
        options = [*cosign_options(asked, place), f"--trusted-root={_written_root(asked, place)}", bundle]
        return self._refusal("verify", "--allow-http-registry", *options, image, place=place)

    def judge_file(self, asked: Asked, place: Path) -> str:
        (place / "file").write_bytes(asked.case.artifact or b"")
        (place / "bundle.json").write_bytes(asked.made.data)
        options = [*cosign_options(asked, place), f"--trusted-root={_written_root(asked, place)}"]
        return self._refusal("verify-blob", *options, "--bundle=bundle.json", "file", place=place)

    def _refusal(self, *words: str, place: Path) -> str:
        done = run(self._program, *words, folder=place)
        return "" if done.returncode == 0 else done.stderr or "it said nothing"


class Cosign2(Cosign3):
    """The older cosign, with its variables for single keys and roots."""

    def hole(self, asked: Asked) -> str:
        """It sees no bundle, and its variables are made of the virtual Sigstore itself."""
        return "it takes legacy signatures" if asked.made.is_bundle or asked.case.root else super().hole(asked)

    def __init__(self, program: Path, registry: Registry, folder: Path, virtual: VirtualSigstore) -> None:
        super().__init__(program, registry, folder)
        self._variables = variables(virtual, folder)

    def judge_image(self, asked: Asked, image: str, place: Path) -> str:
        set_ = [f"{name}={value}" for name, value in self._variables.items()]
        words = ["verify", "--allow-http-registry", *cosign_options(asked, place), image]
        done = run("env", *set_, self._program, *words, folder=place)
        return "" if done.returncode == 0 else done.stderr or "it said nothing"


class Ours(_OnRegistry):
    """Our own task, through the engine below module and action."""

    def hole(self, asked: Asked) -> str:
        """There is no task for files yet."""
        return "it has no task for files" if asked.case.artifact is not None else ""

    def judge_image(self, asked: Asked, image: str, place: Path) -> str:
        policies = {_OPTIONS[name]: value for name, value in asked.case.policy.items()}
        options: Json = {"image": image, "allow_http_registry": True, **asked.case.identity, **policies}
        options["trusted_root"] = _written_root(asked, place)
        if asked.case.keys:
            options["key"] = _written_key(asked, place)
        result = ours.engine("cosign_verify", options)
        return "" if result.get("verified") is True else str(result["msg"])


class Python:
    """sigstore-python, in this process. It leaves a statement to its caller, who here compares the digest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def hole(self, asked: Asked) -> str:
        """It knows bundles by Fulcio's certificates on a log, and nothing else."""
        case = asked.case
        if not asked.made.is_bundle or case.keys or case.policy:
            return "it knows bundles by Fulcio's certificates on a log"
        known = {"certificate_identity", "certificate_oidc_issuer", *_EXTENSIONS}
        if set(case.identity) - known or len(case.identity) < 2:
            return "it knows no patterns"
        return _NO_CLOCK if asked.by_the_clock else ""

    def refusal(self, asked: Asked) -> str:
        """Any exception is one: it has no other answer to what it cannot read."""
        try:
            return self._judge(asked)
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    def _judge(self, asked: Asked) -> str:
        place = Path(tempfile.mkdtemp(dir=self._folder))
        verifier = Verifier(trusted_root=TrustedRoot.from_file(_written_root(asked, place)))
        bundle, demanded = Bundle.from_json(asked.made.data), _demanded(asked.case)
        if asked.case.artifact is not None:
            verifier.verify_artifact(asked.case.artifact, bundle, demanded)
            return ""
        _type, payload = verifier.verify_dsse(bundle, demanded)
        digests = [f"sha256:{subject['digest']['sha256']}" for subject in json.loads(payload)["subject"]]
        return "" if asked.case.digest in digests else f"it names {digests}"


def _demanded(case: Case) -> policy.VerificationPolicy:
    identity = policy.Identity(
        identity=case.identity["certificate_identity"], issuer=case.identity["certificate_oidc_issuer"]
    )
    more = [kind(case.identity[name]) for name, kind in _EXTENSIONS.items() if name in case.identity]
    return policy.AllOf([identity, *more])


class Javascript:
    """@sigstore/verify, a process each."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program, self._folder = program, folder

    def hole(self, asked: Asked) -> str:
        """As for sigstore-python."""
        return Python(self._folder).hole(asked) or (
            "it is not asked about files" if asked.case.artifact is not None else ""
        )

    def refusal(self, asked: Asked) -> str:
        question = {
            "bundle": asked.made.bundle,
            "trustedRoot": asked.root,
            "name": asked.case.identity["certificate_identity"],
            "issuer": asked.case.identity["certificate_oidc_issuer"],
        }
        done = run_javascript(self._program, self._folder, question)
        assert not done.stderr, done.stderr
        return done.stdout if done.returncode else ""


def cosign_options(asked: Asked, place: Path) -> list[str]:
    """Who may sign and how, in cosign's words. It has to be told where a timestamp is the only time."""
    case = asked.case
    policies = {_OPTIONS[name]: value for name, value in case.policy.items()}
    found = {**case.identity, **policies}
    if asked.stamped and not (asked.promised and "ignore_tlog" not in case.policy):
        found["use_signed_timestamps"] = True
    if case.keys:
        found["key"] = _written_key(asked, place)
    notes = found.pop("annotations", {})
    options = [f"--annotations={name}={value}" for name, value in notes.items()]
    for name, value in found.items():
        options.append(f"--{name.replace('_', '-')}={str(value).lower() if isinstance(value, bool) else value}")
    return options


def push(registry: Registry, repository: str, asked: Asked) -> None:
    """Push the image that the case is about and put the signature beside it."""
    image = _IMAGES[asked.case.digest]
    attacher = Attacher(registry.address, repository)
    attacher.push(image)
    attacher.attach(asked.case.digest, asked.made)


def variables(virtual: VirtualSigstore, folder: Path) -> dict[str, str]:
    """The environment variables by which cosign trusts the virtual Sigstore."""
    files = {
        "SIGSTORE_ROOT_FILE": virtual.ca.chain_pem,
        "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": public_pem(virtual.ct.key),
        "SIGSTORE_REKOR_PUBLIC_KEY": virtual.rekor.public_pem,
        "SIGSTORE_TSA_CERTIFICATE_FILE": virtual.tsa.chain_pem(),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return {name: str(folder / name) for name in files}


def _written_root(asked: Asked, place: Path) -> str:
    (place / "root.json").write_text(json.dumps(asked.root))
    return str(place / "root.json")


def _written_key(asked: Asked, place: Path) -> str:
    (place / "key.pub").write_bytes(key_pem(asked.case.keys[0]))
    return str(place / "key.pub")


def _fields(found: t.Any, *names: str) -> t.Any:
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None
