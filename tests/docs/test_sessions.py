"""What README and docs/ show in their console blocks is what happens."""

from __future__ import annotations

import os
import re
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import need
from tests.docs.sessions import PAGES, ROOT, Session, Step, differs, session_of, steps_of
from tests.ingest.modules.test_samples import SAMPLES
from tests.services import program

SERVICES: Final = (
    "mkdir logs && python examples/generate.py --lines 1500 --format boot3 --output logs/services.log"
    " --start $(date -u -d '1 hour ago' +%FT%T)"
)
INDEXED: Final = f"{SERVICES} && sawlog up --once --no-web 'logs/*.log'"
NGINX: Final = next(path for path in SAMPLES if path.stem == "nginx.access")
STACK: Final = "cp examples/elastic-stack/filebeat.yml examples/elastic-stack/pipeline* ."
BEFORE: Final = {
    "README.md": f"{SERVICES} && head -n 20 logs/services.log > app.log && {STACK}",
    "docs/how-to/dashboards.md": SERVICES,
    "docs/how-to/filebeat-inputs.md": SERVICES,
    "docs/how-to/modules.md": f"mkdir -p logs/nginx && cp {shlex.quote(str(NGINX))} logs/nginx/access.log",
    "docs/how-to/own-pipeline.md": SERVICES,
    "docs/how-to/read-with-other-tools.md": INDEXED,
    "docs/how-to/troubleshoot.md": f"{INDEXED} && grep -m 3 ' ERROR ' logs/services.log > app.log && {STACK}",
    "docs/reference/http-api.md": SERVICES,
    "examples/several-pipelines/README.md": f"{SERVICES} && head -n 3 logs/services.log > app.log",
    "examples/containers/README.md": "cp examples/containers/* .",
}
"""What a page takes for granted."""

WITHOUT: Final = {
    "docs/how-to/alerts.md": "people who are told; tests/sawlog/watch/test_documents.py has its file",
    "docs/how-to/elasticsearch-and-kibana.md": "Elasticsearch; tests/sawlog/cli/test_setup.py",
    "docs/how-to/from-filebeat-and-logstash.md": "a Filebeat; tests/sawlog/cli/test_registry_import.py",
    "docs/how-to/ship.md": "ports of its own; tests/shipper/input/test_http_endpoint.py",
    "docs/tutorial/first-search.md": "make up; tests/e2e/test_up.py",
}
"""Pages with blocks that show output and are not run: what they need."""

SESSIONS: Final = {session.name: session for session in map(session_of, PAGES) if session.commands}


@pytest.fixture(scope="module")
def differences(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What is not as a page shows it; pages run side by side."""

    # Folders are made before there are threads: pytest makes them for one at a time.
    folders = [tmp_path_factory.mktemp("page") for _ in SESSIONS]

    def run(session: Session, folder: Path) -> list[str]:
        return session.run(folder, BEFORE.get(session.name, ""))

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return dict(zip(SESSIONS, pool.map(run, SESSIONS.values(), folders), strict=True))


@pytest.mark.parametrize("page", SESSIONS)
def test_a_page_shows_what_happens(page: str, differences: dict[str, list[str]]) -> None:
    if any("curl " in step.command for step in SESSIONS[page].commands):
        need(lambda: program("curl"))
    assert not differences[page], "\n\n".join(differences[page])


def test_what_shows_output_is_run() -> None:
    left = set()
    for page in PAGES:
        for marks, text in re.findall(r"(?ms)^```console([^\n]*)\n(.*?)^```$", page.read_text()):
            if not marks and any(step.shown.strip() for step in steps_of(text)):
                left.add(str(page.relative_to(ROOT)))
    assert left == set(WITHOUT)
    assert set(BEFORE) <= set(SESSIONS)


def test_a_difference_is_seen() -> None:
    def told(text: str, printed: str, code: int = 0, *marks: str) -> str:
        (step,) = steps_of(text, frozenset(marks))
        return differs(step, printed, code)

    assert told("$ a\n3\n", "4\n")
    assert not told("$ a\n3\n", "4\n", 0, "figures")
    assert told("$ a\n3 files\n", "4 lines\n", 0, "figures")
    assert not told("$ a\n", "anything\n")
    assert told("$ a\n", "anything\n", 1)
    assert not told("$ a\nseconds  0.2\n2026-11-27T17:21:01.165Z x\n", "seconds  1.7\n2026-11-28T17:21:01.165Z x\n")
    assert told("$ a\n2026-11-27T17:21:01.165Z INFO x\n", "2026-11-27T17:21:01.165Z INFO y\n")
    assert not told("$ a\n2026-11-27T17:21:01.165Z INFO x\n", "2026-11-27T17:21:01.165Z INFO y\n    at\n", 0, "events")
    assert told("$ a\n2026-11-27T17:21:01.165Z INFO x\n", "2026-11-27T17:21:01.165Z WARN y\n", 0, "events")
    assert not told("$ a\nit has a, … (b)\n", "it has a, c, d (b)\n")
    assert told("$ a\nit has a, … (b)\n", "it has a, c, d (c)\n")
    assert not told('$ a\n{"a":{"b":1}}\n', '{"a":{"b":2}}\n')
    assert told('$ a\n{"a":{"b":1}}\n', '{"a":{"c":1}}\n')


def test_a_command_of_several_lines_is_one() -> None:
    first, second = steps_of("$ curl -d '{\n  \"a\": 1}' \\\n  b\n{}\n$ c    # it's a remark\n")
    assert (first.command, first.shown) == ("curl -d '{\n  \"a\": 1}' \\\n  b", "{}\n")
    assert (second.command, second.shown) == ("c    # it's a remark", "")


def test_a_page_is_read_from_top_to_end(tmp_path: Path) -> None:
    (page := tmp_path / "page.md").write_text(
        "```yaml\n# a.yml: b\nx: 1\n```\n`b.log`:\n\n```text\nline\n```\n"
        "```console run\n$ cat a.yml\nx: 1\n```\n```console\n$ no\n```\n"
    )
    assert session_of(page).steps == [
        ("a.yml", "# a.yml: b\nx: 1\n"),
        ("b.log", "line\n"),
        Step("cat a.yml", "x: 1\n", frozenset()),
    ]
