# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a service answers, and the shape of that: what is left when everything is taken out that differs each time."""

from __future__ import annotations

import base64
import http.client
import json
import re
import typing as t
import urllib.parse
from dataclasses import dataclass

from tests.support.sigstore import der

JSON = "application/json"
HEADERS = ("content-type", "location", "etag", "allow", "x-log-index", "sct")
"""What of the headers is compared."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: t.Mapping[str, str]
    body: bytes


def ask(method: str, url: str, body: t.Any = None, kind: str | None = JSON, **headers: str) -> Answer:
    """`body` is sent as it is, or as JSON."""
    parts = urllib.parse.urlsplit(url)
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        sent = {**({"Content-Type": kind} if kind and data is not None else {}), **headers}
        connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), data, sent)
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, {name: told[name] for name in HEADERS if name in told}, answer.read())
    finally:
        connection.close()


def shape(found: t.Any) -> t.Any:
    """Names and types; of numbers in texts, that they are."""
    if isinstance(found, dict):
        return {name: shape(value) for name, value in found.items()}
    if isinstance(found, list):
        return [shape(one) for one in found]
    if isinstance(found, str):
        return text_shape(found)
    return type(found).__name__


def text_shape(text: str) -> t.Any:
    if "-----BEGIN" in text:
        return re.sub(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", r"PEM \1", text, flags=re.DOTALL)
    if re.fullmatch("[0-9a-f]{40,}", text):
        return "HEX"
    if re.fullmatch("[A-Za-z0-9+/]{40,}=*", text) and len(text) % 4 == 0:
        data = base64.b64decode(text)
        return {"BASE64 of": shape(json.loads(data))} if data.startswith(b"{") else "BASE64"
    if "\n\n\u2014 " in text:  # a checkpoint
        numbers = re.sub(r"^\d+$|(?<= - )\d+$", "N", text, flags=re.MULTILINE)
        return re.sub("[A-Za-z0-9+/=]{40,}", "BASE64", numbers)
    return "N" if text.isdigit() else re.sub(r"(?<=127\.0\.0\.1:)\d+", "PORT", text)


def der_shape(data: bytes) -> t.Any:
    """Tags; what is in an octet string that holds DER too."""
    found: list[t.Any] = []
    for tag, content in der.parts(data):
        inside = tag & 0x20 or (tag == 0x04 and content[:1] == b"\x30")
        # The names are written as UTF8String here and as PrintableString there.
        found.append((hex(0x0C if tag == 0x13 else tag), der_shape(content) if inside else None))
    return found


def shape_of(answer: Answer) -> t.Any:
    """Of an error, also what it says: but for the place in a text and whose UUID it is."""
    body: t.Any
    if answer.body[:1] == b"\x30":
        body = der_shape(answer.body)
    elif answer.body[:1] == b"{":
        found = json.loads(answer.body)
        # The name of an entry is a key.
        body = shape({text_shape(name): value for name, value in found.items()})
        if answer.status >= 400:
            said = re.sub(r"\(line \d+:\d+\)|(only|but) \[.*\] are", "…", found["message"])
            body["message"], body["code"] = re.sub("[0-9a-f]{64,}", "HEX", said), found["code"]
    else:
        body = text_shape(answer.body.decode())
    headers: dict[str, t.Any] = {name: re.sub("[0-9a-f]{64,}", "HEX", value) for name, value in answer.headers.items()}
    if "allow" in headers:
        headers["allow"] = sorted(headers["allow"].split(","))
    if "sct" in headers:
        headers["sct"] = text_shape(headers["sct"])
    return answer.status, headers, body
