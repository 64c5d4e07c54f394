"""What the trees of programs say."""

from __future__ import annotations

from typing import Any

from lark import Token, Tree

from ingest.ruby.compiler.runs import Node
from ingest.ruby.errors import Unsupported


def place_of(tree: Any) -> tuple[int, int]:
    """Return line and column of the first token."""
    if isinstance(tree, Token):
        return tree.line or 1, tree.column or 1
    if getattr(tree.meta, "line", None) is not None:
        return tree.meta.line, tree.meta.column
    return 1, 1


def unsupported(message: str, tree: Any, word: str = "", hint: str | None = None) -> Unsupported:
    """Make an error that names the place."""
    line, column = place_of(tree)
    return Unsupported(message, line, column, word or (str(tree) if isinstance(tree, Token) else ""), hint)


def is_kind(child: Any, kind: str) -> bool:
    """Whether it is a token of that kind."""
    return isinstance(child, Token) and child.type == kind


def constant_name(tree: Node) -> str:
    """Return the name of a constant with those that it stands in."""
    names = []
    for one in tree.children:
        if isinstance(one, Tree):
            names.append(constant_name(one))
        elif one.type == "CONST":
            names.append(str(one))
    name = "::".join(names)
    return {"LogStash::Json": "LogStash::Json", "Fixnum": "Integer", "Bignum": "Integer"}.get(name, name)


def is_logger(receiver: Any) -> bool:
    """Whether messages for the log are sent to it."""
    if not isinstance(receiver, Tree):
        return False
    return receiver.data in ("identifier", "instance_variable") and str(receiver.children[0]) in ("logger", "@logger")


def parts_of_call(rest: list[Any]) -> tuple[Any, Any]:
    """Tell the arguments of a call from its block."""
    arguments = block = None
    for one in rest:
        if not isinstance(one, Tree):
            continue
        if one.data in ("block", "do_block"):
            block = one
        elif one.data == "call_arguments":
            inner = [child for child in one.children if isinstance(child, Tree)]
            if inner and inner[0].data in ("command", "method_command", "leave"):
                arguments = Tree("arguments", inner)
            else:
                arguments = inner[0] if inner else Tree("arguments", [])
        elif one.data == "arguments":
            arguments = one
    return arguments, block


def as_parameters(tree: Node) -> Node:
    """Return the tree of parameters that a list of names is."""
    children = [Tree("plain_parameter", [one]) if is_kind(one, "PARAM") else one for one in tree.children]
    return Tree("parameters", children)


def uses(tree: Any, kind: str) -> bool:
    """Whether tokens of that kind stand in a tree."""
    return any(is_kind(child, kind) for one in tree.iter_subtrees() for child in one.children)


def is_splat(part: Node) -> bool:
    """Whether it takes what is left over."""
    return part.data == "target" and isinstance(part.children[0], Tree) and part.children[0].data == "splat_target"


def splatted(part: Node) -> Any:
    """Return what takes what is left over."""
    if is_splat(part):
        return splatted(part.children[0])
    if part.data != "splat_target":
        return part
    return part.children[1] if len(part.children) > 1 else None
