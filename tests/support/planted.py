# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults that are planted into the verifier: each of its checks can be left out, one at a time.

What is a check is found in the source, so that none is forgotten. Whatever does nothing but refuse can be left out:
a `raise`, a `return` of a constant on the way, a statement that is only a call or a `yield`; and of a condition each
part by which it refuses: an operand of the `or` before a refusal, of the `and` that a function of kind bool returns or
that stands in `any(...)`, the filter of a comprehension.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import re
import sys
import typing as t
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

ROOM = "ansible_collections.supplychain.cosign.plugins.module_utils"
_ON = "_check_is_on"
_MUTATORS = frozenset("append extend add update pop sort clear close".split())
"""Methods that are called for what they change."""

_SHOWN = 56
_SWITCH = re.compile(rf" (?:or not|and) {_ON}\(\d+\)")
_PURE = re.compile(r"(?:^|\.)(?:end|only|_?check_\w+|_?refuse_\w+)$")
"""What does nothing but refuse: left out it is where its refusal is not heeded."""


@dataclass(frozen=True)
class Check:
    """A place that can be left out. `name` says where it is and what it is, in words of the source."""

    name: str
    number: int


@dataclass(frozen=True)
class _Code:
    path: Path
    code: CodeType


class Planted:
    """The modules of these packages (below ROOM), except those named, so compiled that each check can be left out."""

    def __init__(self, packages: t.Sequence[str], without: t.Collection[str] = ()) -> None:
        self.checks: list[Check] = []
        self.left_out = -1
        self.reached: set[int] = set()
        self._codes: dict[str, _Code] = {}
        folder = Path(__file__).resolve().parents[2] / "plugins/module_utils"
        for path in sorted(one for package in packages for one in (folder / package).glob("*.py")):
            if path.stem not in without:
                planter = _Planter(f"{path.parent.name}/{path.stem}", self.checks)
                tree = ast.fix_missing_locations(planter.visit(ast.parse(path.read_bytes())))
                code = compile(tree, str(path), "exec", dont_inherit=True)
                self._codes[f"{ROOM}.{path.parent.name}.{path.stem}"] = _Code(path, code)

    def is_on(self, number: int) -> bool:
        """What each check asks before it refuses."""
        self.reached.add(number)
        return number != self.left_out

    def load(self, *users: str) -> list[ModuleType]:
        """Those modules anew, without anything that they remember, and `users` (modules of tests) made with them. What
        was imported before stays in its place for everybody else."""
        names = [*self._codes, *users]
        before = {name: sys.modules.pop(name) for name in names if name in sys.modules}
        finder = _Finder(self._codes, self.is_on)
        sys.meta_path.insert(0, finder)
        try:
            return [importlib.import_module(name) for name in users]
        finally:
            sys.meta_path.remove(finder)
            for name in names:
                sys.modules.pop(name, None)
            for name, module in before.items():
                sys.modules[name] = module
                package, dummy, last = name.rpartition(".")
                with contextlib.suppress(KeyError):
                    setattr(sys.modules[package], last, module)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, codes: t.Mapping[str, _Code], is_on: t.Callable[[int], bool]) -> None:
        self._codes, self._is_on = codes, is_on

    def find_spec(
        self, fullname: str, path: t.Any, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._codes:
            return None
        return importlib.util.spec_from_file_location(fullname, self._codes[fullname].path, loader=self)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        vars(module)[_ON] = self._is_on
        exec(self._codes[module.__name__].code, vars(module))  # noqa: S102 - the project's own source


class _Planter(ast.NodeTransformer):
    """Puts a switch at each check, asked only where the check would refuse."""

    def __init__(self, module: str, checks: list[Check]) -> None:
        self._module, self._checks = module, checks
        self._scope: list[str] = []
        self._says_bool = False
        self._guards: list[str] = []
        self._names: dict[str, int] = {}

    # What surrounds a check

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._within(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        guards, self._guards = self._guards, []
        says_bool, self._says_bool = self._says_bool, node.returns is not None and "bool" in ast.unparse(node.returns)
        found = self._within(node)
        self._guards, self._says_bool = guards, says_bool
        return found

    def _within(self, node: ast.ClassDef | ast.FunctionDef) -> ast.AST:
        self._scope.append(node.name)
        node.body = self._all(node.body)
        self._scope.pop()
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        guard = ast.unparse(node.test)
        node.test = t.cast(ast.expr, self.visit(node.test))
        if _refuses(node.body[-1]):
            node.test = self._either(node.test, guard)
        node.body = self._guarded(f"if {guard}", node.body)
        node.orelse = self._guarded(f"if not {guard}", node.orelse)
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        head = f"for {ast.unparse(node.target)} in {ast.unparse(node.iter)}"
        node.iter = t.cast(ast.expr, self.visit(node.iter))
        node.body = self._guarded(head, node.body)
        return node

    def visit_While(self, node: ast.While) -> ast.AST:
        node.body = self._guarded(f"while {ast.unparse(node.test)}", node.body)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        node.body = self._guarded(f"except {ast.unparse(node.type) if node.type else ''}", node.body)
        return node

    def _guarded(self, guard: str, body: list[ast.stmt]) -> list[ast.stmt]:
        self._guards.append(guard)
        found = self._all(body)
        self._guards.pop()
        return found

    def _all(self, body: list[ast.stmt]) -> list[ast.stmt]:
        return [t.cast(ast.stmt, self.visit(one)) for one in body]

    # Statements

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return self._switched(self._guards[-1] if self._guards else ast.unparse(node), node)

    def visit_Return(self, node: ast.Return) -> ast.AST:
        if self._guards and _is_verdict(node):
            return self._switched(f"{self._guards[-1]}: {ast.unparse(node)}", node)
        whole = ast.unparse(node)
        self.generic_visit(node)
        if self._says_bool and node.value is not None and not isinstance(node.value, ast.Constant):
            node.value = self._all_of(node.value, whole)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if not self._scope or isinstance(node.value, ast.Constant):
            return node
        if isinstance(node.value, ast.Call) and getattr(node.value.func, "attr", "") in _MUTATORS:
            self.generic_visit(node)
            return node
        text = f"{self._guards[-1]}: {ast.unparse(node)}" if self._guards else ast.unparse(node)
        self.generic_visit(node)
        if isinstance(node.value, ast.Call) and _PURE.search(ast.unparse(node.value.func)):
            handler = ast.ExceptHandler(
                ast.Name("Exception", ast.Load()), None, [ast.If(self._ask(text), [ast.Raise()], [])]
            )
            return ast.copy_location(ast.Try([node], [handler], [], []), node)
        return self._switched(text, node)

    def _switched(self, text: str, node: ast.stmt) -> ast.AST:
        return ast.copy_location(ast.If(self._ask(text), [node], []), node)

    # Parts of conditions

    def _either(self, test: ast.expr, whole: str) -> ast.expr:
        """A condition that refuses, of which each part can be left out."""
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
            test.values = [
                self._joined(ast.And(), one, self._ask(f"if {whole} — {ast.unparse(one)}")) for one in test.values
            ]
        elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and isinstance(test.operand, ast.BoolOp):
            test.operand = self._all_of(test.operand, f"if {whole}")
        return test

    def _all_of(self, test: ast.expr, whole: str) -> ast.expr:
        """A condition that lets pass, of which each part can be left out."""
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            test.values = [self._waived(one, f"{whole} — {ast.unparse(one)}") for one in test.values]
            return test
        return self._waived(test, whole)

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        whole = ast.unparse(node).strip()
        self.generic_visit(node)
        if self._scope:
            node.ifs = [self._all_of(one, whole) for one in node.ifs]
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        whole = ast.unparse(node)
        self.generic_visit(node)
        name = getattr(node.func, "id", "")
        if name in ("any", "all") and self._scope and isinstance(node.args[0], ast.GeneratorExp):
            inner = node.args[0]
            if name == "all" or (isinstance(inner.elt, ast.BoolOp) and isinstance(inner.elt.op, ast.And)):
                inner.elt = self._all_of(inner.elt, whole)
        return node

    def _waived(self, test: ast.expr, text: str) -> ast.expr:
        return self._joined(ast.Or(), test, ast.UnaryOp(ast.Not(), self._ask(text)))

    def _joined(self, how: ast.boolop, *values: ast.expr) -> ast.expr:
        return ast.copy_location(ast.BoolOp(how, list(values)), values[0])

    def _ask(self, text: str) -> ast.expr:
        name = f"{self._module}:{'.'.join(self._scope)}: {_short(_SWITCH.sub('', text))}"
        self._names[name] = count = self._names.get(name, 0) + 1
        self._checks.append(Check(name if count == 1 else f"{name} ({count})", len(self._checks)))
        return ast.Call(ast.Name(_ON, ast.Load()), [ast.Constant(self._checks[-1].number)], [])


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]}…{text[-_SHOWN // 2 :]}"


def _is_verdict(node: ast.Return) -> bool:
    return isinstance(node.value, ast.Constant) and node.value.value in (True, False, None)


def _refuses(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Return):
        return _is_verdict(statement)
    is_yield = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Yield)
    return is_yield or isinstance(statement, ast.Raise)
