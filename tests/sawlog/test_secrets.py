"""Values of variables stay out of errors, logs and `--inspect`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from ingest.pipeline import Pipeline
from sawlog.cli.check import check
from sawlog.errors import ConfigErrors, SawlogError
from sawlog.secrets import hidden, remember
from tests.ingesting import SAWLOG, SECONDS

SECRET = "hunter2'\"\\ä\t!"


@pytest.mark.parametrize(
    "text",
    [
        'filter { drop { percentage => "${SAWLOG_SECRET}" } }',
        'filter { mutate { convert => { "a" => "${SAWLOG_SECRET}" } } }',
        'filter { grok { match => { "message" => "(${SAWLOG_SECRET}" } } }',
        'input { beats { port => "${SAWLOG_SECRET}" } }',
        'input { http { codec => "${SAWLOG_SECRET}" } }',
        'output { elasticsearch { hosts => ["http://${SAWLOG_SECRET}:x"] } }',
        'output { http { url => "http://h" http_method => "${SAWLOG_SECRET}" } }',
        'filter { date { match => ["a", "${SAWLOG_SECRET}"] } }',
    ],
)
def test_no_error_of_a_pipeline_shows_a_value(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAWLOG_SECRET", SECRET)
    with pytest.raises(ConfigErrors) as caught:
        Pipeline.from_text(text)
    assert "hunter2" not in str(caught.value)
    assert not any("hunter2" in error.message for error in caught.value.errors)


def test_no_error_of_a_filebeat_yml_shows_a_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAWLOG_SECRET", "hunter2")
    config = tmp_path / "filebeat.yml"
    config.write_text(
        "filebeat.inputs:\n- type: ${SAWLOG_SECRET}\n  id: a\n  paths: [a]\n"
        "output.elasticsearch:\n  hosts: ['${SAWLOG_SECRET}://a:1']\n  bulk_max_size: ${SAWLOG_SECRET}\n"
    )
    result = CliRunner().invoke(check, ["-c", str(config)])
    assert result.exit_code == 1
    assert "hunter2" not in result.output
    assert "${SAWLOG_SECRET}" in result.output


@pytest.mark.parametrize("given", ["user:pass-word@host", "https://user:pass-word@host:9200/x", "a-host, pass-word"])
def test_pieces_are_hidden_too(given: str) -> None:
    remember(given, "ADDRESS")
    assert str(SawlogError("it is pass-word that is wrong")) == "it is ${ADDRESS} that is wrong"


def test_a_short_value_is_hidden_where_it_stands_alone() -> None:
    remember("is", "SHORT")
    assert hidden("this is 'is', and got \"is\"") == "this is '${SHORT}', and got \"${SHORT}\""
    remember("", "EMPTY")
    assert hidden("''") == "''"


def test_inspect_hides_what_came_from_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAWLOG_SECRET", "hunter2-long")
    (file := tmp_path / "a.conf").write_text(
        'filter { mutate { add_field => { "token" => "x${SAWLOG_SECRET}x" "[a][b]" => "${SAWLOG_SECRET}" } } }'
    )
    done = subprocess.run(
        [SAWLOG, "ingest", "--inspect", "-f", str(file)],
        input="a line\n", check=False, text=True, capture_output=True, timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert '+ token: "x${SAWLOG_SECRET}x"' in done.stdout
