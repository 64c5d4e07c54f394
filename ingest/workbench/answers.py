"""What the workbench answers, as JSON asks and gets it: one function for each thing that can be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from ingest.grok.compiler import Expression
from ingest.grok.expand import REFERENCE
from ingest.grok.library import builtin
from ingest.workbench.kept import delete, kept_filters
from ingest.workbench.names import offered_names, offered_types
from ingest.workbench.saving import destination, save
from ingest.workbench.sections import section_of
from ingest.workbench.slots import by_shape
from ingest.workbench.stepping import next_steps
from ingest.workbench.suggesting import MAX_LINES, are_json, suggest
from ingest.workbench.trials import run_trial
from ingest.workbench.trying import try_lines
from sawlog.errors import InputError

MAX_ROWS: Final = 1_000
"""Of so many lines it is said what became of each; of the others they are counted."""
MAX_LINE: Final = 100_000
MAX_GROKS: Final = 20
MAX_GROK: Final = 20_000
MAX_GROUPS: Final = 50
MAX_OF_GROUP: Final = 20


def answer(what: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one request.

    Raises:
        SawlogError: it cannot be answered; the message is for whoever asked.
    """
    function = _ANSWERS.get(what)
    if function is None:
        raise InputError(f"there is nothing called {what!r} to ask")
    found = msgspec.to_builtins(function(request))
    assert isinstance(found, dict)
    return found


def _try(request: Mapping[str, Any]) -> dict[str, Any]:
    groks, lines = _groks(request), _lines(request)
    library = builtin(ecs=True)
    tried = try_lines(groks, lines, library)
    return {
        "rows": tried[:MAX_ROWS],
        "lines": len(tried),
        "matched": sum(one.grok is not None for one in tried),
        "runaway": sum(one.stop is not None and one.stop.runs_away for one in tried),
        "captures": _captures(groks),
    }


def _captures(groks: Sequence[str]) -> list[dict[str, Any]]:
    """Describe what expressions capture, and what it may be called."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for reference in (one for grok in groks for one in REFERENCE.finditer(grok) if one["field"]):
        field, _, kind = _split(reference["field"])
        name = reference["name"]
        found[name, field] = {
            "pattern": name,
            "field": field,
            "type": kind,
            "names": offered_names(name),
            "types": offered_types(name),
        }
    return list(found.values())


def _split(field: str) -> tuple[str, str, str]:
    name, colon, kind = field.rpartition(":")
    return (name, colon, kind) if colon and kind in ("int", "float", "string") else (field, "", "")


def _next(request: Mapping[str, Any]) -> Any:
    grok = request.get("grok", "")
    if not isinstance(grok, str) or len(grok) > MAX_GROK:
        raise InputError("grok is an expression, which may be empty")
    return next_steps(grok, _lines(request), builtin(ecs=True))


def _suggest(request: Mapping[str, Any]) -> dict[str, Any]:
    lines = _lines(request)
    return {"suggestions": suggest(lines), "json": are_json(lines[:100])}


def _group(request: Mapping[str, Any]) -> dict[str, Any]:
    lines = _lines(request, may_be_empty=True)
    groups = list(by_shape(lines).values())
    return {
        "lines": len(lines),
        "shapes": len(groups),
        "groups": [
            {"n": len(group), "sample": group[0], "lines": list(dict.fromkeys(group))[:MAX_OF_GROUP]}
            for group in groups[:MAX_GROUPS]
        ],
    }


def _filter(request: Mapping[str, Any]) -> dict[str, Any]:
    groks = _groks(request)
    library = builtin(ecs=True)
    section = section_of(groks, _lines(request), library)
    to = destination(_name(request), *_places(request))
    trial = run_trial(section.text, groks, request.get("events", []), library)
    return {
        "text": section.text,
        "samples": section.samples,
        "notes": section.notes,
        "file": str(to.file),
        "appends": to.appends,
        "before": [str(file) for file in to.before],
        "trial": trial,
    }


def _save(request: Mapping[str, Any]) -> dict[str, Any]:
    section = section_of(_groks(request), _lines(request), builtin(ecs=True))
    to = destination(_name(request), *_places(request))
    save(section, to)
    return {"file": str(to.file), "samples_file": str(to.samples), "text": section.text}


def _filters(request: Mapping[str, Any]) -> dict[str, Any]:
    return {"filters": kept_filters(*_places(request))}


def _delete(request: Mapping[str, Any]) -> dict[str, Any]:
    return {"file": str(delete(_name(request), str(request.get("text", "")), *_places(request)))}


def _lines(request: Mapping[str, Any], *, may_be_empty: bool = False) -> list[str]:
    lines = request.get("lines")
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise InputError("lines is a list of texts")
    if len(lines) > MAX_LINES:
        raise InputError(f"there are {len(lines):,} samples, and {MAX_LINES:,} at most are looked at")
    found = [line[:MAX_LINE] for line in lines if line.strip()]
    if not found and not may_be_empty:
        raise InputError("there are no samples: lines to try the expression on")
    return found


def _groks(request: Mapping[str, Any]) -> list[str]:
    groks = request.get("groks")
    if not isinstance(groks, list) or not all(isinstance(grok, str) for grok in groks):
        raise InputError("groks is a list of expressions")
    found = [grok for grok in groks if grok.strip()]
    if not found:
        raise InputError("there is no expression")
    if len(found) > MAX_GROKS or any(len(grok) > MAX_GROK for grok in found):
        raise InputError(f"at most {MAX_GROKS} expressions of {MAX_GROK:,} characters are tried")
    for grok in found:
        Expression(grok, builtin(ecs=True))
    return found


def _name(request: Mapping[str, Any]) -> str:
    return str(request.get("name", ""))


def _places(request: Mapping[str, Any]) -> tuple[Sequence[str], Path | None]:
    data = request.get("data")
    return [str(path) for path in request.get("pipeline", [])], Path(data) if data else None


_ANSWERS: Final[dict[str, Callable[[Mapping[str, Any]], Any]]] = {
    "try": _try,
    "next": _next,
    "suggest": _suggest,
    "group": _group,
    "filter": _filter,
    "save": _save,
    "filters": _filters,
    "delete": _delete,
}
