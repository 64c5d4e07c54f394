"""Which modules may import which, and that a type's name means one thing.

Packages point one way, only filters know filters, nothing goes in circles.
"""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("dashboards", "ingest", "sawlog", "shipper")
KNOW_ALL = ("sawlog.cli", "sawlog.running")
"""What starts the parts, and so knows them."""


def modules() -> dict[str, Path]:
    """Return all modules by their names."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported(name: str) -> set[str]:
    """Return our modules that a module imports, be it late, in a function."""
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            found |= inside or {node.module}
    return (found & MODULES.keys()) - {name}


def is_in(name: str, *packages: str) -> bool:
    """Whether a module is one of these, or in one of them."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def test_nothing_imports_in_circles() -> None:
    """`static_order` raises an error that names the modules of a circle."""
    order = TopologicalSorter({name: imported(name) for name in MODULES}).static_order()
    assert len(list(order)) == len(MODULES)


@pytest.mark.parametrize("package", ["dashboards", "ingest", "shipper"])
def test_packages_do_not_know_one_another(package: str) -> None:
    """They share `sawlog`; in that, only what starts the parts knows them."""
    others = [other for other in PACKAGES if other not in (package, "sawlog")]
    for name in MODULES:
        if is_in(name, package):
            assert not [other for other in imported(name) if is_in(other, *others)], name
        elif is_in(name, "sawlog") and not is_in(name, *KNOW_ALL):
            assert not [other for other in imported(name) if is_in(other, package)], name


@pytest.mark.parametrize("package", ["ingest.input", "ingest.codec", "ingest.output", "ingest.lang", "ingest.grok"])
def test_only_filters_import_filters(package: str) -> None:
    """What others need, too, stands beside the filters' package and not in it; all may know what a filter is."""
    for name in MODULES:
        if is_in(name, package):
            known = imported(name) - {"ingest.filter.base"}
            assert not [other for other in known if is_in(other, "ingest.filter")], name


ROLES = ("Codec", "Filter", "Input", "Output", "Processor")
"""Plugins are called as their users call them; two of one name are told apart by what they are."""


def types(name: str) -> set[tuple[str, str]]:
    """Return the public types that a module makes, classes and aliases: each one's role, if it has one, and name."""
    found: set[tuple[str, str]] = set()
    for node in ast.parse(MODULES[name].read_text(encoding="utf-8")).body:
        match node:
            case ast.ClassDef(name=made, bases=bases):
                roles = {base.id for base in bases if isinstance(base, ast.Name)}.intersection(ROLES)
                found.add((roles.pop() if roles else "", made))
            case ast.Assign(targets=[ast.Name(id=made)], value=ast.Subscript() | ast.BinOp()) if re.match(
                "[A-Z][a-z]", made
            ):
                found.add(("", made))
            case _:
                pass
    return {(role, made) for role, made in found if not made.startswith("_")}


def test_a_name_of_a_type_means_one_thing() -> None:
    """Whoever reads a name in one file knows it in all others; what is the same thing stands in one place."""
    places: dict[tuple[str, str], list[str]] = {}
    for module in MODULES:
        for made in types(module):
            places.setdefault(made, []).append(module)
    assert not {made: modules for (_, made), modules in places.items() if len(modules) > 1}
