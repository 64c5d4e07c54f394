"""Filters of expressions: what is written, that it holds its samples, where it goes, and what is refused."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ingest.grok.library import builtin
from ingest.pipeline import DEFAULT, Pipeline
from ingest.samples import run_samples
from ingest.workbench.saving import destination, own_filters, save
from ingest.workbench.sections import quoted, section_of, time_formats
from ingest.workbench.suggesting import suggest
from ingest.workbench.trials import run_trial
from sawlog.errors import ConfigErrors, InputError, SawlogError

LINES = [
    "10.0.0.7 | 2024-02-03T10:32:11Z | orders | user=bob took=12 ms | OK created it",
    "10.0.0.8 | 2024-02-03T10:32:12Z | billing | user=alice took=7 ms | FAILED not found here",
]
LIBRARY = builtin(ecs=True)
FAILED = ["_grokparsefailure"]


def groks() -> list[str]:
    return list(suggest(LINES)[0].groks)


def test_a_filter_reads_what_others_did_not(tmp_path: Path) -> None:
    section = section_of(groks(), LINES, LIBRARY)
    to = destination("orders", [], tmp_path)
    save(section, to)
    assert (to.file, to.before) == (tmp_path / "pipelines" / "01-orders.conf", (DEFAULT,))
    assert own_filters(tmp_path) == (to.file,)
    pipeline = Pipeline.load([DEFAULT, to.file])
    assert run_samples(pipeline, to.samples) == (2, [])
    (event,) = pipeline.filter([{"message": LINES[0]}])
    assert (event["took"], event["@timestamp"], event["message"], event["tags"]) == (
        12,
        "2024-02-03T10:32:11.000Z",
        "OK created it",
        [],
    )
    assert "timestamp" not in event
    assert "sawlog" not in event


def test_the_next_one_runs_after_it(tmp_path: Path) -> None:
    section = section_of(groks(), LINES, LIBRARY)
    save(section, destination("orders", [], tmp_path))
    assert destination("a", [], tmp_path).file.name == "02-a.conf"
    with pytest.raises(InputError, match="already"):
        destination("orders", [], tmp_path)


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", ".a", "a.conf", "a" * 80, "a\n"])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no name"):
        destination(name, [], tmp_path)


def test_a_folder_of_pipelines(tmp_path: Path) -> None:
    (tmp_path / "10-main.conf").write_text("filter { springboot { } }")
    to = destination("orders", [str(tmp_path)], None)
    assert (to.file.name, to.appends) == ("orders.conf", False)
    (tmp_path / "zebra.conf").write_text("filter { }")
    assert destination("orders", [str(tmp_path)], None).file.name == "zebra_orders.conf"
    save(section_of(groks(), LINES, LIBRARY), destination("orders", [str(tmp_path)], None))
    assert Pipeline.load([tmp_path])


def test_a_glob(tmp_path: Path) -> None:
    (tmp_path / "10-main.conf").write_text("filter { springboot { } }")
    assert destination("orders", [f"{tmp_path}/*.conf"], None).file == tmp_path / "orders.conf"
    with pytest.raises(InputError, match="would not be read"):
        destination("orders", [f"{tmp_path}/1*.conf"], None)


def test_the_only_file_is_added_to(tmp_path: Path) -> None:
    file = tmp_path / "p.conf"
    file.write_text("filter { springboot { } }\n")
    file.chmod(0o640)
    to = destination("orders", [str(file)], None)
    assert (to.file, to.appends) == (file, True)
    save(section_of(groks(), LINES, LIBRARY), to)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert file.read_text().startswith("filter { springboot { } }\n\n# Made by")
    assert (tmp_path / "p.conf~").read_text() == "filter { springboot { } }\n"
    assert run_samples(Pipeline.load([file]), to.samples) == (2, [])


def test_what_the_pipeline_reads_already_is_refused(tmp_path: Path) -> None:
    line = "2017-07-04 11:11:37.921  INFO 60820 --- [main] br.com.Service      : GET DATA"
    section = section_of(["^%{SPRINGBOOT}$"], [line], LIBRARY)
    with pytest.raises(InputError, match="reads such lines already"):
        save(section, destination("boot", [], tmp_path))
    assert not list(tmp_path.rglob("*"))


def test_a_broken_pipeline_gets_no_filter(tmp_path: Path) -> None:
    (tmp_path / "main.conf").write_text("filter { sprungboot { } }")
    with pytest.raises(ConfigErrors, match="sprungboot"):
        save(section_of(groks(), LINES, LIBRARY), destination("orders", [str(tmp_path)], None))
    assert [file.name for file in tmp_path.iterdir()] == ["main.conf"]


def test_a_trial_on_events() -> None:
    section = section_of(groks(), LINES, LIBRARY)
    events = [{"message": line, "tags": FAILED} for line in [*LINES, "no such line"]]
    trial = run_trial(section.text, groks(), [*events, {"message": LINES[0]}, {"message": "y"}], LIBRARY)
    assert (trial.events, trial.tried, trial.matched, trial.late, trial.others) == (5, 3, 2, 0, 1)
    assert trial.missed == ("no such line",)
    assert trial.microseconds > 0


@pytest.mark.parametrize(
    "grok", ['say "%{WORD:w}"', "it's %{WORD:w}", """both " and ' %{WORD:w}""", r"%{WORD:w}\\", "${HOME}%{WORD:w}"]
)
def test_strings_of_a_pipeline_file(grok: str) -> None:
    text = "filter { grok { match => { message => " + quoted(grok) + " } } }"
    line = grok.replace("%{WORD:w}", "word").replace("\\\\", "\\")
    (event,) = Pipeline.from_text(text).filter([{"message": line}])
    if not grok.startswith("$"):
        assert event["w"] == "word"
    else:
        # As an expression, "$" is the end of a line; it is not the environment's variable in any case.
        assert "w" not in event


