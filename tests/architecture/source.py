"""The project's own Python, parsed once."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OWN = ("apps", "project", "tests", "benchmarks", "scripts", "conftest", "manage")
AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Import:
    """`name` is the dotted name imported; `inside` the function around it, if any."""

    name: str
    line: int
    inside: str | None


@dataclass
class Module:
    path: Path
    text: str
    tree: ast.Module

    @cached_property
    def file(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def name(self) -> str:
        return self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    @property
    def is_test(self) -> bool:
        return "tests" in self.path.parts or self.path.name == "conftest.py"

    @property
    def app(self) -> str | None:
        parts = self.name.split(".")
        return parts[1] if parts[0] == "apps" and len(parts) > 1 else None

    def functions(self) -> Iterator[AnyFunction]:
        return (node for node in ast.walk(self.tree) if isinstance(node, AnyFunction))

    @cached_property
    def imports(self) -> list[Import]:
        return list(imports_of(self.tree, None))


def imports_of(node: ast.AST, inside: str | None) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, inside) for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            yield from (Import(f"{child.module}.{a.name}", child.lineno, inside) for a in child.names)
        else:
            yield from imports_of(child, child.name if isinstance(child, AnyFunction) else inside)


@cache
def modules() -> tuple[Module, ...]:
    files = [path for top in OWN for path in [*ROOT.glob(f"{top}/**/*.py"), ROOT / f"{top}.py"]]
    return tuple(
        Module(path, text := path.read_text(encoding="utf-8"), ast.parse(text))
        for path in sorted(files)
        if path.is_file() and "migrations" not in path.parts
    )


def sources() -> list[Module]:
    return [module for module in modules() if not module.is_test]
