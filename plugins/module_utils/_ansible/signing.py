# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import datetime
import os
import re
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.options import read_key
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.services import (
    SERVICES,
    Wanted,
    check_services,
    services_of,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.spec import ArgumentSpec
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import Context
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.identity import IdentityRule, identity_rule
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import BUNDLE, LEGACY
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import KeyRule
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import PEM_OPTIONS
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import parse_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import (
    parse_public_key,
    wrap_public_key,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.keyfile import decrypt_key
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.signer import FileSigner, Signer, check_signing
from ansible_collections.supplychain.cosign.plugins.module_utils._services.ambient import (
    NO_TOKEN,
    PROVIDERS,
    find_token,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._services.identity_token import (
    IdentityToken,
    check_identity_token,
    parse_identity_token,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.services import OpenServices, Services
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.session import Access
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.signatory import (
    ByCertificate,
    ByKey,
    Who,
    check_own_certificate,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.trust import Trust

SIGNING = ArgumentSpec(
    {
        "key": {"type": "str", "no_log": False},
        "key_password": {"type": "str", "no_log": True},
        "certificate": {"type": "path"},
        "issue_certificate": {"type": "bool", "default": False},
        "identity_token": {"type": "str", "no_log": True},
        "oidc_provider": {"type": "str", "choices": list(PROVIDERS)},
        "oidc_disable_ambient_providers": {"type": "bool", "default": False},
        "oidc_client_id": {"type": "str", "default": "sigstore"},
        "certificate_identity": {"type": "str"},
        "certificate_oidc_issuer": {"type": "str"},
        "insecure_ignore_sct": {"type": "bool", "default": False},
        "signature_format": {"type": "str", "choices": ["bundle", "legacy", "both"]},
        "tlog_upload": {"type": "bool", "default": True},
    },
    mutually_exclusive=[
        ("identity_token", "oidc_provider"),
        ("identity_token", "certificate"),
        ("certificate", "oidc_provider"),
    ],
    required_together=[("certificate_identity", "certificate_oidc_issuer")],
).merged(SERVICES)

_FORMATS = {"bundle": (BUNDLE,), "legacy": (LEGACY,), "both": (BUNDLE, LEGACY)}
_LOG_NAMES = {1: "rekor-v1", 2: "rekor-v2"}


def formats_of(params: t.Mapping[str, t.Any]) -> tuple[str, ...]:
    """The formats to make, or to look at when signatures are removed."""
    return _FORMATS[params["signature_format"] or ("bundle" if params["state"] == "present" else "both")]


def check_signing_options(params: t.Mapping[str, t.Any], complete: bool) -> None:
    """Refuse what could not be meant; nothing is read or asked. Not `complete`: variables of another machine may still
    name a key."""
    by_key, identity = params.get("key") is not None, params.get("certificate_identity") is not None
    if params.get("identity_token") == "":
        raise Rejection("POLICY_UNSUPPORTED", "The option identity_token is empty; give a token, or leave it out.")
    if params.get("oidc_provider") is not None and params["oidc_disable_ambient_providers"]:
        raise Rejection(
            "POLICY_UNSUPPORTED",
            "A provider of identity tokens is chosen (oidc_provider), and none is to be asked "
            "(oidc_disable_ambient_providers); leave one out.",
        )
    if by_key and params["issue_certificate"] and params["state"] == "absent":
        raise Rejection(
            "POLICY_UNSUPPORTED",
            "With state: absent it must be clear whose signatures go; give key without issue_certificate, or "
            "certificate_identity and certificate_oidc_issuer without key.",
        )
    if by_key and identity and not params["issue_certificate"]:
        raise Rejection(
            "POLICY_UNSUPPORTED",
            "A key and an identity are given, and signatures of ours are by one of them; leave out key or "
            "certificate_identity, or set issue_certificate: true to have the key certified.",
        )
    if params["state"] == "absent":
        if complete and not by_key and not identity:
            raise Rejection(
                "POLICY_UNSUPPORTED",
                "It is not said whose signatures to remove; give key, or certificate_identity and "
                "certificate_oidc_issuer.",
            )
        return
    if by_key and not params["issue_certificate"]:
        for option in ("identity_token", "oidc_provider", "fulcio_url"):
            if params.get(option) is not None:
                raise Rejection(
                    "POLICY_UNSUPPORTED",
                    f"The options key and {option} are both given, and a key needs no identity; leave one out, or "
                    "set issue_certificate: true to have the key certified.",
                )
    if complete and not by_key:
        for option in ("certificate", "issue_certificate"):
            if params.get(option):
                raise Rejection(
                    "POLICY_UNSUPPORTED", f"The option {option} is about a key, and none is given; give key too."
                )
    if params["issue_certificate"] and params.get("certificate") is not None:
        raise Rejection(
            "POLICY_UNSUPPORTED", "A certificate is given (certificate) and to be issued; leave one of them out."
        )
    if complete or by_key:
        check_services(params)


class Signing(t.NamedTuple):
    """Who signs, and whom they ask."""

    who: Who
    services: OpenServices


def signing_of(context: Context, access: Access, trust: Trust, formats: t.Sequence[str]) -> Signing:
    """Who signs for the task, and by which services; the caller closes these. To remove signatures none is asked."""
    params = context.params
    present = params["state"] == "present"
    if params["key"] is None:
        services = Services()
        if present:
            services = services_of(context, Wanted(True, params["tlog_upload"], LEGACY in formats))
        return _by_certificate(context, trust, OpenServices(services, trust), None)
    key = _key(context, access)
    if key is None or isinstance(key, KeyRule):
        wanted = Wanted(False, present and params["tlog_upload"], LEGACY in formats)
        services = services_of(context, wanted) if present else Services()
        return Signing(ByKey(key, {}), OpenServices(services, trust))
    rule = KeyRule((wrap_public_key(key.public_key(), "private key"),))
    if not present:
        return Signing(ByKey(rule, {}), OpenServices(Services(), trust))
    wanted = Wanted(
        params["issue_certificate"], params["tlog_upload"], LEGACY in formats, rule.keys[0].kind == "ed25519"
    )
    services = services_of(context, wanted)
    if params["issue_certificate"]:
        return _by_certificate(context, trust, OpenServices(services, trust), key)
    certificates = _own_certificates(context, trust, rule)
    signers = _signers(key, formats, services)
    hashes = sorted({one.hash_name for one in signers.values()} & {"sha384", "sha512"})
    if hashes:
        context.warn(
            f"Rekor v2 takes signatures by this key with {hashes[0]} only, and cosign verifies them only where it is "
            f"given --signature-digest-algorithm={hashes[0]}."
        )
    return Signing(ByKey(rule, signers, certificates), OpenServices(services, trust))


def _signers(key: t.Any, formats: t.Sequence[str], services: Services) -> dict[str, Signer]:
    """One for each format, with the hash that all its logs take."""
    kind = wrap_public_key(key.public_key(), "private key").kind
    logs: list[str | None] = [_LOG_NAMES[log.version] for log in services.logs]
    found: dict[str, Signer] = {}
    for one in formats:
        hashes = sorted({check_signing(kind, one, log) for log in logs or [None]})
        if len(hashes) > 1:
            raise Rejection(
                "POLICY_UNSUPPORTED",
                f"The logs take signatures by a key of the kind {kind} with different hashes ({', '.join(hashes)}); "
                "name logs of one version, or use an ECDSA P-256 key.",
            )
        found[one] = FileSigner(key, hashes[0])
    return found


def _by_certificate(context: Context, trust: Trust, services: OpenServices, key: t.Any) -> Signing:
    params = context.params
    expected: IdentityRule | None = None
    if params["certificate_identity"] is not None:
        named = {name: params[name] for name in ("certificate_identity", "certificate_oidc_issuer")}
        expected = identity_rule(named)
    formats = formats_of(params)
    # Whether a key of one's own can sign so is known before anybody is asked.
    signers = None if key is None else _signers(key, formats, services.named)
    who = ByCertificate(
        find_token=lambda: _token(context, services),
        issue=services.certificate,
        trust=trust,
        signers_of=lambda private: signers or _signers(private, formats, services.named),
        expected=expected,
        private_key=key,
        ignore_sct=params["insecure_ignore_sct"],
    )
    return Signing(who, services)


def _token(context: Context, services: OpenServices) -> IdentityToken:
    """The identity token that the task gives, as text or as the path of a file, else one of where it runs."""
    params = context.params
    text, what = params["identity_token"], "identity_token"
    if text is None:
        if params["oidc_disable_ambient_providers"]:
            raise Rejection(
                "AUTH_REFUSED",
                "No identity_token is given, and none of the environment is to be used; "
                "give identity_token, or leave oidc_disable_ambient_providers out.",
            )
        what = "identity token of the environment"
        text = find_token(
            context.environ, context.read, services.token_transport(), params["oidc_client_id"], params["oidc_provider"]
        )
        if text is None:
            raise Rejection("AUTH_REFUSED", NO_TOKEN)
    elif not text.startswith("eyJ"):
        # Every token begins so: it is the start of a JSON object in base64.
        text = context.read_for("identity_token", text, secret=True).decode("utf-8", "replace").strip()
    token = parse_identity_token(text, what)
    check_identity_token(token, params["oidc_client_id"], datetime.datetime.now(datetime.timezone.utc))
    return token


def _own_certificates(context: Context, trust: Trust, rule: KeyRule) -> tuple[bytes, ...]:
    """The certificates of the option `certificate`, and those of `certificate_chain` that are not among them."""
    params = context.params
    if params["certificate"] is None:
        return ()
    certificates: dict[bytes, None] = {}
    for option in ("certificate", "certificate_chain"):
        if params[option] is not None:
            blocks = parse_pem(context.read_for(f"the option {option}", params[option]), option, commented=True)
            if any(block.label != "CERTIFICATE" for block in blocks):
                raise Rejection("MALFORMED", f"The file of {option} holds something else than certificates.")
            certificates.update(dict.fromkeys(block.der for block in blocks))
    is_judged = params.get("trusted_root") is not None or any(params.get(name) is not None for name in PEM_OPTIONS)
    root = trust.root() if is_judged else None
    check_own_certificate(list(certificates), rule, root, datetime.datetime.now(datetime.timezone.utc))
    return tuple(certificates)


def _key(context: Context, access: Access) -> t.Any:
    """The private key; to remove signatures a public one is enough (its KeyRule). None where check mode finds no such
    file: an earlier task would have made it."""
    params = context.params
    text = _key_text(context, access)
    is_public = text is not None and b"-----BEGIN PUBLIC KEY-----" in text
    if params["key_password"] is None and not is_public:
        raise Rejection(
            "AUTH_REFUSED", "The key is encrypted and no password is given; give key_password, or set COSIGN_PASSWORD."
        )
    if text is None:
        return None
    if params["state"] == "absent" and is_public:
        return KeyRule((parse_public_key(text, "key"),))
    return decrypt_key(text, (params["key_password"] or "").encode("utf-8", "surrogateescape"))


def _key_text(context: Context, access: Access) -> bytes | None:
    reference = context.params["key"]
    is_file = not re.match("[A-Za-z][A-Za-z0-9+.-]*:|\\s*-----BEGIN", reference)
    if (
        context.check_mode
        and context.params["state"] == "present"
        and is_file
        and not os.path.exists(context.files.find(reference))
    ):
        return None
    return read_key(context, reference, access)