def test_control_characters_are_refused() -> None:
    with pytest.raises(SawlogError, match="control character"):
        quoted("a\x1bb")


def test_nothing_matched_nothing_saved() -> None:
    with pytest.raises(InputError, match="none of the samples"):
        section_of(["^x$"], LINES, LIBRARY)


@pytest.mark.parametrize(
    ("time", "formats"),
    [
        ("2024-02-03T10:32:11.5+01:00", ["ISO8601"]),
        ("2024-02-03 10:32:11,041", ["yyyy-MM-dd HH:mm:ss,SSS"]),
        ("2024-02-03 10:32:11+01:00", ["yyyy-MM-dd HH:mm:ssZZ"]),
        ("10/Oct/2023:13:55:36 +0000", ["dd/MMM/yyyy:HH:mm:ss Z"]),
        ("Feb  3 10:32:11", ["MMM  d HH:mm:ss", "MMM dd HH:mm:ss"]),
        ("2024/02/03 10:32:11", ["yyyy/MM/dd HH:mm:ss"]),
        ("03-Feb-2024 10:32:11.505", ["dd-MMM-yyyy HH:mm:ss.SSS"]),
        ("Sat Feb 03 10:32:11.123456 2024", ["EEE MMM dd HH:mm:ss.SSSSSS yyyy"]),
        ("03.02.2024 10:32:11", ["dd.MM.yyyy HH:mm:ss"]),
        ("10:32:11", []),
    ],
)
def test_formats_of_times_are_those_of_the_filter_date(time: str, formats: list[str]) -> None:
    assert time_formats([time]) == formats
    if formats:
        listed = ", ".join(f'"{one}"' for one in ("t", *formats))
        (event,) = Pipeline.from_text(f"filter {{ date {{ match => [{listed}] }} }}").filter([{"t": time}])
        assert "tags" not in event
        assert event["@timestamp"][5:10] in ("02-03", "10-10", "02-02")


def test_what_an_event_had_before_is_overwritten() -> None:
    groks = ["^%{IP:[source][ip]} %{WORD:[service][name]} %{GREEDYDATA:message}"]
    section = section_of(groks, ["10.0.0.7 orders done"], LIBRARY)
    event = {"message": "10.0.0.7 orders done", "service": {"name": "app"}, "tags": FAILED}
    (event,) = Pipeline.from_text(section.text).filter([event])
    assert (event["service"], event["message"]) == ({"name": "orders"}, "done")
