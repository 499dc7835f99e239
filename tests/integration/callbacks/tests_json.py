# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = """
name: tests_json
type: stdout
short_description: One JSON line a task result, for tests
description: Prints C({"task":…, "host":…, "result":…}).
"""

import json
import typing as t

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "tests_json"

    def _line(self, result: t.Any, **more: t.Any) -> None:
        task, host = getattr(result, "task", None) or result._task, getattr(result, "host", None) or result._host
        found = dict(getattr(result, "result", None) or result._result)
        print(
            json.dumps(
                {"task": task.get_name().split(" : ")[-1], "host": host.get_name(), "result": {**found, **more}},
                default=str,
            )
        )

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self._line(result)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self._line(result, failed=True)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        self._line(result, unreachable=True)

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        self._line(result, skipped=True)
