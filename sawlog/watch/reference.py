"""Prints docs/reference/alerts.md: ``python -m sawlog.watch.reference > docs/reference/alerts.md``."""

from __future__ import annotations

from collections.abc import Sequence

from sawlog.watch import options
from sawlog.watch.options import AlertOption
from sawlog.watch.template import NAMES


def page() -> str:
    """Return the page."""
    texts = [f"- {name}:\n\n{_block(text)}" for name, text in _texts()]
    names = "\n".join(f"| `{{{name}}}` | {words} |" for name, words in NAMES.items())
    return f"""# alerts.yml

The rules of `sawlog watch` and `sawlog up`; [alerts.md](../how-to/alerts.md) shows how to write some. This page is made
of the code: `python -m sawlog.watch.reference > docs/reference/alerts.md`. What is not on it is refused at the start,
with file, line and the nearest name; `sawlog check --alerts alerts.yml` says the same without starting anything.

Durations are whole seconds, written as `30s`, `5m`, `1h30m` or `7d`.

## The file

{_table(options.FILE)}

## A target of `notify`

It has a `url` or a `url_file`.

{_table(options.TARGET)}

## A rule

It has one of `more_than`, `fewer_than` and `new`.

{_table(options.RULE)}

## Texts

In `title`, `text` and `recovered_text`, names in braces are filled in; `{{{{` and `}}}}` are braces. Empty lines are
left out. What comes from events is put in as one line of at most 500 characters, without control characters, and calls
nobody (`@everyone`).

| name | what it is |
| --- | --- |
{names}
| `{{newest.FIELD}}` | a field of the newest event in the window: `{{newest.host.name}}` |

If nothing is given, these are

{chr(10).join(texts)}"""


def _texts() -> list[tuple[str, str]]:
    return [
        ("`title`", options.TITLE),
        ("`title`, of a rule with groups", options.TITLE_OF_GROUP),
        *((f"`text`, of `{kind}`", text) for kind, text in options.TEXTS.items()),
        ("`recovered_text`", options.RECOVERED_TEXT),
    ]


def _table(several: Sequence[AlertOption]) -> str:
    rows = [f"| `{one.name}` | {one.usual} | {one.words} |" for one in several]
    return "\n".join(["| option | if not given | what it is |", "| --- | --- | --- |", *rows])


def _block(text: str) -> str:
    return "".join(f"      {line}\n" for line in text.split("\n"))


if __name__ == "__main__":
    print(page(), end="")
