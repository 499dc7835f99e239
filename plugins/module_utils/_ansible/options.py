# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.spec import ArgumentSpec
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import Context
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._http.fetch import fetch
from ansible_collections.supplychain.cosign.plugins.module_utils._http.proxy import proxies_from
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import TransportOptions
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.source import read_key_reference
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.credentials import CredentialOptions
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.reference import parse_reference
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.session import (
    ON_DISK,
    Access,
    Image,
    parse_image,
)

# Every group has its twin in plugins/doc_fragments; a test holds them together.

COMMON = ArgumentSpec(
    {
        "run_on": {"type": "str", "choices": ["controller", "target"]},
        # Variables with secrets, handed to a managed host: hidden as an option, visible as environment.
        "_environment": {"type": "dict", "no_log": True},
        # The names of all that the task's own environment sets, there among those of the host's own.
        "_from_task": {"type": "list", "elements": "str"},
    }
)

IMAGE = ArgumentSpec(
    {
        "image": {"type": "str"},
        "images": {"type": "list", "elements": "str"},
        "details": {"type": "bool", "default": False},
    },
    mutually_exclusive=[("image", "images")],
    required_one_of=[("image", "images")],
)

TLS = ArgumentSpec(
    {
        "registry_cacert": {"type": "path"},
        "registry_client_cert": {"type": "path"},
        "registry_client_key": {"type": "path", "no_log": False},
        "allow_insecure_registry": {"type": "bool", "default": False},
        "allow_http_registry": {"type": "bool", "default": False},
        "trusted_realms": {"type": "list", "elements": "str", "default": []},
        "registry_timeout": {"type": "int", "default": 120},
    },
    required_together=[("registry_client_cert", "registry_client_key")],
)

REGISTRY = ArgumentSpec(
    {
        "registry_username": {"type": "str"},
        "registry_password": {"type": "str", "no_log": True},
        "registry_token": {"type": "str", "no_log": True},
        "auth_file": {"type": "path"},
    },
    required_together=[("registry_username", "registry_password")],
    mutually_exclusive=[
        ("registry_username", "registry_token"),
        ("registry_username", "auth_file"),
        ("registry_token", "auth_file"),
    ],
).merged(TLS)

LIMITS = ArgumentSpec({"max_attachment_size": {"type": "str"}, "max_workers": {"type": "int", "default": 64}})

ATTACHMENTS = ArgumentSpec({"attachment_repository": {"type": "str"}})

_WORKFLOW = ("trigger", "sha", "name", "repository", "ref")
IDENTITY: dict[str, dict[str, t.Any]] = {
    "certificate_identity": {"type": "str"},
    "certificate_identity_regexp": {"type": "str"},
    "certificate_oidc_issuer": {"type": "str"},
    "certificate_oidc_issuer_regexp": {"type": "str"},
    **{f"certificate_github_workflow_{name}": {"type": "str"} for name in _WORKFLOW},
}
"""What a certificate must say of who signed; the same for a task and for each of its `signers`."""

VERIFICATION = ArgumentSpec(
    {
        "key": {"type": "str", "no_log": False},
        "keys": {"type": "list", "elements": "str", "no_log": False},
        **IDENTITY,
        "signers": {
            "type": "list",
            "elements": "dict",
            "options": {"key": {"type": "str", "no_log": False}, **IDENTITY},
        },
        "required_signatures": {"type": "int", "default": 1},
        "certificate": {"type": "path"},
        "sct": {"type": "path"},
        "insecure_ignore_sct": {"type": "bool", "default": False},
        "use_signed_timestamps": {"type": "bool", "default": False},
        "required_logs": {"type": "int", "default": 1},
        "insecure_ignore_tlog": {"type": "bool", "default": False},
        "check_claims": {"type": "bool", "default": True},
        "match_reference": {"type": "str", "choices": ["none", "repository", "exact"], "default": "none"},
    },
    mutually_exclusive=[
        *[("key", "keys", "signers", name) for name in IDENTITY],
        ("key", "keys", "certificate"),
        ("key", "keys", "sct"),
    ],
)

_UNITS = {
    "": 1,
    "K": 1000,
    "KB": 1000,
    "KIB": 1024,
    "M": 10**6,
    "MB": 10**6,
    "MIB": 2**20,
    "G": 10**9,
    "GB": 10**9,
    "GIB": 2**30,
}
_LARGEST = 128 * 2**20
MAX_SECONDS = 3600


def images_of(context: Context) -> list[Image]:
    """The images that a task names; at least one, all of them readable before anything is asked."""
    return [place_of(text, context.files.find) for text in texts_of(context.params)]


def texts_of(params: t.Mapping[str, t.Any]) -> list[str]:
    """The images as the task writes them. Raises POLICY_UNSUPPORTED where there are none."""
    texts: list[str] = [params["image"]] if params.get("image") is not None else params["images"]
    if not texts:
        raise Rejection("POLICY_UNSUPPORTED", "The list images is empty, so nothing would be looked at; name an image.")
    return texts


def place_of(text: str, locate: t.Callable[[str], str]) -> Image:
    """An image as the task names it, its path (if it has one) as `locate` finds it."""
    image = parse_image(text)
    return dataclasses.replace(image, path=locate(image.path)) if image.path else image


