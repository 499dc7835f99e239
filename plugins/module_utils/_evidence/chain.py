# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import datetime
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import (
    DIGITAL_SIGNATURE,
    KEY_CERT_SIGN,
    Certificate,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate_signature import (
    has_known_algorithm,
    is_issued_by,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.general_name import (
    DIRECTORY,
    GeneralName,
    describe_name,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import Authority, show_time
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

CODE_SIGNING, TIME_STAMPING = "1.3.6.1.5.5.7.3.3", "1.3.6.1.5.5.7.3.8"
_ANY_USAGE = "2.5.29.37.0"
_USAGE_NAMES = {CODE_SIGNING: "code signing", TIME_STAMPING: "time stamping"}

MAX_PATH = 10
MAX_CHECKS = 32
"""Signatures that are looked at for one chain: CAs that certify each other make more paths than there is time for."""


class Chain(t.NamedTuple):
    """A verified path, leaf first, anchor last, and the authority that the anchor is of."""

    path: tuple[Certificate, ...]
    authority: Authority


def build_chain(
    leaf: Certificate,
    attached: t.Sequence[Certificate],
    authorities: t.Sequence[Authority],
    times: t.Sequence[datetime.datetime],
    usage: str = CODE_SIGNING,
) -> Chain:
    """The path from `leaf` over intermediates to an anchor of one of `authorities` (RFC 5280 §6), every certificate
    and the authority being valid at each of `times`. `attached` came with the signature: they may be on the path, but
    anchor nothing. Any CA with the right name is tried; that its key made the signature decides.

    Raises CHAIN_INVALID, CERT_TIME (but for the times there is a path), NO_TRUSTED_TIME (`times` is empty) or
    LIMIT_EXCEEDED.
    """
    if not times:
        raise Rejection("NO_TRUSTED_TIME", f"Nothing says when {leaf} was used, so its validity cannot be judged.")
    _check_leaf(leaf, usage)
    search = _Search(leaf, attached)
    failures: list[Rejection] = []
    for authority in authorities:
        for path in search.paths(authority):
            try:
                _check_path(path, usage)
                _check_times(path, authority, times)
            except Rejection as found:
                failures.append(found)
            else:
                return Chain(path, authority)
    raise _best(failures) or _no_path(leaf, search)


class _Search:
    """Paths by name and signature, depth first; `tried` counts the signatures looked at."""

    def __init__(self, leaf: Certificate, attached: t.Sequence[Certificate]) -> None:
        self._leaf, self._attached = leaf, attached
        self.tried = 0

    def paths(self, authority: Authority) -> t.Iterator[tuple[Certificate, ...]]:
        between = {one.der: one for one in (*authority.intermediates, *self._attached) if one.is_ca}
        for anchor in authority.anchors:
            between.pop(anchor.der, None)
        yield from self._grow((self._leaf,), authority.anchors, tuple(between.values()))

    def _grow(
        self, path: tuple[Certificate, ...], anchors: t.Sequence[Certificate], between: t.Sequence[Certificate]
    ) -> t.Iterator[tuple[Certificate, ...]]:
        for anchor in self._issuers(path[-1], anchors):
            yield (*path, anchor)
        if len(path) + 2 > MAX_PATH:
            return
        for issuer in self._issuers(path[-1], [one for one in between if one not in path]):
            yield from self._grow((*path, issuer), anchors, between)

    def _issuers(self, child: Certificate, candidates: t.Sequence[Certificate]) -> t.Iterator[Certificate]:
        named = [one for one in candidates if one.subject == child.issuer]
        if len(named) > 1:
            named.sort(key=lambda one: one.subject_key_id != child.authority_key_id)
        for issuer in named:
            if self.tried == MAX_CHECKS:
                raise Rejection(
                    "LIMIT_EXCEEDED",
                    f"More than {MAX_CHECKS} signatures of CAs with one name would have to be looked at.",
                )
            self.tried += 1
            if is_issued_by(child, issuer):
                yield issuer


def _check_leaf(leaf: Certificate, usage: str) -> None:
    if leaf.is_ca:
        raise _invalid(f"The certificate of {leaf} is one of a CA, which may sign certificates and nothing else.")
    may_sign = usage != CODE_SIGNING if leaf.key_usage is None else leaf.key_usage & DIGITAL_SIGNATURE
    if not may_sign:
        raise _invalid(f"The certificate of {leaf} lacks the key usage digitalSignature; have it issued for signing.")
    if usage not in (leaf.extended_key_usage or ()):
        raise _invalid(
            f"The certificate of {leaf} is not for {_USAGE_NAMES.get(usage, usage)} (extended key usage {usage}); "
            "have it issued for that."
        )


def _check_path(path: tuple[Certificate, ...], usage: str) -> None:
    # Small timestamp authorities have one key for themselves and their root; no signer has the key of a CA.
    if usage == CODE_SIGNING and path[0].key.spki == path[1].key.spki:
        raise _invalid(f"The certificate of {path[0]} is signed with its own key.")
    for one in path:
        if one.unknown_critical:
            raise _invalid(
                f"The certificate of {one} has the critical extension {min(one.unknown_critical)}, which is not "
                "understood here."
            )
    for position, issuer in enumerate(path[1:], 1):
        _check_issuer(issuer, path[:position], usage)


def _check_issuer(issuer: Certificate, below: t.Sequence[Certificate], usage: str) -> None:
    if not issuer.is_ca:
        raise _invalid(f"The certificate of {issuer}, which issued that of {below[-1]}, is not one of a CA.")
    if issuer.key_usage is not None and not issuer.key_usage & KEY_CERT_SIGN:
        raise _invalid(f"The CA {issuer} may not sign certificates: it lacks the key usage keyCertSign.")
    if issuer.extended_key_usage is not None and not {usage, _ANY_USAGE} & set(issuer.extended_key_usage):
        raise _invalid(f"The CA {issuer} may not certify for {_USAGE_NAMES.get(usage, usage)}.")
    counted = sum(not one.is_self_issued for one in below[1:])
    if issuer.path_length is not None and counted > issuer.path_length:
        raise _invalid(f"The CA {issuer} allows {issuer.path_length} CAs below it, but there are {counted}.")
    if issuer.name_constraints is not None:
        _check_names(issuer, [below[0], *(one for one in below[1:] if not one.is_self_issued)])


def _check_names(issuer: Certificate, below: t.Sequence[Certificate]) -> None:
    constraints = issuer.name_constraints
    for one in below:
        subject = [GeneralName(DIRECTORY, one.subject)] if one.subject != _EMPTY_NAME else []
        if constraints and any(constraints.refuses(name) for name in (*one.general_names, *subject)):
            raise _invalid(f"The CA {issuer} may not certify {one}: its name constraints do not allow that name.")


_EMPTY_NAME = b"\x30\x00"


def _check_times(path: tuple[Certificate, ...], authority: Authority, times: t.Sequence[datetime.datetime]) -> None:
    for moment in times:
        for one in path:
            if not one.not_before <= moment <= one.not_after:
                raise Rejection(
                    "CERT_TIME",
                    f"The certificate of {one} was valid from {show_time(one.not_before)} until "
                    f"{show_time(one.not_after)}, but the signature was made at {show_time(moment)}; have it signed "
                    "anew.",
                )
        if not authority.window.holds(moment):
            end = authority.window.end
            raise Rejection(
                "CERT_TIME",
                f"The trusted root trusts the CA {path[-1]} from {show_time(authority.window.start)}"
                f"{f' until {show_time(end)}' if end else ''}, but the signature was made at {show_time(moment)}; "
                "have it signed anew, or give the trusted root that holds for it.",
            )


def _best(failures: t.Sequence[Rejection]) -> Rejection | None:
    """A path that only the times speak against says most."""
    return next((one for one in failures if one.code == "CERT_TIME"), failures[0] if failures else None)


def _no_path(leaf: Certificate, search: _Search) -> Rejection:
    named = f"{leaf} was issued by {describe_name(leaf.issuer)!r}"
    if not has_known_algorithm(leaf):
        return _invalid(
            f"The certificate of {named} with a signature of a kind that is not accepted; have it signed with ECDSA or "
            "RSA and SHA-256, SHA-384 or SHA-512, or with Ed25519."
        )
    if search.tried:
        return _invalid(f"The certificate of {named}, but no trusted CA of that name made its signature.")
    return _invalid(
        f"The certificate of {named}, from which no path leads to a trusted CA; give its issuers, or the trusted root "
        "that belongs to it."
    )


def _invalid(message: str) -> Rejection:
    return Rejection("CHAIN_INVALID", message)
