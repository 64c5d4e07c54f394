from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sawlog.cli.check import check


def run(*arguments: object) -> Result:
    return CliRunner().invoke(check, [str(argument) for argument in arguments])


def test_the_default_pipeline_holds_its_samples() -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert "samples hold" in result.output


def test_a_good_pipeline(tmp_path: Path) -> None:
    (file := tmp_path / "a.conf").write_text('filter { mutate { add_tag => "x" } }')
    result = run("-f", file)
    assert (result.exit_code, result.output) == (0, f"{file}: good\n")


def test_all_errors_are_told_with_their_places(tmp_path: Path) -> None:
    (file := tmp_path / "a.conf").write_text("filter {\n mutat { }\n drop { percent => 1 }\n}")
    result = run("-f", file)
    assert result.exit_code == 1
    assert f"{file}:2:2: there is no filter 'mutat'" in result.output
    assert f"{file}:3:9: drop has no option 'percent'" in result.output


@pytest.mark.parametrize(("arguments", "code"), [((), 1), (("--syntax",), 0)])
def test_syntax_needs_no_variables(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    (file := tmp_path / "a.conf").write_text('filter { drop { percentage => "${SAWLOG_NOT_SET}" } }')
    assert run("-f", file, *arguments).exit_code == code


def test_samples_are_run(tmp_path: Path) -> None:
    (file := tmp_path / "a.conf").write_text('filter { if [message] == "bad" { drop { } } mutate { add_tag => "x" } }')
    samples = tmp_path / "a.samples.yml"
    samples.write_text(
        "- {line: good, expect: {message: good}, absent: [a.b], tags: [x]}\n- {line: bad, expect: null}\n"
    )
    result = run("-f", file)
    assert result.exit_code == 0, result.output
    assert "2 samples hold" in result.output
    samples.write_text("- {line: good, expect: {message: other}}\n- event: {a: 1}\n  absent: [a]\n  tags: []\n")
    result = run("-f", file)
    assert result.exit_code == 1
    assert f"{samples}:1:3: sample 1: message is 'good', expected 'other'" in result.output
    assert f"{samples}:2:3: sample 2: a is 1, expected none" in result.output
    assert "sample 2: tags are ['x'], expected []" in result.output
