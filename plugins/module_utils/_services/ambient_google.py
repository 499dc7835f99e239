# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""Identity tokens of Google: of its metadata server, and of a service account that is impersonated."""

from __future__ import annotations

import importlib
import json
import re
import typing as t
import urllib.parse
import warnings
from dataclasses import dataclass, field

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import JsonObject, parse_object
from ansible_collections.supplychain.cosign.plugins.module_utils._http.request import Reply
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import Transport, TransportOptions
from ansible_collections.supplychain.cosign.plugins.module_utils._http.url import origin_of
from ansible_collections.supplychain.cosign.plugins.module_utils._http.wire import Deadline
from ansible_collections.supplychain.cosign.plugins.module_utils._services.ambient_place import (
    Place,
    ask,
    check_status,
    no_token,
    value_of,
)

_METADATA = "169.254.169.254"
_ACCOUNT = "/computeMetadata/v1/instance/service-accounts/default"
_IAM = "https://iamcredentials.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_PRODUCT_NAME = "/sys/class/dmi/id/product_name"
_PRODUCTS = ("Google", "Google Compute Engine")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:-]*\Z")
_PROBE_SECONDS = 0.8
_SECONDS = 10.0


def workload_identity(place: Place) -> str | None:
    """The token of the machine's own service account, where something says that this is a machine of Google's."""
    return _workload_identity(place) if _is_google(place) else None


def probed_workload_identity(place: Place) -> str | None:
    """The same where nothing says so: the metadata server is asked whether it is there, for less than a second."""
    return _workload_identity(place) if not _is_google(place) and _answers(place) else None


def impersonate(place: Place) -> str | None:
    """The token of the service account that GOOGLE_SERVICE_ACCOUNT_NAME names, by the right of the account that runs
    here: of a credential file where there is one, else of the machine.

    Source: projects.serviceAccounts.generateIdToken of the IAM Service Account Credentials API.
    """
    account = place.environ.get("GOOGLE_SERVICE_ACCOUNT_NAME")
    if not account:
        return None
    if not _NAME.match(account):
        raise no_token("GOOGLE_SERVICE_ACCOUNT_NAME is no name of a service account; set it to its e-mail address.")
    info = _credential_file(place)
    if info is not None:
        access = _access_token(place.transport, info)
    else:
        access = value_of(_metadata(place, f"{_ACCOUNT}/token", {"scopes": _SCOPE}), "access_token")
    reply = ask(
        place.transport,
        "POST",
        f"{_IAM}/v1/projects/-/serviceAccounts/{account}:generateIdToken",
        body=json.dumps({"audience": place.audience, "includeEmail": True}).encode(),
        authorization=f"Bearer {access}",
    )
    return value_of(reply, "token")


def _workload_identity(place: Place) -> str | None:
    info = _credential_file(place)
    if info is not None:
        # Another kind than a service account's gives no identity tokens without impersonation.
        return _id_token(place, info) if info.get("type") == "service_account" else None
    reply = _metadata(place, f"{_ACCOUNT}/identity", {"audience": place.audience, "format": "full"})
    if reply.status == 404:  # a machine without service account
        return None
    check_status(reply)
    return reply.body.decode("ascii", "replace")


# The metadata server -------------------------------------------------------------------------------------------------


def _is_google(place: Place) -> bool:
    if place.environ.get("GCE_METADATA_HOST"):
        return True
    try:
        return place.text(_PRODUCT_NAME) in _PRODUCTS
    except Rejection:
        return False


def _answers(place: Place) -> bool:
    try:
        _metadata(place, "/", {}, _PROBE_SECONDS, retries=0)
    except Rejection:
        return False
    return True


def _metadata(
    place: Place, path: str, query: t.Mapping[str, str], seconds: float = _SECONDS, retries: int = 3
) -> Reply:
    """Ask the metadata server: in clear, as it is part of the machine, and never through a proxy, which is not."""
    host = place.environ.get("GCE_METADATA_HOST") or _METADATA
    url = f"{origin_of('http', host)}{path}{'?' if query else ''}{urllib.parse.urlencode(query)}"
    options = TransportOptions(user_agent=place.transport.options.user_agent, retries=retries)
    with Transport(options) as direct:
        reply = ask(
            direct, "GET", url, headers={"Metadata-Flavor": "Google"}, deadline=Deadline(seconds), in_clear=True
        )
    if reply.headers.get("metadata-flavor") != "Google":
        raise no_token(f"The server at {reply.url.origin} is not Google's metadata server; unset GCE_METADATA_HOST.")
    return reply


# Credential files, which Google's own library reads ------------------------------------------------------------------


def _credential_file(place: Place) -> JsonObject | None:
    """Application default credentials: the file of GOOGLE_APPLICATION_CREDENTIALS, else the one that gcloud keeps."""
    named, home = place.environ.get("GOOGLE_APPLICATION_CREDENTIALS"), place.environ.get("HOME")
    path = named or (f"{home}/.config/gcloud/application_default_credentials.json" if home else "")
    text = place.text(path) if path else None
    if text is None and named:
        raise no_token("The file of GOOGLE_APPLICATION_CREDENTIALS is not there; unset it, or put the file there.")
    return None if text is None else parse_object(text.encode(), "credential file of Google")


def _access_token(transport: Transport, info: JsonObject) -> str:
    library = _library("google.auth")

    def load() -> t.Any:
        with warnings.catch_warnings():  # that it reads any kind of credential, which is what we want
            warnings.simplefilter("ignore")
            return library.load_credentials_from_dict(info, scopes=[_SCOPE], request=_sender(transport))[0]

    return _refreshed(load, transport)


def _id_token(place: Place, info: JsonObject) -> str:
    kind = _library("google.oauth2.service_account").IDTokenCredentials
    return _refreshed(lambda: kind.from_service_account_info(info, target_audience=place.audience), place.transport)


def _refreshed(load: t.Callable[[], t.Any], transport: Transport) -> str:
    try:
        credentials = load()
        credentials.refresh(_sender(transport))
        token = credentials.token
    except Rejection:
        raise
    # Its messages may hold what the server answered, and the file's secrets.
    except Exception as error:
        raise no_token(
            f"The credential file of Google gave no access ({type(error).__name__} of google-auth); try gcloud auth "
            "application-default print-access-token there."
        ) from None
    if not isinstance(token, str) or not token:
        raise no_token("The credential file of Google gave an empty token; make a new one.")
    return token


@dataclass
class _Answer:
    """What google-auth takes for an HTTP response."""

    status: int
    headers: t.Mapping[str, str]
    data: bytes = field(repr=False)


def _sender(transport: Transport) -> t.Callable[..., _Answer]:
    """A google.auth.transport.Request that sends by our transport: its deadline, proxies and authorities."""

    def send(
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: t.Mapping[str, str] | None = None,
        timeout: t.Any = None,
        **_options: t.Any,
    ) -> _Answer:
        data = body.encode() if isinstance(body, str) else body
        reply = ask(transport, method, url, headers=headers, body=data)
        return _Answer(reply.status, reply.headers, reply.body)

    return send


def _library(name: str) -> t.Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise no_token(
            "To read a credential file of Google's the Python package google-auth is needed where the task runs; "
            "install it there, or give identity_token."
        ) from None
