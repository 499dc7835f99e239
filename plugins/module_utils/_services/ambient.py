# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""Identity tokens that the place where a task runs has for it: the providers of cosign, by its names."""

from __future__ import annotations

import json
import re
import typing as t
import urllib.parse

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import Transport
from ansible_collections.supplychain.cosign.plugins.module_utils._services.ambient_google import (
    impersonate,
    probed_workload_identity,
    workload_identity,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._services.ambient_place import (
    Place,
    ask,
    no_token,
    plain_secret,
    value_of,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._services.ambient_spiffe import spiffe

_TOKEN_FILE = "/var/run/sigstore/cosign/oidc-token"
_BUILDKITE = "https://agent.buildkite.com/v3"
_JOB_ID = re.compile(r"[A-Za-z0-9._-]+\Z")


def _filesystem(place: Place) -> str | None:
    return place.text(_TOKEN_FILE)


def _envvar(place: Place) -> str | None:
    return place.environ.get("SIGSTORE_ID_TOKEN") or None


def _github_actions(place: Place) -> str | None:
    token, url = (place.environ.get(f"ACTIONS_ID_TOKEN_REQUEST_{name}") for name in ("TOKEN", "URL"))
    if not token or not url:
        return None
    query = urllib.parse.urlencode({"audience": place.audience})
    reply = ask(
        place.transport,
        "GET",
        f"{url}{'&' if '?' in url else '?'}{query}",
        authorization=f"bearer {plain_secret(token, 'ACTIONS_ID_TOKEN_REQUEST_TOKEN')}",
    )
    return value_of(reply, "value")


def _buildkite_agent(place: Place) -> str | None:
    token = place.environ.get("BUILDKITE_AGENT_ACCESS_TOKEN")
    if not token:
        return None
    job = place.environ.get("BUILDKITE_JOB_ID") or ""
    if not _JOB_ID.match(job):
        raise no_token("BUILDKITE_JOB_ID does not name the job that the token is for; run the task in the job.")
    endpoint = (place.environ.get("BUILDKITE_AGENT_ENDPOINT") or _BUILDKITE).rstrip("/")
    reply = ask(
        place.transport,
        "POST",
        f"{endpoint}/jobs/{job}/oidc/tokens",
        body=json.dumps({"audience": place.audience}).encode(),
        authorization=f"Token {plain_secret(token, 'BUILDKITE_AGENT_ACCESS_TOKEN')}",
    )
    return value_of(reply, "token")


class _Provider(t.NamedTuple):
    """Gives a token, or None where it is not at work; `needs` is what it is at work by."""

    name: str
    find: t.Callable[[Place], str | None]
    needs: str


_PROVIDERS = (
    _Provider("filesystem", _filesystem, f"the file {_TOKEN_FILE}"),
    _Provider("envvar", _envvar, "the variable SIGSTORE_ID_TOKEN"),
    _Provider(
        "github-actions",
        _github_actions,
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN and ACTIONS_ID_TOKEN_REQUEST_URL, which a job has that is given the permission "
        "id-token: write",
    ),
    _Provider("buildkite-agent", _buildkite_agent, "BUILDKITE_AGENT_ACCESS_TOKEN, which a job of Buildkite's has"),
    _Provider("google-workload-identity", workload_identity, "a machine of Google's that has a service account"),
    _Provider("google-impersonate", impersonate, "GOOGLE_SERVICE_ACCOUNT_NAME, the account to act as"),
    _Provider("spiffe", spiffe, "a workload API's socket where SPIFFE_ENDPOINT_SOCKET says"),
    # Asked again, last: where nothing says whether this is such a machine, finding out takes almost a second.
    _Provider("google-workload-identity", probed_workload_identity, "a machine of Google's that has a service account"),
)

PROVIDERS: tuple[str, ...] = tuple(dict.fromkeys(provider.name for provider in _PROVIDERS))
"""cosign's names, in the order in which it asks."""

NO_TOKEN = (
    "There is no identity token to sign with: identity_token is not given, and this is no place that has one "
    f"({', '.join(PROVIDERS)}). A task has no browser to log in with. Give identity_token (the token or its file) or "
    "set SIGSTORE_ID_TOKEN; in GitHub Actions give the job the permission id-token: write, in GitLab CI declare "
    "SIGSTORE_ID_TOKEN under id_tokens with aud: sigstore; or sign with a key."
)
"""What to tell where nothing was found."""


def find_token(
    environ: t.Mapping[str, str],
    read: t.Callable[[str], bytes],
    transport: Transport,
    audience: str,
    provider: str | None = None,
) -> str | None:
    """An identity token for `audience`, as the place where this runs hands it out: of the first of PROVIDERS that gives
    one, or of `provider` alone. None where none of them is at work here.

    `read` reads a small file, raising OSError. Raises AUTH_REFUSED, UNREACHABLE and what the transport raises; where
    all are tried, what the first that failed did. No message holds a token, neither ours nor one of the answer.
    """
    place = Place(environ, read, transport, audience)
    asked = [one for one in _PROVIDERS if provider in (None, one.name)]
    first: Rejection | None = None
    for one in asked:
        try:
            token = (one.find(place) or "").strip()
            if token:
                return token
        except Rejection as rejection:
            first = first or Rejection(
                rejection.code, f"The identity provider {one.name} gave no token. {rejection.message}"
            )
    if first is not None:
        raise first
    if provider is not None:
        raise no_token(f"The identity provider {provider} is not at work here: it needs {asked[0].needs}.")
    return None
