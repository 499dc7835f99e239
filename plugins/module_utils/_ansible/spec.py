# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t

from ansible.module_utils.common.validation import (
    check_mutually_exclusive,
    check_required_by,
    check_required_one_of,
    check_required_together,
)

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

Option = t.Mapping[str, t.Any]
Names = t.Sequence[str]


class ArgumentSpec:
    """The options of a module and how they relate: one object for the module, its action plugin and its option groups.

    Relations are checked by `check`, not by Ansible, so that a contradiction ends with a code like every refusal.
    """

    def __init__(
        self,
        options: t.Mapping[str, Option],
        *,
        mutually_exclusive: t.Sequence[Names] = (),
        required_together: t.Sequence[Names] = (),
        required_one_of: t.Sequence[Names] = (),
        required_by: t.Mapping[str, Names] | None = None,
    ) -> None:
        self.options = dict(options)
        self.mutually_exclusive = list(mutually_exclusive)
        self.required_together = list(required_together)
        self.required_one_of = list(required_one_of)
        self.required_by = dict(required_by or {})

    def merged(self, *others: ArgumentSpec) -> ArgumentSpec:
        """A new spec with the options and relations of all."""
        result = ArgumentSpec({})
        for spec in (self, *others):
            result.options.update(spec.options)
            result.mutually_exclusive += spec.mutually_exclusive
            result.required_together += spec.required_together
            result.required_one_of += spec.required_one_of
            result.required_by.update(spec.required_by)
        return result

    def secret_options(self) -> list[str]:
        return [name for name, option in self.options.items() if option.get("no_log")]

    def check(self, params: t.Mapping[str, t.Any], complete: bool = True) -> None:
        """Raise POLICY_UNSUPPORTED when options contradict each other or one is missing. What is missing may still come
        from variables elsewhere where they are not `complete`."""
        given = {name: value for name, value in params.items() if value is not None}
        relations: tuple[tuple[t.Callable[..., t.Any], t.Any, str], ...] = (
            (check_mutually_exclusive, self.mutually_exclusive, "give one of them"),
            (check_required_together, self.required_together if complete else [], "give all of them, or none"),
            (check_required_one_of, self.required_one_of, "give it"),
            (check_required_by, self.required_by, "give it too, or leave the other out"),
        )
        for check, relation, remedy in relations:
            try:
                check(relation, given)
            except TypeError as error:
                text = str(error)
                raise Rejection("POLICY_UNSUPPORTED", f"{text[:1].upper()}{text[1:]}; {remedy}.") from None
