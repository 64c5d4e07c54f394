"""The command `sawlog grok`: JSON lines, what a terminal shows, exit codes, hostile lines."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from sawlog.cli.check import check
from sawlog.cli.grok import escape, grok
from sawlog.errors import ConfigError, InputError

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


PIPED = "10.0.0.{0} | 2024-02-03T10:32:1{0}Z | orders | user=bob{0} took={0} ms | OK it is\n"
LINES = "".join(PIPED.format(number) for number in range(1, 4))


def test_expressions_are_suggested_and_saved(tmp_path: Path) -> None:
    (log := tmp_path / "a.log").write_text(LINES)
    conf = tmp_path / "orders.conf"
    result = run("--suggest", "--save", str(conf), str(log), lines="")
    first = json.loads(result.stdout.splitlines()[0])
    assert "took=%{INT:took:int} ms" in first["patterns"][0]
    assert CliRunner().invoke(check, ["-f", str(conf)]).output.endswith("good, 1 samples hold\n")
    again = run("--suggest", "--save", str(conf), str(log), lines="").exception
    assert isinstance(again, InputError)
    assert "exists already" in str(again)


def test_a_pattern_of_ones_own_is_saved(tmp_path: Path) -> None:
    conf = tmp_path / "p.conf"
    assert run("%{IP:[source][ip]}", "--save", str(conf), lines=LINES).exit_code == 0
    assert 'match => { "message" => "%{IP:[source][ip]}" }' in conf.read_text()
    error = run("%{UUID:id}", "--save", str(tmp_path / "q.conf"), lines=LINES).exception
    assert "matches none of the samples" in str(error)


def test_what_may_come_next() -> None:
    steps = [json.loads(line) for line in run("--next", r"^%{IP:ip} \| ", lines=LINES).stdout.splitlines()]
    assert {"next": "%{TIMESTAMP_ISO8601}", "fits": 3, "of": 3}.items() <= next(
        step for step in steps if step["next"].startswith("%{")
    ).items()
    assert "none of the lines" in str(run("--next", "^x", lines=LINES).exception)


def test_a_runaway_expression_is_interrupted_and_named() -> None:
    result = run("^(?:a|aa)+$", lines="a" * 60 + "b\naaa\n")
    assert result.exit_code == 1
    late, good = map(json.loads, result.stdout.splitlines())
    assert "'$' runs away after '^(?:a|aa)+'" in late["error"]["message"]
    assert good == {}


def test_what_does_not_go_together() -> None:
    assert "Missing argument 'PATTERN'" in run(lines="").output
    assert run("--suggest", "--next", lines="x\n").exit_code == 2
    assert "no lines" in str(run("--suggest", lines="\n").exception)
    assert "cannot be read" in str(run("--suggest", "/no/such/file", lines="").exception)
