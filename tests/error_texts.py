"""Every text for people in the source: errors, warnings, talk, help, found by reading it; runs nothing of it.

A text is reduced to its fixed fragments: what stands between the values that are put into it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from procore_cli.errors import ProcoreLoginError

SOURCE = Path(__file__).parents[1] / "procore_cli"
# Who tells a warning; `report` is the data folder's word for it.
WARNERS = frozenset({"warn", "warn_once", "_warn", "_warn_once", "report", "_report"})
# Why something cannot be used, as a private exception carries it into an error's text.
REASONS = frozenset({"_FaultError", "BadValueError", "PasteError"})
TALKERS = frozenset({"say", "_say", "tell", "_tell", "show_wait", "prompt", "confirm"})
HELP_KEYS = frozenset({"help", "short_help", "epilog"})
_DEEPEST = 20
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Names = dict[str, list["Piece"]]


@dataclass(frozen=True)
class Text:
    """What is told: where it is made, by which class of errors if any, what it is, its fragments."""

    place: str
    maker: str
    kind: str
    fragments: tuple[str, ...]
    node: ast.expr


@dataclass(frozen=True)
class Piece:
    """An expression and the function (or module) in which its names mean something."""

    node: ast.AST
    scope: Scope


class Scope:
    """A function, or a module outside of all functions, and what the names in it may stand for."""

    def __init__(self, module: Module, node: ast.AST) -> None:
        self.module = module
        self.node = node
        self._names: _Names | None = None

    def find(self, name: str) -> list[Piece]:
        """What a name may stand for: a variable of ours, what callers pass to us, a constant."""
        if self._names is None:
            self._names = self._read_names()
        return self._names.get(name) or (self.module.top.find(name) if self is not self.module.top else [])

    def own_calls(self, node: ast.AST | None = None) -> Iterator[ast.Call]:
        """The calls in it, without those of the functions inside it."""
        for child in ast.iter_child_nodes(node or self.node):
            if not isinstance(child, _Function):
                if isinstance(child, ast.Call):
                    yield child
                yield from self.own_calls(child)

    def returned(self) -> list[Piece]:
        returns = (each for each in ast.walk(self.node) if isinstance(each, ast.Return))
        return [Piece(each.value, self) for each in returns if each.value is not None]

    def _read_names(self) -> _Names:
        is_top = not isinstance(self.node, _Function)
        found: _Names = {}
        for name, value in _assigned(self.node.body if is_top else ast.walk(self.node)):  # type: ignore[attr-defined]
            found.setdefault(name, []).append(Piece(value, self))
        if isinstance(self.node, _Function):
            parameters = [a.arg for a in self.node.args.args if a.arg not in ("self", "cls")]
            for call, scope in self.module.calls.get(self.node.name, []):
                for name, value in (*zip(parameters, call.args, strict=False), *_keywords(call)):
                    found.setdefault(name, []).append(Piece(value, scope))
        return found


class Module:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = ast.parse(path.read_text("utf-8"))
        self.top = Scope(self, self.tree)
        # Methods of several classes may have one name.
        scopes = [(n.name, Scope(self, n)) for n in ast.walk(self.tree) if isinstance(n, _Function)]
        self.functions = dict(scopes)
        self.calls: dict[str, list[tuple[ast.Call, Scope]]] = {}
        for scope in (self.top, *(scope for _, scope in scopes)):
            for call in scope.own_calls():
                self.calls.setdefault(_last_name(call.func), []).append((call, scope))

    def texts(self) -> Iterator[Text]:
        for call, scope in (each for calls in self.calls.values() for each in calls):
            for maker, kind, argument in _arguments(call):
                fragments = tuple(dict.fromkeys(_fragments(Piece(argument, scope), 0)))
                if fragments:
                    place = f"{self.path.relative_to(SOURCE).as_posix()}:{call.lineno}"
                    yield Text(place, maker, kind, fragments, argument)


@cache
def read_modules() -> tuple[Module, ...]:
    return tuple(Module(path) for path in sorted(SOURCE.rglob("*.py")))


@cache
def error_classes() -> dict[str, type[ProcoreLoginError]]:
    """Our errors by their names, those that a module keeps to itself too."""
    for module in read_modules():
        import_module(".".join(("procore_cli", *module.path.relative_to(SOURCE).with_suffix("").parts)))
    return {kind.__name__: kind for kind in list_errors(ProcoreLoginError)}


def list_errors(root: type[ProcoreLoginError]) -> Iterator[type[ProcoreLoginError]]:
    """A class, and each that is made from it."""
    yield root
    for kind in root.__subclasses__():
        yield from list_errors(kind)


@cache
def read_texts() -> tuple[Text, ...]:
    """Every text of the package that has a fixed fragment."""
    return tuple(text for module in read_modules() for text in module.texts())


def _fragments(piece: Piece, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    value = getattr(piece.node, "value", None)
    if isinstance(piece.node, ast.Constant) and isinstance(value, str) and "\n" not in value:
        yield from filter(None, [" ".join(value.split())])
    for part in _parts(piece):
        yield from _fragments(part, depth + 1)


def _parts(piece: Piece) -> list[Piece]:
    """What a text is made of, as far as reading tells."""
    node, scope = piece.node, piece.scope
    inner: list[ast.expr] = []
    if isinstance(node, ast.JoinedStr | ast.BoolOp | ast.Dict):
        inner = node.values
    elif isinstance(node, ast.BinOp):
        inner = [node.left, node.right]
    elif isinstance(node, ast.FormattedValue | ast.Starred | ast.Subscript | ast.NamedExpr):
        inner = [node.value]
    elif isinstance(node, ast.IfExp):
        inner = [node.body, node.orelse]
    elif isinstance(node, ast.Tuple | ast.List):
        inner = node.elts
    elif isinstance(node, ast.Lambda):
        inner = [node.body]
    elif isinstance(node, ast.Name):
        return scope.find(node.id) or _known_elsewhere(node.id, scope)
    elif isinstance(node, ast.Attribute):
        return _imported_constants().get(node.attr, [])
    elif isinstance(node, ast.Call):
        return _made_by(node, scope)
    return [Piece(each, scope) for each in inner]


def _made_by(call: ast.Call, scope: Scope) -> list[Piece]:
    name = _last_name(call.func)
    if name in ("get", "items", "values", "strip") and isinstance(call.func, ast.Attribute):
        return [Piece(call.func.value, scope)]
    function = scope.module.functions.get(name) or _lone_functions().get(name)
    if function is None:
        return scope.find(name)
    return function.returned()


def _known_elsewhere(name: str, scope: Scope) -> list[Piece]:
    """What a name stands for that is imported, or that is a function which is handed on."""
    function = scope.module.functions.get(name) or _lone_functions().get(name)
    return function.returned() if function else _imported_constants().get(name, [])


@cache
def _imported_constants() -> dict[str, list[Piece]]:
    """What the modules' constants stand for, since another module may name them."""
    found: dict[str, list[Piece]] = {}
    for module in read_modules():
        for name, value in _assigned(module.tree.body):
            if name.isupper():
                found.setdefault(name, []).append(Piece(value, module.top))
    return found


