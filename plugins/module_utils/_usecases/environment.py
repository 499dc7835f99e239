# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t
from dataclasses import dataclass


@dataclass(frozen=True)
class Variable:
    """One environment variable: what it is for, what it holds, and which option it stands in for (None: none yet)."""

    name: str
    description: str
    expects: str
    sensitive: bool = False
    option: str | None = None
    ours: bool = False
    """Read by this collection although `cosign env` does not list it."""


def _table(*rows: Variable) -> dict[str, Variable]:
    return {row.name: row for row in sorted(rows, key=lambda row: row.name)}


VARIABLES: t.Mapping[str, Variable] = _table(
    # What cosign 3.1 registers: names, sensitivity and number as `cosign env` prints them.
    Variable(
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "lets a GitHub Actions job ask for its identity token", "a bearer token", True
    ),
    Variable("ACTIONS_ID_TOKEN_REQUEST_URL", "is where a GitHub Actions job asks for its identity token", "a URL"),
    Variable("BUILDKITE_AGENT_ACCESS_TOKEN", "lets a Buildkite job ask its agent for a token", "an access token", True),
    Variable("BUILDKITE_AGENT_ENDPOINT", "is where the Buildkite agent's API is", "a URL"),
    Variable(
        "BUILDKITE_AGENT_LOG_LEVEL",
        "says how much the Buildkite agent logs",
        "debug, notice, info, error, warn or fatal",
    ),
    Variable("BUILDKITE_JOB_ID", "is the Buildkite job that the token is to name", "a job ID"),
    Variable(
        "COSIGN_DOCKER_MEDIA_TYPES",
        "makes cosign write Docker's media types for old registries",
        "1 for yes, 0 for no (default)",
    ),
    Variable("COSIGN_EXPERIMENTAL", "turns on what cosign calls experimental", "1 for yes, 0 for no (default)"),
    Variable(
        "COSIGN_MAX_ATTACHMENT_SIZE",
        "bounds the size of one signature or attestation",
        "a size such as 5120, 20K or 45MiB",
        option="max_attachment_size",
    ),
    Variable(
        "COSIGN_PASSWORD",
        "opens the encrypted private key, or closes a new one",
        "the password, which may be empty",
        True,
        option="key_password",
    ),
    Variable(
        "COSIGN_PKCS11_IGNORE_CERTIFICATE",
        "leaves certificates on a PKCS#11 token alone",
        "1 for yes, 0 for no (default)",
    ),
    Variable("COSIGN_PKCS11_MODULE_PATH", "is the PKCS#11 library to load", "a path"),
    Variable("COSIGN_PKCS11_PIN", "opens the PKCS#11 token", "a PIN", True),
    Variable(
        "COSIGN_REPOSITORY",
        "keeps signatures in another repository than the image's",
        "a repository without tag",
        option="attachment_repository",
    ),
    Variable("GITHUB_HOST", "is the GitHub Enterprise server", "a URL"),
    Variable("GITHUB_TOKEN", "authenticates to GitHub", "a token", True),
    Variable("GITLAB_HOST", "is the GitLab server", "a URL"),
    Variable("GITLAB_TOKEN", "authenticates to GitLab", "a token", True),
    Variable("GOOGLE_SERVICE_ACCOUNT_NAME", "is the Google service account to sign as", "the account's name"),
    Variable("SIGSTORE_CT_LOG_PUBLIC_KEY_FILE", "is the one key trusted for certificate timestamps", "a path"),
    Variable("SIGSTORE_ID_TOKEN", "is the identity token that Fulcio gets", "a token", True),
    Variable("SIGSTORE_REKOR_PUBLIC_KEY", "is the one key trusted for log entries", "a path"),
    Variable("SIGSTORE_ROOT_FILE", "is the one certificate authority trusted for signers", "a path"),
    Variable("SIGSTORE_TSA_CERTIFICATE_FILE", "is the one chain trusted for timestamps", "a path"),
    Variable("SOURCE_DATE_EPOCH", "sets the time that reproducible builds record", "seconds since 1970"),
    Variable("SPIFFE_ENDPOINT_SOCKET", "is where the SPIFFE workload API listens", "a socket's path"),
    Variable("TUF_MIRROR", "is where trust roots are fetched from", "a URL"),
    Variable("TUF_ROOT", "is where fetched trust roots are kept", "a folder"),
    Variable("TUF_ROOT_JSON", "is the root.json that the first fetch is checked with", "a path"),
    # Read by this collection beyond that list. The COSIGN_ ones are cosign's flags under the names that its own
    # command line gives them.
    Variable(
        "COSIGN_CERTIFICATE_IDENTITY",
        "is the identity that a signer must have",
        "an e-mail address or URI",
        ours=True,
        option="certificate_identity",
    ),
    Variable(
        "COSIGN_CERTIFICATE_IDENTITY_REGEXP",
        "is a pattern for that identity",
        "a regular expression",
        option="certificate_identity_regexp",
        ours=True,
    ),
    Variable(
        "COSIGN_CERTIFICATE_OIDC_ISSUER",
        "is who must have vouched for that identity",
        "a URL",
        option="certificate_oidc_issuer",
        ours=True,
    ),
    Variable(
        "COSIGN_CERTIFICATE_OIDC_ISSUER_REGEXP",
        "is a pattern for that issuer",
        "a regular expression",
        option="certificate_oidc_issuer_regexp",
        ours=True,
    ),
    Variable("COSIGN_KEY", "is the key to sign or verify with", "a path or key reference", option="key", ours=True),
    Variable(
        "COSIGN_REGISTRY_CACERT",
        "is the certificate authority of the registry",
        "a path",
        option="registry_cacert",
        ours=True,
    ),
    Variable(
        "COSIGN_REGISTRY_CLIENT_CERT",
        "is our certificate towards the registry",
        "a path",
        option="registry_client_cert",
        ours=True,
    ),
    Variable(
        "COSIGN_REGISTRY_CLIENT_KEY",
        "is the key of that certificate",
        "a path",
        option="registry_client_key",
        ours=True,
    ),
    Variable(
        "COSIGN_REGISTRY_PASSWORD", "logs in to the registry", "a password", True, option="registry_password", ours=True
    ),
    Variable(
        "COSIGN_REGISTRY_TOKEN",
        "is sent to the registry as it is",
        "a bearer token",
        True,
        option="registry_token",
        ours=True,
    ),
    Variable("COSIGN_REGISTRY_USERNAME", "logs in to the registry", "a name", option="registry_username", ours=True),
    Variable("DOCKER_CONFIG", "is the folder of Docker's config.json", "a folder", ours=True),
    Variable("REGISTRY_AUTH_FILE", "is the file of registry credentials", "a path", option="auth_file", ours=True),
    Variable("GCE_METADATA_HOST", "is Google's metadata server, which hands out identity tokens", "a host", ours=True),
    Variable(
        "GOOGLE_APPLICATION_CREDENTIALS", "is the credential by which a Google account is acted as", "a path", ours=True
    ),
    Variable("HTTPS_PROXY", "is the proxy for https", "a URL", True, ours=True),
    Variable("HTTP_PROXY", "is the proxy for http", "a URL", True, ours=True),
    Variable("NO_PROXY", "lists hosts that are reached directly", "host names, comma separated", ours=True),
    Variable("HOME", "is the folder below which caches and credential files are looked for", "a folder", ours=True),
    Variable("XDG_CACHE_HOME", "is where fetched trust roots are kept, unless TUF_ROOT says", "a folder", ours=True),
    Variable("XDG_RUNTIME_DIR", "is where containers/auth.json may lie", "a folder", ours=True),
)
"""Every variable that means something here. Closed: nothing else is read, and a test holds it."""

