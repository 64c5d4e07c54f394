"""The command `sawlog grok`: JSON lines, what a terminal shows, exit codes, hostile lines."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from sawlog.cli.grok import escape, grok
from sawlog.errors import ConfigError

ACCESS = '192.0.2.7 - bob [10/Oct/2023:13:55:36 +0000] "GET /a HTTP/1.1" 200 23'


def run(*arguments: str, lines: str) -> Result:
    return CliRunner().invoke(grok, arguments, input=lines)


def test_json_lines_where_there_is_no_terminal() -> None:
    result = run("%{WORD:[a][b]} %{INT:n:int}", lines="x 1\ny 2\n")
    assert result.exit_code == 0
    assert [json.loads(line) for line in result.output.splitlines()] == [
        {"a": {"b": "x"}, "n": 1},
        {"a": {"b": "y"}, "n": 2},
    ]


def test_a_line_that_does_not_match() -> None:
    result = run("%{WORD:a} %{INT:n}", lines="x 1\nx y\n")
    assert result.exit_code == 1
    good, bad = map(json.loads, result.output.splitlines())
    assert good == {"a": "x", "n": "1"}
    assert (bad["message"], bad["error"]["offset"]) == ("x y", 2)
    assert "%{INT:n}" in bad["error"]["message"]


def test_ecs_names() -> None:
    assert json.loads(run("%{HTTPD_COMMONLOG}", lines=ACCESS).output)["clientip"] == "192.0.2.7"
    fields = json.loads(run("--ecs", "%{HTTPD_COMMONLOG}", lines=ACCESS).output)
    assert fields["source"] == {"address": "192.0.2.7"}


def test_a_file_and_a_folder_of_patterns(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("CODE x[0-9]+\n")
    (log := tmp_path / "a.log").write_bytes(b"x12\r\n\xff x3\n")
    result = run("--patterns-dir", str(tmp_path / "mine"), "%{CODE:c}", str(log), lines="")
    assert [json.loads(line) for line in result.output.splitlines()] == [{"c": "x12"}, {"c": "x3"}]


def test_an_unknown_pattern_names_the_nearest() -> None:
    error = run("%{LOGLEVL}", lines="x").exception
    assert isinstance(error, ConfigError)
    assert "LOGLEVEL" in str(error)


def test_on_a_terminal(tmp_path: Path) -> None:
    (log := tmp_path / "a.log").write_text("x 1\nx \x1b[31my\n")
    assert _on_terminal("%{WORD:a} %{INT:n}", str(log)) == [
        "x 1",
        "{",
        '  "a": "x",',
        '  "n": "1"',
        "}",
        r"x \x1b[31my",
        "  ^",
        "no match: '%{INT:n}' does not match after '%{WORD:a} '",
    ]
    (log := tmp_path / "b.log").write_text("x 1\n")
    assert _on_terminal("--json", "%{WORD:a}", str(log)) == ['{"a": "x"}']


def test_control_characters_are_escaped() -> None:
    assert escape("a\x1b[2J\u202e\x00ü") == r"a\x1b[2J\u202e\x00ü"


def _on_terminal(*arguments: str) -> list[str]:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "from sawlog.cli.grok import grok; grok()", *arguments],
        stdout=slave,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    process.wait(30)
    os.close(slave)
    output = os.read(master, 100_000).decode()
    os.close(master)
    return output.splitlines()
