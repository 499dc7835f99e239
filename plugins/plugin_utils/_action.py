# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import os
import sys
import tempfile
import time
import typing as t

from ansible import constants as C
from ansible.errors import AnsibleFileNotFound
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import (
    Context,
    Result,
    Task,
    execute,
    failure,
    prepare,
    secrets_of,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.trust import handed_over
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.environment import VARIABLES
from ansible_collections.supplychain.cosign.plugins.plugin_utils._cache import RunCache
from ansible_collections.supplychain.cosign.plugins.plugin_utils._masking import mask

display = Display()

HANDED_OVER = ("_environment", "_from_task", "_trusted_root")
"""Options by which a task's secrets and trust reach a managed host; nobody writes them."""


def _run_folder() -> str:
    """Ansible's own temporary folder of this run: 0700, shared by the forks, removed at the end and on ^C."""
    return str(C.DEFAULT_LOCAL_TMP)  # type: ignore[attr-defined]


class CosignAction(ActionBase):
    """Runs a module's task on the controller, or hands it to the module on the managed host (`run_on: target`)."""

    TRANSFERS_FILES = False
    _requires_connection = False
    task: Task
    hand_over: t.Callable[[Context], dict[str, t.Any]] = staticmethod(handed_over)
    """Further arguments for the module on a managed host: what only the controller can fetch."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> Result:
        result: Result = super().run(tmp, task_vars)
        del tmp
        environment = self._environment()
        try:
            self._refuse_handed_over()
            on_target = self._is_on_target()
        except Rejection as rejection:
            return {**result, **failure(rejection)}
        if on_target:
            return {**result, **self._on_target(environment, task_vars)}
        return {**result, **self._on_controller(environment)}

    def _refuse_handed_over(self) -> None:
        for name in HANDED_OVER:
            if name in self._task.args:
                raise Rejection("POLICY_UNSUPPORTED", f"The option {name} is not to be given; leave it out.")

    # Which machine -----------------------------------------------------------------------------------------------

    def _is_on_target(self) -> bool:
        """`run_on`, or where it is not given the controller; never by guess where files of a machine are meant."""
        run_on = self._task.args.get("run_on")
        if run_on is not None:
            return bool(run_on == "target")
        if self._connection.transport == "local":
            return False
        # As the options' types read them: `ephemeral: "no"` is no, "a,oci:b" are two places.
        places = self.task.places(self._validated().validated_parameters)
        if places:
            raise Rejection(
                "POLICY_UNSUPPORTED",
                f"{' and '.join(places)} may mean files of the controller or of this host; set run_on to controller or "
                "target.",
            )
        if self._task.delegate_to:
            display.warning(
                f"{self._task.action} runs on the controller although it is delegated to {self._task.delegate_to}; "
                "set run_on: target to run it there, or run_on: controller to say that this is meant."
            )
        return False

    def _on_target(self, environment: dict[str, str], task_vars: dict[str, t.Any] | None) -> Result:
        """The arguments as they were written, and secrets of the task's environment as a hidden option: core would put
        the environment into the command line of the host. What could not be meant is refused here, before anything is
        fetched or copied."""
        validation = self._validated()
        if validation.error_messages:
            return self._invalid(validation, environment)
        given = {name: validation.validated_parameters.get(name) for name in self.task.spec.options}
        try:
            # Of the variables only the task's own go along with it.
            params = prepare(self.task, given, environment, environment, complete=False)
            trusted_root = self._trusted_root(params, environment)
        except Rejection as rejection:
            return mask(failure(rejection), secrets_of(self.task, given, environment))
        named = [key[len("env://") :] for key in _keys_of(params) if key.startswith("env://")]
        hidden = {name: value for name, value in environment.items() if _is_secret(name, value) or name in named}
        arguments = {**self._task.args, **trusted_root}
        if environment:
            arguments.update(_environment=hidden, _from_task=sorted(environment))
        written = self._task.environment
        try:
            self._task.environment = [{name: value for name, value in environment.items() if name not in hidden}]
            answer: Result = self._execute_module(
                module_name=self._task.resolved_action or self._task.action, module_args=arguments, task_vars=task_vars
            )
        finally:
            self._task.environment = written
        # What the callbacks print of the call is masked by the module itself; the hidden option is nobody's business.
        for name in HANDED_OVER:
            answer.get("invocation", {}).get("module_args", {}).pop(name, None)
        return answer

    def _trusted_root(self, params: dict[str, t.Any], environment: dict[str, str]) -> dict[str, t.Any]:
        """What the task on the host is to trust, and whom to ask, by default: only the controller can fetch it."""
        if "_trusted_root" not in self.task.spec.options:
            return {}
        return self.hand_over(
            Context(
                params=params,
                environ={**os.environ, **environment},
                files=ControllerFiles(self),
                from_task=frozenset(environment),
                cache=self._cache(),
            )
        )

    def _cache(self) -> RunCache:
        return RunCache(_run_folder(), str(self._task._uuid), bool(self._task.until or self._task.retries))

    def _on_controller(self, environment: dict[str, str]) -> Result:
        validation = self._validated()
        environ = {**os.environ, **environment}
        if validation.error_messages:
            return self._invalid(validation, environ)
        secrets = secrets_of(self.task, validation.validated_parameters, environ)
        context = Context(
            params={name: validation.validated_parameters.get(name) for name in self.task.spec.options},
            environ=environ,
            files=ControllerFiles(self),
            check_mode=bool(self._task.check_mode),
            from_task=frozenset(environment),
            cache=self._cache(),
            progress=_progress(),
        )
        result = execute(self.task, context)
        if not self._task.diff:
            result.pop("diff", None)
        # A variable that the task's options resolved may be a secret of its own.
        return mask(result, secrets | secrets_of(self.task, context.params, {}))

    def _invalid(self, validation: t.Any, environ: t.Mapping[str, str]) -> Result:
        """What core says of options that are none, or are not of their type."""
        unsupported = isinstance(validation.errors[0], UnsupportedError)
        text = f"{'Unsupported parameters: ' if unsupported else ''}{'; '.join(validation.error_messages)}"
        return mask({"failed": True, "msg": text}, secrets_of(self.task, validation.validated_parameters, environ))

    def _validated(self) -> t.Any:
        return ArgumentSpecValidator(self.task.spec.options).validate(dict(self._task.args))

    def _environment(self) -> dict[str, str]:
        """The task's `environment:`, block by block, the innermost last, as core merges it."""
        merged: dict[str, str] = {}
        for one in self._task.environment or []:
            templated = self._templar.template(one) if one else {}
            merged.update({str(name): str(value) for name, value in (templated or {}).items()})
        return merged


class ControllerFiles:
    """Files as `copy: src` finds them, and as a playbook means them when they are written."""

    def __init__(self, action: CosignAction) -> None:
        self._action = action

    def find(self, path: str) -> str:
        try:
            return str(self._action._find_needle("files", os.path.expanduser(path)))  # type: ignore[no-untyped-call]
        except AnsibleFileNotFound:
            return self.target(path)

    def target(self, path: str) -> str:
        return os.path.normpath(os.path.join(self._action._loader.get_basedir(), os.path.expanduser(path)))

    def ephemeral(self) -> str:
        return tempfile.mkdtemp(prefix="cosign-login-", dir=_run_folder())

    def is_ephemeral(self, path: str) -> bool:
        return os.path.realpath(path).startswith(os.path.realpath(_run_folder()) + os.sep)


def _keys_of(params: t.Mapping[str, t.Any]) -> list[str]:
    """What the options (and variables that stand for them) name as keys."""
    signers = [one.get("key") for one in params.get("signers") or []]
    return [str(key) for key in (params.get("key"), *(params.get("keys") or []), *signers)]


def _is_secret(name: str, value: str) -> bool:
    if "PRIVATE KEY-----" in value:
        return True
    variable = VARIABLES.get(name.upper())
    # cosign masks every COSIGN_, SIGSTORE_ and TUF_ variable that it does not know: one may be a secret.
    return variable.sensitive if variable else name.startswith(("COSIGN_", "SIGSTORE_", "TUF_"))


def _progress() -> t.Callable[[int, int, int], None] | None:
    """Shows how far a long task is, with `-v`, and only to a person at a terminal."""
    if display.verbosity < 1 or not sys.stderr.isatty():
        return None
    started = time.monotonic()
    last = started

    def show(done: int, total: int, refused: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < 1 and done < total:
            return
        last = now
        rate = done / max(now - started, 0.001)
        left = (total - done) / rate if rate else 0
        print(f"{done}/{total}, {refused} refused, {rate:.0f}/s, {left:.0f} s left", file=sys.stderr, flush=True)

    return show
