# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A certificate authority like Fulcio: a root, intermediates, and certificates for signers, right or wrong as asked."""

from __future__ import annotations

import base64
import typing as t
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.sigstore import der
from tests.support.sigstore.ct import CtLog, sct_list, spki, valid_for
from tests.support.sigstore.x509 import (
    CERT_SIGN,
    CODE_SIGNING,
    CRL_SIGN,
    DIGITAL_SIGNATURE,
    Extension,
    alternative_names,
    authority_key_id,
    basic_constraints,
    claim_extensions,
    distinguished_name,
    extended_key_usage,
    issuer_extensions,
    key_usage,
    next_serial,
    pem,
    sign,
    signature_algorithm,
    subject_key_id,
    to_be_signed,
)


class Ca:
    """One CA: its name, key and certificate. `hash_name` and `pss` say how it signs."""

    def __init__(self, subject: bytes, key: t.Any, hash_name: str = "", pss: bool = False) -> None:
        self.subject, self.key, self.pss = subject, key, pss
        curve = getattr(getattr(key, "curve", None), "name", "")
        self.hash_name = hash_name or {"secp384r1": "sha384", "secp521r1": "sha512"}.get(curve, "sha256")
        self.der = b""

    @property
    def pem(self) -> bytes:
        return pem(self.der)

    def certify(
        self,
        subject: bytes,
        public_key: t.Any,
        not_before: datetime,
        not_after: datetime,
        extensions: t.Sequence[Extension],
        *,
        make_scts: t.Callable[[bytes, bytes], t.Sequence[bytes]] | None = None,
        inner_algorithm: bytes | None = None,
        trailing: bytes = b"",
        **overrides: t.Any,
    ) -> bytes:
        """A certificate signed by this CA. `make_scts(tbs, issuer_spki)` gives the SCTs to embed."""
        algorithm = signature_algorithm(self.key, self.hash_name, self.pss)
        fields = {
            "subject": subject,
            "issuer": self.subject,
            "public_key": public_key,
            "not_before": not_before,
            "not_after": not_after,
            "algorithm": inner_algorithm or algorithm,
            "serial": next_serial(),
        } | overrides
        if make_scts is not None:
            scts = make_scts(to_be_signed(**fields, extensions=extensions), spki(self.key))
            listed = Extension("1.3.6.1.4.1.11129.2.4.2", der.octets(sct_list(scts)))
            extensions = [*extensions, listed]
        tbs = to_be_signed(**fields, extensions=extensions)
        signature = sign(self.key, tbs, self.hash_name, self.pss)
        return der.sequence(tbs, algorithm, der.bits(signature), trailing)


