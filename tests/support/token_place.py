# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A place where a task runs and looks for an identity token: variables, files, and servers on loopback."""

from __future__ import annotations

import contextlib
import typing as t

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import Transport, TransportOptions
from ansible_collections.supplychain.cosign.plugins.module_utils._services import ambient_google, ambient_spiffe
from ansible_collections.supplychain.cosign.plugins.module_utils._services.ambient import find_token
from tests.support.http_server import Exchange, HTTPServer, Request, Response

TOKEN = "canary-token-9c1e"
KEY = "canary-key-55ab"
"""What is sent to get a token; like the token itself it must not show anywhere."""
Answer = t.Callable[[Request], t.Optional[Response]]


class Server:
    """Answers as the test says, and keeps what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.requests: list[Request] = []
        self._answer = answer
        self._http = HTTPServer(self._handle, lambda request: Response(500))
        self.host = f"127.0.0.1:{self._http.port}"
        self.url = f"http://{self.host}"
        self.close = self._http.close

    def _handle(self, exchange: Exchange) -> Response | None:
        self.requests.append(exchange.request)
        response = self._answer(exchange.request)
        if response is None:
            exchange.pause()
        return response


class Task:
    """Where a task runs."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self.environ: dict[str, str] = {}
        self.files: dict[str, bytes | OSError] = {}
        self.options = TransportOptions(retries=2, total_timeout=20)

    def serve(self, answer: Answer) -> Server:
        server = Server(answer)
        self._stack.callback(server.close)
        return server

    def read(self, path: str) -> bytes:
        found = self.files.get(path, FileNotFoundError(2, "No such file or directory"))
        if isinstance(found, OSError):
            raise found
        return found

    def __call__(self, provider: str | None = None, audience: str = "sigstore") -> str | None:
        with Transport(self.options) as transport:
            return find_token(self.environ, self.read, transport, audience, provider)

    def refused(self, provider: str | None = None) -> Rejection:
        with pytest.raises(Rejection) as caught:
            self(provider)
        assert TOKEN not in caught.value.message and KEY not in caught.value.message
        assert caught.value.__cause__ is None
        return caught.value


@contextlib.contextmanager
def somewhere() -> t.Iterator[Task]:
    """A place without any token, whatever this machine is."""
    with contextlib.ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ambient_google, "_METADATA", "127.0.0.1:1")
        patch.setattr(ambient_spiffe, "_SOCKET", "/nowhere")
        yield Task(stack)
