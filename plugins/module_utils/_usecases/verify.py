# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import dataclasses
import datetime
import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import Evidence
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import Policy
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import TrustedRoot
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verdict import Outcome, Verdict, conclude
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verify import judge_one, needs_trust
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import Descriptor, Manifest
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.place import Place
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.attached import (
    MAX_ATTACHMENT_BYTES,
    find_bundles,
    find_legacy,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.session import Image, Session, need_manifest

MAX_CHILDREN = 256
MAX_DEPTH = 2


@dataclass(frozen=True)
class VerifyRequest:
    """`trust` finds the trusted root, which may have to be fetched, so it is asked only where evidence needs it.
    `all_signatures`: look at every signature in both formats, even when fewer satisfy the policy."""

    policy: Policy
    trust: t.Callable[[], TrustedRoot]
    recursive: bool = False
    all_signatures: bool = False
    limit: int = MAX_ATTACHMENT_BYTES


@dataclass(frozen=True)
class Judged:
    """What became of one image: its digest and verdict, and those of its children where they were asked for."""

    image: Image
    digest: str
    verdict: Verdict
    children: tuple[Judged, ...] = ()

    @property
    def refusal(self) -> Rejection | None:
        """The first reason why the image, or one of its children, is not accepted."""
        if self.verdict.refusal:
            return self.verdict.refusal
        for child in self.children:
            if child.refusal:
                return Rejection(
                    child.refusal.code,
                    f"The image {child.digest} of the index {self.digest} is refused: {child.refusal.message}",
                    rejected=child.refusal.rejected,
                )
        return None


def resolve(session: Session, image: Image) -> str:
    """The digest that a tag stands for now; a digest stands for itself, unasked."""
    if image.reference and image.reference.digest:
        return image.reference.digest
    return need_manifest(session.place(image), image).digest


def verify_image(session: Session, image: Image, digest: str, request: VerifyRequest) -> Judged:
    """Judge one digest of an image. Refusals are in what is returned; what kept us from looking is raised."""
    verdict = _judge(session, image, digest, request)
    if not request.recursive:
        # Nothing is attached in a repository that does not exist, either: only of an image that is there it may be
        # said. A tag has just been looked up.
        if _is_unsigned(verdict) and image.reference and image.reference.digest:
            need_manifest(session.place(image), image, digest)
        return Judged(image, digest, verdict)
    manifest = need_manifest(session.place(image), image, digest)
    children = tuple(
        Judged(image, child.digest, _judge(session, image, child.digest, request))
        for child in descendants(session.place(image), manifest)
    )
    return Judged(image, digest, verdict, children)


def _judge(session: Session, image: Image, digest: str, request: VerifyRequest) -> Verdict:
    """The same for what is attached to one digest; where the repository is not the image's, its name is told."""
    place = session.attachments(image)
    verdict = judge(place, image, digest, request)
    if place is session.place(image) or verdict.refusal is None or not _is_unsigned(verdict):
        return verdict
    text = f"{verdict.refusal.message} It was looked for in {place.name} (attachment_repository or COSIGN_REPOSITORY)."
    return dataclasses.replace(verdict, refusal=Rejection(verdict.refusal.code, text))


def _is_unsigned(verdict: Verdict) -> bool:
    return verdict.refusal is not None and verdict.refusal.code == "NO_SIGNATURE"


def judge(place: Place, image: Image, digest: str, request: VerifyRequest) -> Verdict:
    """Bundles first; `.sig` only where they leave the policy unsatisfied. A needed look-up that fails is raised."""
    judging = _Judging(image, digest, request)
    judging.add(find_bundles(place, digest, request.policy.counts, request.limit))
    verdict = judging.verdict()
    if verdict.verified and not request.all_signatures:
        return verdict
    judging.add(find_legacy(place, digest, request.limit))
    return judging.verdict(finally_=True)


class _Judging:
    """What was found beside one digest, each judged as it comes, so that little is kept of what is refused.

    Where a policy may be satisfied without a trusted root, what needs one waits until all else was judged: it may have
    to be fetched, and anybody may attach a copy of our signature with a timestamp.
    """

    def __init__(self, image: Image, digest: str, request: VerifyRequest) -> None:
        self._image, self._digest, self._request = image, digest, request
        policy = request.policy
        self._can_wait = policy.ignore_tlog and not policy.identities and not policy.use_signed_timestamps
        self._now = datetime.datetime.now(datetime.timezone.utc)
        self._found = 0
        self._judged: dict[int, Outcome] = {}
        self._waiting: dict[int, Evidence] = {}

    def add(self, evidence: t.Iterable[Evidence]) -> None:
        for one in evidence:
            needed = needs_trust(one, self._request.policy)
            if needed and self._can_wait:
                self._waiting[self._found] = one
            else:
                self._judge(self._found, one, needed)
            self._found += 1

    def verdict(self, finally_: bool = False) -> Verdict:
        """On what was added so far; `finally_` nothing more comes, and what waits is judged if it matters."""
        verdict = conclude(self._digest, self._request.policy, [self._judged[key] for key in sorted(self._judged)])
        if not (finally_ and self._waiting) or (verdict.verified and not self._request.all_signatures):
            return verdict
        for number in sorted(self._waiting):
            self._judge(number, self._waiting.pop(number), True)
        return self.verdict()

    def _judge(self, number: int, one: Evidence, needs_root: bool) -> None:
        trust = self._request.trust() if needs_root else None
        name = self._image.name_for_matching
        self._judged[number] = judge_one(one, self._digest, self._request.policy, trust, self._now, name)


def descendants(place: Place, manifest: Manifest) -> list[Manifest]:
    """Every manifest below an index, each once, without those that BuildKit adds for no platform.

    Raises LIMIT_EXCEEDED past 256 of them or two levels, UNREACHABLE where one is missing.
    """
    found: dict[str, Manifest] = {}
    level = [manifest]
    for _depth in range(MAX_DEPTH):
        level = [_child(place, child) for one in level if one.is_index for child in one.manifests if _is_image(child)]
        found.update({one.digest: one for one in level})
        if len(found) > MAX_CHILDREN:
            raise Rejection(
                "LIMIT_EXCEEDED", f"{manifest.digest} lists more than the {MAX_CHILDREN} images that are read."
            )
    if any(one.is_index for one in level):
        raise Rejection("LIMIT_EXCEEDED", f"{manifest.digest} nests indexes deeper than {MAX_DEPTH} levels.")
    return list(found.values())


def _is_image(child: Descriptor) -> bool:
    return (child.platform or {}).get("os") != "unknown"


def _child(place: Place, child: Descriptor) -> Manifest:
    manifest = place.get_manifest(child.digest)
    if manifest is None:
        raise Rejection(
            "UNREACHABLE", f"{place.name} does not have {child.digest}, which its index lists; push it again."
        )
    return manifest