class CertificateAuthority:
    """A root and its intermediates, valid for ten years around `at`; `same_subject` gives all intermediates one name.

    `key` makes a CA's private key (P-384 by default); root and intermediates can be made anew with `subordinate`.
    """

    def __init__(
        self,
        at: datetime,
        *,
        intermediates: int = 1,
        same_subject: bool = False,
        organization: str = "sigstore.test",
        key: t.Callable[[], t.Any] = lambda: ec.generate_private_key(ec.SECP384R1()),
        pss: bool = False,
        root: t.Mapping[str, t.Any] | None = None,
        intermediate: t.Mapping[str, t.Any] | None = None,
    ) -> None:
        self.at, self.organization, self._key, self._pss = at, organization, key, pss
        self.root = self.subordinate(None, "sigstore", **(root or {}))
        below: dict[str, t.Any] = {"path_length": 0, "extensions": [extended_key_usage(CODE_SIGNING)]}
        self.intermediates = [
            self.subordinate(
                self.root,
                "sigstore-intermediate" if same_subject or number == 0 else f"sigstore-intermediate-{number + 1}",
                **below | dict(intermediate or {}),
            )
            for number in range(intermediates)
        ]

    def subordinate(
        self,
        parent: Ca | None,
        common_name: str,
        *,
        key: t.Any = None,
        subject: bytes | None = None,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        is_ca: bool | None = True,
        path_length: int | None = None,
        usage: tuple[int, ...] | None = (CERT_SIGN, CRL_SIGN),
        extensions: t.Sequence[Extension] = (),
        hash_name: str = "",
        **overrides: t.Any,
    ) -> Ca:
        """A CA below `parent`, or a root. `is_ca=None` and `usage=None` leave the extension out."""
        made = Ca(
            subject or distinguished_name(O=self.organization, CN=common_name), key or self._key(), hash_name, self._pss
        )
        issuer = parent or made
        own = [subject_key_id(made.key)] + ([authority_key_id(issuer.key)] if parent else [])
        own += [] if is_ca is None else [basic_constraints(is_ca, path_length)]
        own += [] if usage is None else [key_usage(*usage)]
        years = timedelta(days=5 * 365)
        made.der = issuer.certify(
            made.subject,
            made.key,
            not_before or self.at - years,
            not_after or self.at + years,
            [*own, *extensions],
            **overrides,
        )
        return made

    def issue(
        self,
        public_key: t.Any,
        at: datetime,
        *,
        san: str | bytes | t.Sequence[str | bytes] = "signer@sigstore.test",
        issuer: str | None = "https://issuer.sigstore.test",
        issuer_v1: str | None = None,
        claims: t.Mapping[str, str] | None = None,
        ct: CtLog | t.Sequence[CtLog] | None = None,
        sct: t.Mapping[str, t.Any] | None = None,
        make_scts: t.Callable[[bytes, bytes], t.Sequence[bytes]] | None = None,
        by: Ca | None = None,
        subject: bytes = b"\x30\x00",
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        is_ca: bool | None = None,
        path_length: int | None = None,
        usage: tuple[int, ...] | None = (DIGITAL_SIGNATURE,),
        extended_usage: tuple[str, ...] | None = (CODE_SIGNING,),
        extensions: t.Sequence[Extension] = (),
        **overrides: t.Any,
    ) -> bytes:
        """A signer's certificate of ten minutes from `at`, in DER, as Fulcio makes it.

        `san` is a text, a general name in DER, or several; `issuer` goes into both issuer extensions unless
        `issuer_v1` says otherwise ("" leaves the old one out); `ct` are the logs whose SCTs are embedded, `sct` what
        is to be different in them. `by` is the CA that signs, the first intermediate (or the root) by default. None
        leaves an extension out; more `extensions` come last. `overrides` are fields of the certificate.
        """
        signer = by or (self.intermediates or [self.root])[0]
        names = [san] if isinstance(san, str | bytes) else list(san)
        own = [] if usage is None else [key_usage(*usage)]
        own += [] if extended_usage is None else [extended_key_usage(*extended_usage)]
        own += [] if is_ca is None else [basic_constraints(is_ca, path_length)]
        own += [] if isinstance(public_key, bytes) else [subject_key_id(public_key)]
        own += [authority_key_id(signer.key)]
        own += [alternative_names(*names, critical=subject == b"\x30\x00")] if names else []
        v1 = issuer if issuer_v1 is None else issuer_v1 or None
        told = [*issuer_extensions(v1, issuer), *claim_extensions(claims or {})]
        own += sorted(told, key=lambda one: int(one.oid.rpartition(".")[2]))
        logs = [ct] if isinstance(ct, CtLog) else list(ct or ())

        def promises(tbs: bytes, issuer_spki: bytes) -> list[bytes]:
            wanted: dict[str, t.Any] = {"at": at, "tbs": tbs, "issuer_spki": issuer_spki} | dict(sct or {})
            return [log.sct(**wanted) for log in logs]

        return signer.certify(
            subject,
            public_key,
            not_before or at,
            not_after or at + timedelta(minutes=10),
            [*own, *extensions],
            make_scts=make_scts or (promises if logs else None),
            **overrides,
        )

    @property
    def chain(self) -> list[bytes]:
        """Intermediates and, last, the root, in DER."""
        return [one.der for one in (*self.intermediates, self.root)]

    @property
    def chain_pem(self) -> bytes:
        return b"".join(map(pem, self.chain))

    def trusted(
        self,
        url: str = "https://fulcio.sigstore.test",
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        chain: t.Sequence[bytes] | None = None,
        **overrides: t.Any,
    ) -> dict[str, t.Any]:
        """An item of `certificateAuthorities` in a trusted root; trusted from the root's start unless `start` says."""
        window = valid_for(start or self.at - timedelta(days=5 * 365), end)
        certificates = [{"rawBytes": base64.b64encode(one).decode()} for one in (chain or self.chain)]
        return {
            "subject": {"organization": self.organization, "commonName": "sigstore"},
            "uri": url,
            "certChain": {"certificates": certificates},
            "validFor": window,
            **overrides,
        }
