"""`sawlog watch` and what `sawlog check` says of its file."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sawlog.cli import sawlog
from sawlog.store.embedded.store import EmbeddedStore
from tests.sawlog.watch.conftest import add, documents, receiving

RULES = """
notify: [{name: team, url: '%s'}]
rules:
  - {name: errors, query: 'log.level: ERROR', more_than: 20, within: 5m, by: service.name}
  - {name: types, new: error.type}
  - {name: quiet, fewer_than: 1, query: 'service.name: payments', within: 10m}
"""
SPAN = ("--since", "2025-03-01T10:20:00Z", "--until", "2025-03-01T11:20:00Z", "--zone", "UTC")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(sawlog, [str(argument) for argument in arguments])


def file_of(tmp_path: Path, text: str = RULES % "json://127.0.0.1:9/hook") -> Path:
    (tmp_path / "alerts.yml").write_text(text)
    return tmp_path / "alerts.yml"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    async def fill() -> None:
        async with EmbeddedStore(tmp_path / "data" / "index") as store:
            await add(store, documents())

    (tmp_path / "data").mkdir()
    asyncio.run(fill())
    return tmp_path / "data"


def test_a_dry_run_shows_when_each_rule_would_have_fired(data: Path, tmp_path: Path) -> None:
    result = run("watch", "-c", file_of(tmp_path), "--data", data, "--dry-run", *SPAN)
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0] == ["RULE", "GROUP", "FIRES", "RECOVERS", "FOR", "PEAK", "TOLD"]
    day = "2025-03-01"
    assert rows[1:] == [
        ["errors", "orders", day, "10:33:30.000", day, "10:42:00.000", "8m", "30s", "30", "1"],
        ["quiet", day, "11:10:00.000", "still", "0", "1"],
    ]
    assert "2 times, by 2 of 3 rules; told 2 times" in result.stderr
    # Nothing is remembered of it, and nobody told.
    assert not (data / "alerts-state.json").exists()


def test_a_dry_run_as_json(data: Path, tmp_path: Path) -> None:
    result = run("watch", "-c", file_of(tmp_path), "--data", data, "--dry-run", "--json", *SPAN)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert found == [
        {
            "rule": "errors",
            "group": "orders",
            "since": "2025-03-01T10:33:30.000Z",
            "until": "2025-03-01T10:42:00.000Z",
            "peak": 30,
            "told": 1,
        },
        {"rule": "quiet", "group": None, "since": "2025-03-01T11:10:00.000Z", "until": None, "peak": 0, "told": 1},
    ]


def test_the_file_of_the_data_folder_is_the_usual_one(data: Path) -> None:
    file_of(data)
    assert "by 2 of 3 rules" in run("watch", "--data", data, "--dry-run", *SPAN).stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--since", "1h"), "are for --dry-run"),
        (("--dry-run", "--test"), "--dry-run tells nobody"),
        (("--dry-run", "--index", "logs-a"), "each rule says which index"),
        (("--dry-run", "--since", "soon"), "cannot understand the time"),
        (("--dry-run", "--since", "2000d"), "would be more than 200,000 windows"),
    ],
)
def test_what_cannot_be_asked(data: Path, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    result = run("watch", "-c", file_of(tmp_path), "--data", data, *arguments)
    assert result.exit_code != 0
    assert words in result.output + str(result.exception)


async def test_a_test_message(tmp_path: Path) -> None:
    async with receiving() as hook:
        file = file_of(tmp_path, RULES % hook.url)
        result = await asyncio.to_thread(run, "watch", "-c", file, "--data", tmp_path, "--test")
        assert (result.exit_code, result.stdout) == (0, "team: sent\n")
        assert hook.titles == ["[test] sawlog"]
        hook.status = 403
        result = await asyncio.to_thread(run, "watch", "-c", file, "--data", tmp_path, "--test")
        assert result.exit_code == 1
        assert "team: " in result.stderr
        assert "403" in result.stderr
        assert "T0KEN" not in result.output


def test_check_knows_the_file(tmp_path: Path) -> None:
    file = file_of(tmp_path)
    result = run("check", "--alerts", file)
    assert (result.exit_code, result.output) == (0, f"{file}: good, 3 rules, 1 to tell\n")
    file_of(tmp_path, (RULES % "jsn://x").replace("more_than", "more_then"))
    result = run("check", "--alerts", file)
    assert result.exit_code == 1
    assert f"{file}:4:47: a rule has no option 'more_then'" in result.output
    assert "did you mean 'more_than'?" in result.output
    file_of(tmp_path, RULES % "jsn://host/secret-T0KEN")
    result = run("check", "--alerts", file)
    assert result.exit_code == 1
    assert f"{file}:2:28: the address of 'team' begins with 'jsn://'" in result.output
    assert "T0KEN" not in result.output


def test_check_syntax_needs_no_variables(tmp_path: Path) -> None:
    file = file_of(tmp_path, RULES % "${SAWLOG_NOT_SET}")
    assert run("check", "--alerts", file).exit_code == 1
    assert run("check", "--alerts", file, "--syntax").exit_code == 0