def on_disk(params: t.Mapping[str, t.Any], *names: str) -> list[str]:
    """Those of the options that name a place on disk."""

    def is_place(value: t.Any) -> bool:
        values = value if isinstance(value, list) else [value]
        return any(isinstance(one, str) and one.split(":")[0] in ON_DISK for one in values)

    return [name for name in names if is_place(params.get(name))]


def access_of(context: Context, prefix: str = "registry_", same_registry: bool = True) -> Access:
    """How to reach registries. Options that begin with `prefix` fall back to those that begin with `registry_`;
    credentials only in the `same_registry`: they were given for that one and go nowhere else."""
    params = context.params

    def option(name: str) -> t.Any:
        value = params.get(f"{prefix}{name}")
        return value if value is not None else params.get(f"registry_{name}")

    def file(path: str | None) -> str | None:
        return context.files.find(path) if path else None

    own = any(params.get(f"{prefix}{name}") for name in ("username", "token", "auth_file"))
    source = prefix if own else "registry_"
    auth_file = params.get(f"{prefix}auth_file") if own and prefix != "registry_" else params.get("auth_file")
    credentials = CredentialOptions()
    if own or same_registry:
        credentials = CredentialOptions(
            username=params.get(f"{source}username"),
            password=params.get(f"{source}password"),
            token=params.get(f"{source}token"),
            auth_file=file(auth_file),
        )
    if not 1 <= params["registry_timeout"] <= MAX_SECONDS:
        raise Rejection("LIMIT_EXCEEDED", f"The option registry_timeout must be between 1 and {MAX_SECONDS} seconds.")
    return Access(
        credentials,
        TransportOptions(
            ca_file=file(option("cacert")),
            ca_option=f"{prefix}cacert",
            client_cert=file(option("client_cert")),
            client_key=file(option("client_key")),
            allow_insecure=params["allow_insecure_registry"],
            allow_http=params["allow_http_registry"],
            trusted_realms=tuple(params["trusted_realms"]),
            proxies=proxies_from(context.environ),
            total_timeout=float(params["registry_timeout"]),
        ),
        context.environ,
        params.get("attachment_repository"),
    )


def check_one_registry(images: t.Sequence[Image], access: Access) -> None:
    """A user, password or token was given for one registry, and goes to no other."""
    if not (access.credentials.username or access.credentials.token):
        return
    references = [image.reference for image in images if image.reference]
    if access.attachment_repository:
        references.append(parse_reference(access.attachment_repository))
    hosts = sorted({reference.host for reference in references})
    if len(hosts) > 1:
        raise Rejection(
            "POLICY_UNSUPPORTED",
            f"A registry credential is for one registry, and this task speaks to {', '.join(hosts)}; give "
            "an auth_file, or a task for each.",
        )


def size_of(text: str | None) -> int:
    """4 MiB where nothing is said; bytes of `5120`, `20K`, `45MiB`, as cosign reads them; up to 128 MiB."""
    text = text or "4MiB"
    digits = text.rstrip("KMGIBkmgib ")
    unit = text[len(digits) :].strip().upper()
    if not re.fullmatch("[0-9]{1,12}", digits) or unit not in _UNITS or not 0 < int(digits) * _UNITS[unit] <= _LARGEST:
        raise Rejection(
            "LIMIT_EXCEEDED", f"The option max_attachment_size {text[:40]!r} is no size up to 128MiB; write 4MiB."
        )
    return int(digits) * _UNITS[unit]


def workers_of(params: t.Mapping[str, t.Any]) -> int:
    workers: int = params["max_workers"]
    if not 1 <= workers <= 64:
        raise Rejection("LIMIT_EXCEEDED", "The option max_workers must be between 1 and 64.")
    return workers


def annotations_of(params: t.Mapping[str, t.Any]) -> dict[str, str]:
    """Annotations as cosign has them: strings. Whole numbers and booleans become the text that was meant; what YAML may
    have made of another text is refused (`1.10` is 1.1 to it, and a key `on` is true)."""
    found = {}
    for key, value in (params["annotations"] or {}).items():
        if not isinstance(key, str):
            raise Rejection("POLICY_UNSUPPORTED", f"The name {key!r} of an annotation is not a text in YAML; quote it.")
        if not isinstance(value, (str, int)):
            raise Rejection(
                "POLICY_UNSUPPORTED", f"The annotation {key!r} is not a text in YAML ({value!r}); quote it."
            )
        found[key] = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return found


def read_key(context: Context, reference: str, access: Access, option: str = "key") -> bytes:
    """The PEM text that a key option names."""
    by_variable = option == "key" and context.environ.get("COSIGN_KEY") == reference
    where = "the variable COSIGN_KEY" if by_variable else f"the option {option}"

    def fetch_key(url: str) -> bytes:
        if context.params.get("offline"):
            raise Rejection(
                "POLICY_UNSUPPORTED",
                f"The key of {where} would have to be fetched, and offline: true makes no connection but to the "
                "registry; give a file, env://NAME or the PEM text.",
            )
        return fetch(access.transport, url)

    return read_key_reference(reference, context.environ, lambda path: context.read_for(where, path), fetch_key)
