"""The chapter on logstash.yml and pipelines.yml in docs/reference/logstash-compatibility.md, made of the code.

``python -m ingest.node.reference`` prints it.
"""

from __future__ import annotations

from ingest.node.options import FAMILIES, NODE_OPTIONS, PIPELINE_OPTIONS
from ingest.options import Option

_HEAD = """## logstash.yml and pipelines.yml

Read from the folder that `--path.settings` names ([how](../how-to/run-several-pipelines.md)), keys with dots or nested.
`${NAME}` and `${NAME:default}` are filled in from the environment; a keystore is not read. Flags of the command line go
before logstash.yml; what an entry of pipelines.yml says holds for its pipeline. A setting that says Logstash's default
is let pass without a word; an unknown one is refused with the nearest known name.
"""
_TABLE = "| Setting | Here |\n|---|---|\n"


def chapter() -> str:
    """Write the chapter."""
    both = {name: option for name, option in NODE_OPTIONS.items() if name in PIPELINE_OPTIONS}
    alone = {name: option for name, option in NODE_OPTIONS.items() if name not in PIPELINE_OPTIONS}
    families = "".join(f"| `{start}*` | noted: {words} |\n" for start, words in FAMILIES.items())
    return (
        f"{_HEAD}\n### Of a pipeline, in both files\n\n{_TABLE}{_rows(both)}"
        f"\n### In logstash.yml alone\n\n{_TABLE}{_rows(alone)}{families}"
    )


def _rows(options: dict[str, Option]) -> str:
    return "".join(f"| `{name}` | {_state(option)} |\n" for name, option in options.items())


def _state(option: Option) -> str:
    if option.refused is not None:
        return f"refused: {option.refused}"
    if option.noted is not None:
        return f"noted: {option.noted}"
    if option.replaced_by is not None:
        return f"works as `{option.replaced_by}`"
    return f"works: {option.doc}"


if __name__ == "__main__":
    print(chapter(), end="")
