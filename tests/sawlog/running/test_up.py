"""`sawlog up` in this process: what it runs of a pipeline, and what it counts. The command itself is in tests/e2e."""

import asyncio
import json
import logging
from datetime import timedelta
from pathlib import Path

import pytest

from sawlog.errors import InputError
from sawlog.running.up import Settings, Up, run
from sawlog.store.retention import Retention
from tests.patience import SECONDS

GOOD = "2017-07-04 11:11:37.921  INFO 1 --- [main] a.B : started"
PARSED = 'filter { grok { match => { message => "%{TIMESTAMP_ISO8601:at} +%{LOGLEVEL:level}" } } }'


def once(tmp_path: Path, lines: list[str], pipeline: str = "", **settings: object) -> Up:
    log = tmp_path / "a.log"
    log.write_text("".join(f"{line}\n" for line in lines))
    files: tuple[str, ...] = ()
    if pipeline:
        (tmp_path / "p.conf").write_text(pipeline)
        files = (str(tmp_path / "p.conf"),)
    asked = {"once": True, "web": False, "pipeline": files, "workers": 0, **settings}
    return asyncio.run(run(Settings((str(log),), tmp_path / "data", **asked)))  # type: ignore[arg-type] # by name


def messages(path: Path) -> list[str]:
    return [json.loads(line)["message"] for line in path.read_text().splitlines()]


def test_events_lines_and_failures_are_counted(tmp_path: Path) -> None:
    up = once(tmp_path, ["no such line", GOOD], PARSED)
    assert (up.counts.lines, up.counts.events, up.counts.unparsed) == (2, 2, 1)
    assert (up.created, up.existing, up.dead, up.in_vain) == (2, 0, 0, None)
    # Read once more, as if nobody knew of it, the events are there already.
    (tmp_path / "data" / "registry.sqlite").unlink()
    again = once(tmp_path, ["no such line", GOOD], PARSED)
    assert (again.created, again.existing) == (0, 2)


@pytest.mark.parametrize("pipeline", ["", PARSED])
def test_the_lines_of_a_stack_trace_are_counted(tmp_path: Path, pipeline: str) -> None:
    trace = [GOOD, "java.lang.IllegalStateException: no", "\tat a.B.c(B.java:7)", "\tat a.B.d(B.java:9)"]
    up = once(tmp_path, [GOOD, *trace, GOOD], pipeline)
    assert (up.counts.lines, up.counts.events) == (6, 3)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_event_for_several_outputs_counts_once(tmp_path: Path, workers: int) -> None:
    every, some = tmp_path / "every.json", tmp_path / "some.json"
    outputs = f"""output {{
        file {{ path => "{every}" }}
        if "_grokparsefailure" in [tags] {{ file {{ path => "{some}" }} }}
    }}"""
    up = once(tmp_path, ["no such line", GOOD], PARSED + outputs, workers=workers)
    assert sorted(messages(every)) == sorted(["no such line", GOOD])
    assert messages(some) == ["no such line"]
    assert (up.counts.lines, up.counts.events, up.counts.unparsed) == (2, 2, 1)
    assert up.created == 3, "what the outputs have confirmed, both"


def test_columns_for_several_outputs_count_once(tmp_path: Path) -> None:
    every, some = tmp_path / "every.json", tmp_path / "some.json"
    outputs = f"""output {{
        file {{ path => "{every}" }}
        if [log][level] == "INFO" {{ file {{ path => "{some}" }} }}
    }}"""
    up = once(tmp_path, ["no such line", GOOD], "filter { springboot { } }" + outputs)
    assert messages(some) == ["started"]
    assert (up.counts.events, len(messages(every))) == (2, 2)


def test_outputs_that_take_nothing_say_why(tmp_path: Path) -> None:
    pipeline = f"""
        filter {{ mutate {{ replace => {{ "message" => "x" }} add_field => {{ "[process][pid]" => "no number" }} }} }}
        output {{ embedded {{ path => "{tmp_path / "own"}" }} }}
    """
    up = once(tmp_path, [GOOD], pipeline)
    assert (up.created, up.dead) == (0, 1)
    assert up.in_vain is not None
    assert "process.pid" in up.in_vain


def test_with_once_inputs_of_the_pipeline_are_not_run_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    up = once(tmp_path, [GOOD], 'input { tcp { host => "127.0.0.1" port => 5 } }')
    assert up.created == 1
    assert "the pipeline's inputs, which have none, are not run" in caplog.text


async def test_inputs_of_the_pipeline_that_follow_files_run(tmp_path: Path) -> None:
    log, pipeline = tmp_path / "own.log", tmp_path / "p.conf"
    log.write_text("first\n")
    pipeline.write_text(f'input {{ file {{ path => "{log}" start_position => "beginning" }} }}')
    started: list[Up] = []
    settings = Settings((), tmp_path / "data", web=False, pipeline=(str(pipeline),), workers=0)
    running = asyncio.create_task(run(settings, started.append))
    async with asyncio.timeout(SECONDS):
        while not started or started[0].created < 1:
            await asyncio.sleep(0.05)
            assert not running.done() or running.result()
        with log.open("a") as file:
            file.write("second\n")
        while started[0].created < 2:
            await asyncio.sleep(0.05)
        started[0].service.stop()
        await running
    assert started[0].counts.lines == 2


def test_retention_is_refused_for_outputs_of_ones_own(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--retention is for sawlog's own index"):
        once(tmp_path, [GOOD], "output { stdout { } }", retention=Retention(timedelta(days=1)))


def test_there_must_be_something_to_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to read"):
        asyncio.run(run(Settings((), tmp_path / "data", once=True, web=False)))
