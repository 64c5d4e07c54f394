"""The page docs/how-to/write-a-grok-expression.md shows what the commands print."""

from __future__ import annotations

import re
from pathlib import Path

from ingest.grok.library import builtin
from ingest.pipeline import Pipeline
from ingest.samples import beside, run_samples
from ingest.workbench.sections import section_of
from ingest.workbench.suggesting import suggest

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "write-a-grok-expression.md").read_text(encoding="utf-8")


def test_what_is_proposed_for_the_lines_on_the_page(tmp_path: Path) -> None:
    found = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    lines = found[1].splitlines()
    proposed = suggest(lines)
    shown = "".join(
        f"{number}. {one.about} ({one.captures} fields)\n" + "".join(f"   {grok}\n" for grok in one.groks)
        for number, one in enumerate(proposed, 1)
    )
    assert f"--save orders.conf\n{shown}$" in PAGE
    section = section_of(proposed[0].groks, lines, builtin(ecs=True), after_failure=False)
    (tmp_path / "orders.conf").write_text(section.text)
    beside(tmp_path / "orders.conf").write_text(section.samples)
    count, wrong = run_samples(Pipeline.load([tmp_path / "orders.conf"]), beside(tmp_path / "orders.conf"))
    assert (f"orders.conf: good, {count} samples hold" in PAGE, wrong) == (True, [])
