# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import datetime
import threading
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import (
    Certificate,
    parse_certificate,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.chain import build_chain
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.identity import IdentityRule, check_identity
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.log import MAX_AHEAD
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import KeyRule, SignerRule
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.sct import check_scts
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import TrustedRoot, show_time
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import build_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.signer import Signer, ephemeral_key
from ansible_collections.supplychain.cosign.plugins.module_utils._services.identity_token import (
    IdentityToken,
    signer_of,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.trust import Trust

MARGIN = datetime.timedelta(seconds=60)
"""A certificate is not used in its last minute: it must hold until the log or timestamp authority has answered."""


@dataclass(frozen=True)
class Signatory:
    """Who signs: a key, by the format that it signs in (the hash may differ), and the certificates that say whose it is
    (DER, leaf first), if any do. `rule` is whose signatures are ours. `own_ca`: the certificates are not by Fulcio, so
    that a trusted root is not expected to have those between the first and the root."""

    signers: t.Mapping[str, Signer]
    rule: SignerRule
    certificates: tuple[bytes, ...] = ()
    own_ca: bool = False

    @property
    def verifier_pem(self) -> bytes:
        """The certificate, or else the key, as logs take it."""
        if self.certificates:
            return build_pem("CERTIFICATE", self.certificates[0])
        return next(iter(self.signers.values())).public_key.pem


class Who(t.Protocol):
    """Whose signatures are ours, and who makes them. `certificates` are those that they must carry, if given."""

    certificates: tuple[bytes, ...]

    def rule(self) -> SignerRule | None:
        """Whose signatures are ours, where that is known without asking for a certificate."""

    def signatory(self) -> Signatory:
        """Who signs, which may have to be asked for. For all threads."""

    def unknown(self) -> str:
        """Why there is no rule, as a sentence for whoever only predicts."""


class ByKey:
    """A key that is known, with or without certificates. `key_rule` None: it is only to be there later."""

    def __init__(self, key_rule: KeyRule | None, signers: t.Mapping[str, Signer], certificates: tuple[bytes, ...] = ()):
        self._rule, self._signers, self.certificates = key_rule, signers, certificates

    def rule(self) -> SignerRule | None:
        return self._rule

    def signatory(self) -> Signatory:
        return Signatory(self._signers, t.cast(KeyRule, self._rule), self.certificates, own_ca=True)

    def unknown(self) -> str:
        return "The signing key is not there yet; the image would be signed once it is made."


class ByCertificate:
    """Whoever an identity token names: Fulcio issues a certificate for a key of this task, one for all its signatures
    for as long as it holds. Nothing of the key is ever written.

    `find_token` finds a token that is good for now, and is called only when one is needed. `issue` asks Fulcio, with
    the token and a key. `signers_of` makes signers of a key. `private_key`: the key to certify instead of an ephemeral
    one. `expected`: who must be named.
    """

    certificates: tuple[bytes, ...] = ()

    def __init__(
        self,
        find_token: t.Callable[[], IdentityToken],
        issue: t.Callable[[str, t.Any], tuple[bytes, ...]],
        trust: Trust,
        signers_of: t.Callable[[t.Any], t.Mapping[str, Signer]],
        expected: IdentityRule | None = None,
        private_key: t.Any = None,
        ignore_sct: bool = False,
    ) -> None:
        self._find_token, self._issue, self._trust, self._signers_of = find_token, issue, trust, signers_of
        self._expected, self._private_key, self._ignore_sct = expected, private_key, ignore_sct
        self._naming, self._issuing = threading.Lock(), threading.Lock()
        self._rule: SignerRule | None = expected
        self._is_named = expected is not None
        self._nameless: Rejection | None = None
        self._signatory: Signatory | None = None
        self._good_until = 0.0
        self._refusal: Rejection | None = None

    def rule(self) -> SignerRule | None:
        # Not under the other lock: what is signed already need not wait for Fulcio.
        if not self._is_named:
            with self._naming:
                if self._nameless is not None:
                    raise Rejection(self._nameless.code, self._nameless.message)
                if not self._is_named:
                    self._rule = self._named_by_token()
                    self._is_named = True
        return self._rule

    def _named_by_token(self) -> IdentityRule | None:
        try:
            named = signer_of(self._find_token())
        except Rejection as refusal:
            self._nameless = refusal
            raise
        return IdentityRule(identity=named[0], issuer=named[1]) if named else None

    def unknown(self) -> str:
        return (
            "As whom this would sign is not known before Fulcio issues a certificate, so no signature of ours was "
            "looked for; give certificate_identity and certificate_oidc_issuer to have it predicted."
        )

    def signatory(self) -> Signatory:
        """One at a time asks; whoever waited gets the same answer, a refusal too, for the rest of the task: hundreds of
        images must not each wait for a Fulcio that is not there."""
        with self._issuing:
            if self._refusal is not None:
                raise Rejection(self._refusal.code, self._refusal.message)
            if self._signatory is None or time.monotonic() > self._good_until:
                try:
                    self._signatory = self._issued()
                except Rejection as refusal:
                    self._refusal = refusal
                    raise
            return self._signatory

    def _issued(self) -> Signatory:
        root = self._trust.root()
        private = self._private_key or ephemeral_key()
        certificates = self._issue(self._find_token().raw, private)
        now = _now()
        try:
            leaf = check_issued(certificates, root, now, self._ignore_sct)
            # The next certificate is for whom the first one was.
            rule = self._expected or (self._signatory.rule if self._signatory else _rule_of(leaf))
            check_identity(t.cast(IdentityRule, rule), leaf, one_name=not self._ignore_sct)
        except Rejection as rejection:
            trusted = f" Trusted is the {root.name}." if root.name and rejection.code in _BY_TRUST else ""
            raise Rejection(
                rejection.code,
                f"The certificate that Fulcio issued is of no use, so nothing was signed. {rejection.message}{trusted}",
            ) from None
        # By how long it holds, not by when it ends: this machine's clock may differ from Fulcio's.
        self._good_until = time.monotonic() + (leaf.not_after - max(now, leaf.not_before) - MARGIN).total_seconds()
        return Signatory(self._signers_of(private), rule, certificates)


_BY_TRUST = ("CHAIN_INVALID", "SCT_INVALID")


def check_issued(
    certificates: t.Sequence[bytes], root: TrustedRoot, now: datetime.datetime, ignore_sct: bool
) -> Certificate:
    """The certificate that Fulcio issued just now, once it is known to be one that verifiers accept: its chain, its
    certificate timestamp, its time. Raises CHAIN_INVALID, CERT_TIME, SCT_INVALID, MALFORMED and the like."""
    leaf, *others = [parse_certificate(der, "certificate from Fulcio") for der in certificates]
    # Its clock may be a little ahead of this machine's.
    moment = max(now, leaf.not_before)
    if not now <= moment <= now + MAX_AHEAD or now > leaf.not_after:
        raise Rejection(
            "CERT_TIME",
            f"It is valid from {show_time(leaf.not_before)} until {show_time(leaf.not_after)}, and this machine's "
            f"clock says {show_time(now)}; set the clock right.",
        )
    chain = build_chain(leaf, others, root.certificate_authorities, [moment])
    if not ignore_sct:
        check_scts(chain, root.ct_logs)
    return leaf


def check_own_certificate(
    certificates: t.Sequence[bytes], key_rule: KeyRule, root: TrustedRoot | None, now: datetime.datetime
) -> None:
    """That a certificate of one's own is of the key, valid now, and by an authority of `root` where that is given.

    Raises KEY_MISMATCH, CERT_TIME, CHAIN_INVALID, MALFORMED and the like.
    """
    leaf, *others = [parse_certificate(der, "certificate") for der in certificates]
    if leaf.key.spki not in [key.spki for key in key_rule.keys]:
        raise Rejection("KEY_MISMATCH", "The certificate is of another key than key; give the one that belongs to it.")
    if not leaf.not_before <= now <= leaf.not_after:
        raise Rejection(
            "CERT_TIME",
            f"The certificate is valid from {show_time(leaf.not_before)} until {show_time(leaf.not_after)}, not now "
            f"({show_time(now)} by this machine's clock); have it renewed.",
        )
    if root is not None:
        build_chain(leaf, others, root.certificate_authorities, [now])


def _rule_of(leaf: Certificate) -> IdentityRule:
    """Exactly whom the certificate names."""
    name = next((one.value for one in leaf.names), "")
    return IdentityRule(identity=name, issuer=leaf.oidc_issuer, own_ca=leaf.oidc_issuer is None)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