@cache
def _lone_functions() -> dict[str, Scope]:
    """The functions, and methods, whose name no other one has."""
    found: dict[str, list[Scope]] = {}
    for module in read_modules():
        for name, scope in module.functions.items():
            found.setdefault(name, []).append(scope)
    return {name: scopes[0] for name, scopes in found.items() if len(scopes) == 1}


def _assigned(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    for node in nodes:
        for target, value in _pairs(node):
            if isinstance(target, ast.Name):
                yield target.id, value


def _pairs(node: ast.AST) -> list[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.For | ast.comprehension):
        return [(each, node.iter) for each in ast.walk(node.target) if isinstance(each, ast.Name)]
    if isinstance(node, ast.AnnAssign | ast.NamedExpr | ast.AugAssign) and node.value is not None:
        return [(node.target, node.value)]
    if not isinstance(node, ast.Assign):
        return []
    target = node.targets[0]
    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
        return list(zip(target.elts, node.value.elts, strict=False))
    if isinstance(target, ast.Tuple):
        return [(each, node.value) for each in target.elts]
    return [(target, node.value)]


def _keywords(call: ast.Call) -> list[tuple[str, ast.expr]]:
    return [(k.arg, k.value) for k in call.keywords if k.arg]


def _arguments(call: ast.Call) -> Iterator[tuple[str, str, ast.expr]]:
    """The texts of a call that makes or tells something, each with its maker and its kind."""
    name = _last_name(call.func)
    is_copy = name == "reworded" or (isinstance(call.func, ast.Call) and _last_name(call.func.func) == "type")
    if name in error_classes() or is_copy:
        is_pair = bool(call.args) and isinstance(call.args[0], ast.Starred)
        passed = [call.args[0]] * 2 if is_pair else call.args
        yield from ((name, kind, text) for kind, text in zip(("message", "hint"), passed, strict=False))
        yield from ((name, key, text) for key, text in _keywords(call) if key in ("message", "hint"))
    elif name in WARNERS and call.args:
        yield from (("", kind, text) for kind, text in zip(("warning", "hint"), call.args, strict=False))
    elif name in REASONS and call.args:
        yield "", "reason", call.args[0]
    elif name in TALKERS and call.args:
        yield from (("", kind, text) for kind, text in zip(("talk", "hint"), call.args, strict=False))
    yield from (("", "help", text) for key, text in _keywords(call) if key in HELP_KEYS)


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