OPTION_VARIABLES: t.Mapping[str, Variable] = {row.option: row for row in VARIABLES.values() if row.option}

_PREFIXES = ("COSIGN_", "SIGSTORE_", "TUF_")
_MASK = "******"


def show(
    environ: t.Mapping[str, str], from_task: t.Collection[str], descriptions: bool, sensitive: bool
) -> dict[str, t.Any]:
    """What `cosign env` shows, as data and as its lines: the registered variables, then whatever else starts with
    COSIGN_, SIGSTORE_ or TUF_ (masked, as cosign does), both sorted; then what else this collection reads, as data.

    `from_task` names the variables that the task's `environment:` set.
    """
    registered = [row for row in VARIABLES.values() if not row.ours]
    extra = sorted(name for name in environ if name.startswith(_PREFIXES) and not _registered(name))
    ours = [row for row in VARIABLES.values() if row.ours and row.name not in extra]
    rows = (
        [_entry(row.name, row, environ, from_task, sensitive) for row in registered]
        + [_entry(name, VARIABLES.get(name), environ, from_task, sensitive, mask=True) for name in extra]
        + [_entry(row.name, row, environ, from_task, sensitive) for row in ours]
    )
    if not descriptions:
        for row in rows:
            del row["description"], row["expects"]
    as_cosign = rows[: len(registered) + len(extra)]
    return {"variables": rows, "lines": [f"{row['name']}={row['value']}" for row in as_cosign]}


def _registered(name: str) -> bool:
    return name in VARIABLES and not VARIABLES[name].ours


def _entry(
    name: str,
    row: Variable | None,
    environ: t.Mapping[str, str],
    from_task: t.Collection[str],
    show_sensitive: bool,
    mask: bool = False,
) -> dict[str, t.Any]:
    value = environ.get(name, "")
    hidden = bool(value) and (mask or row is not None and row.sensitive) and not show_sensitive
    return {
        "name": name,
        "value": _MASK if hidden else value,
        "masked": hidden,
        "set": name in environ,
        "source": "task" if name in from_task else "process" if name in environ else "unset",
        "registered": _registered(name),
        "ours": row is not None and row.ours,
        "option": row.option if row else None,
        "description": row.description if row else None,
        "expects": row.expects if row else None,
    }
