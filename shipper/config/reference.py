"""The page docs/reference/filebeat-compatibility.md, made of the tables: ``python -m shipper.config.reference``."""

from __future__ import annotations

from collections.abc import Mapping as Table

from shipper.config.autodiscover import PROVIDERS, REFUSED_PROVIDERS
from shipper.config.inputs import CONTAINER, INPUT, JSON, KNOWN_TYPES, MULTILINE, OTHER_TYPES, SPRING_BOOT
from shipper.config.modules import FILESET, INSTEAD, MISSING_FILESETS, MODULES, OTHER_MODULES
from shipper.config.outputs import OUTPUTS, PARTITIONS, REFUSED_OUTPUTS, RULE
from shipper.config.processors import NOTED_PROCESSORS, PROCESSORS, REFUSED_PROCESSORS
from shipper.config.receivers import RECEIVERS
from shipper.config.root import ROOT
from shipper.config.schema import SectionOption, SectionOptions, Support

_HEAD = """# What of Filebeat's configuration works

Made of the shipper's own tables by `python -m shipper.config.reference`; a test compares the two.

- **works**: as in Filebeat 8; a remark says where it differs.
- **noted**: no effect here; said once at start, with what to use instead.
- **refused**: to ignore it would ship something else than asked; the shipper does not start, and names the line.

A key in no table is taken for a typo: a warning with the nearest known name, and with `--strict` an error. An option
that is empty, or a section with `enabled: false`, asks for nothing and is neither noted nor refused.
"""


def page() -> str:
    """Write the page."""
    parts = [_HEAD, _names("Inputs", KNOWN_TYPES, {}, OTHER_TYPES)]
    parts.append(_names("Outputs", dict.fromkeys(OUTPUTS, ""), {}, REFUSED_OUTPUTS))
    parts.append(_names("Processors", dict.fromkeys(sorted(PROCESSORS), ""), NOTED_PROCESSORS, REFUSED_PROCESSORS))
    parts.append(_names("Providers of autodiscover", dict.fromkeys(PROVIDERS, ""), {}, REFUSED_PROVIDERS))
    parts += [_table("The top of the file", ROOT), _table("An input", INPUT)]
    parts += [_table(f"An input of type `{name}`", options) for name, options in RECEIVERS.items()]
    parts += [_table(f"Autodiscover's provider `{name}`", options) for name, options in PROVIDERS.items()]
    parts.append(_modules())
    parts += [_table("`multiline`", MULTILINE), _table("`json`, and the parser `ndjson`", JSON)]
    parts.append(_table("The parser `container`", CONTAINER))
    parts.append(_table("`springboot`, of an input or a parser (sawlog's own)", SPRING_BOOT))
    parts += [_table(f"`output.{name}`", options) for name, options in OUTPUTS.items()]
    parts += [_table(f"`output.kafka.partition.{name}`", options) for name, options in PARTITIONS.items()]
    parts.append(_table("An entry of `indices`, `pipelines` and `topics`", RULE))
    parts += [_table(f"The processor `{name}`", options) for name, options in PROCESSORS.items() if options]
    return "\n".join(parts)


def _modules() -> str:
    rows = [
        f"| `{module}` | `{name}` | {', '.join(f'`{path}`' for path in fileset.paths)} |"
        f" {', '.join(f'`var.{variable}`' for variable in fileset.variables)} |"
        for module, filesets in MODULES.items()
        for name, fileset in filesets.items()
    ]
    refused = [f"- `{module}.{name}`: **refused**: {word}" for (module, name), word in MISSING_FILESETS.items()]
    variables = {
        f"{module}.{name}.var.{variable}": option
        for module, filesets in MODULES.items()
        for name, fileset in filesets.items()
        for variable, option in fileset.variables.items()
    }
    lines = [
        "## Modules\n",
        "The filesets that work, where each reads without `var.paths`, and what variables it has beside `var.paths` and"
        " `var.tags`.\n[How to use them](../how-to/modules.md).\n",
        "| module | fileset | files | variables |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
        *refused,
        f"- Refused modules ({INSTEAD}): {', '.join(f'`{name}`' for name in sorted(OTHER_MODULES))}.",
        "",
        _table("A fileset", {**FILESET, **variables}),
    ]
    return "\n".join(lines)


def _names(title: str, works: Table[str, str], noted: Table[str, str], refused: Table[str, str]) -> str:
    """Write a table of what there is in Filebeat: what works, with how it differs, and what of it does not."""
    answers = [
        *((name, "works, with a remark" if word else "works", word) for name, word in works.items()),
        *((name, "noted", word) for name, word in noted.items()),
        *((name, "refused", word) for name, word in refused.items()),
    ]
    rows = "\n".join(f"| `{name}` | {answer} | {word} |" for name, answer, word in answers)
    return f"## {title}\n\n| name | answer | remark |\n| --- | --- | --- |\n{rows}\n"


def _table(title: str, options: SectionOptions) -> str:
    rows = "\n".join(_row(name, option) for name, option in options.items())
    return f"## {title}\n\n| option | answer | remark |\n| --- | --- | --- |\n{rows}\n"


def _row(name: str, option: SectionOption) -> str:
    differs = option.answer is Support.DONE and option.word and option.now is None
    answer = "works, with a remark" if differs else option.answer.value
    word = option.word or (f"the older name of `{option.now}`" if option.now else "")
    if not word and option.one_of:
        word = ", ".join(one or "(empty)" for one in option.one_of)
    return f"| `{name}` | {answer} | {word} |"


if __name__ == "__main__":
    print(page(), end="")
