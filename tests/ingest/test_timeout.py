"""Expressions that run away: in every filter, in conditions and in codecs, they cost a time-out and a tag."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest import plugins, timeout
from ingest.codec.multiline import Multiline
from ingest.options import Block, Setting
from ingest.pipeline import Pipeline
from sawlog.errors import Position
from tests.ingest.filter.building import make
from tests.patience import SECONDS

RUNAWAY = "a" * 40 + "!"
PLAIN = "a=1 b"


@pytest.fixture(autouse=True)
def timers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Half a second instead of thirty; the time-outs that were set."""
    started: list[float] = []
    start = timeout._start_timer
    monkeypatch.setattr(timeout, "SECONDS", 0.5)
    monkeypatch.setattr(timeout, "_start_timer", lambda seconds: (started.append(seconds), start(seconds))[1])
    yield started
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


FILTERS: list[tuple[str, dict[str, Any], str]] = [
    ("mutate", {"gsub": ["message", "(a+)+$", "z"]}, "_mutate_timeout"),
    ("mutate", {"gsub": ["message", "%{expression}", "z"]}, "_mutate_timeout"),
    ("mutate", {"gsub": ["message", r"^(?:[[:alpha:]]|[[:alpha:]]a)+$", "z"]}, "_mutate_timeout"),
    ("kv", {"value_split_pattern": "(?:a+a+)+:", "timeout_millis": 500}, "_kv_filter_timeout"),
    ("kv", {"value_split_pattern": "(?:a+a+)+:", "timeout_millis": 500, "tag_on_timeout": "x"}, "x"),
    ("prune", {"blacklist_values": {"message": "(a+)+$"}}, "_prune_timeout"),
    ("translate", {"source": "message", "target": "t", "regex": True, "dictionary": {"^(a+)+$": "b"}},
     "_translate_timeout"),
    ("translate", {"source": "message", "regex": True, "exact": False, "dictionary": {"(a+)+$": "b"}},
     "_translate_timeout"),
    ("grok", {"match": {"message": "^(a+)+$"}, "timeout_millis": 500, "tag_on_failure": []}, "_groktimeout"),
    ("grok", {"match": {"message": "(?<!a{2,3})^(?:a|aa)+$"}, "timeout_millis": 500, "tag_on_failure": []},
     "_groktimeout"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings", "tag"), FILTERS)
def test_ten_hostile_lines_cost_one_time_out(
    name: str, settings: dict[str, Any], tag: str, timers: list[float]
) -> None:
    events: list[dict[str, Any]] = [{"message": PLAIN, "expression": "(a+)+$"} for _ in range(100)]
    for at in range(5, 15):
        events[at]["message"] = RUNAWAY
    made = make(name, **settings).apply(events)
    assert [at for at, event in enumerate(made) if tag in event.get("tags", ())] == list(range(5, 15))
    assert all(event["message"] == RUNAWAY for event in made[5:15])
    assert all("took longer than" in event["sawlog"]["failure"] for event in made[5:15])
    assert timers == [0.5, *[0.025] * 10]


def test_expressions_for_user_agents_of_somebody_s_own(tmp_path: Path) -> None:
    file = tmp_path / "regexes.yaml"
    file.write_text("user_agent_parsers:\n- regex: '^(a+)+$'\nos_parsers: []\ndevice_parsers: []\n")
    good, hostile = make("useragent", source="m", regexes=str(file)).apply([{"m": "aa"}, {"m": RUNAWAY}])
    assert good["user_agent"]["name"] == "aa"
    assert hostile["tags"] == ["_useragent_timeout"]


@pytest.mark.parametrize("where", ["filter", "output"])
def test_a_condition_that_runs_away_does_not_hold(where: str, timers: list[float]) -> None:
    branch = "if [message] =~ /(a+)+$/ { %s } else { %s }"
    text = {
        "filter": "filter { " + branch % ('mutate { add_tag => "yes" }', 'mutate { add_tag => "no" }') + " }",
        "output": "output { " + branch % ("stdout { }", "stdout { }") + " }",
    }[where]
    events: list[dict[str, Any]] = [{"message": word} for word in ("x", RUNAWAY, "aa", RUNAWAY, RUNAWAY)]
    pipeline = Pipeline.from_text(text)
    events = pipeline.filter(events)
    if where == "output":
        held, others = pipeline.route(events)
        assert [event["message"] for event in held] == ["aa"]
        assert [event["message"] for event in others] == ["x", RUNAWAY, RUNAWAY, RUNAWAY]
    else:
        assert [event["tags"][-1] for event in events] == ["no", "no", "yes", "no", "no"]
    assert ["_condition_timeout" in event.get("tags", ()) for event in events] == [False, True, False, True, True]
    assert "=~ /(a+)+$/" in events[1]["sawlog"]["failure"]
    assert timers == [0.5, 0.025, 0.025, 0.025]


def codec(**settings: Any) -> Multiline:
    position = Position("test.conf", 1)
    block = Block("multiline", [Setting(key, value, position) for key, value in settings.items()], position)
    made, _ = plugins.make("codec", block)
    assert isinstance(made, Multiline)
    return made


def test_a_codec_s_expression() -> None:
    lines = f"x\n{RUNAWAY}\naa\n{RUNAWAY}\ny\n".encode()
    multiline = codec(pattern="^(a+)+$", what="previous")
    events = [*multiline.decode(lines), *multiline.flush()]
    assert [event["message"] for event in events] == ["x", f"{RUNAWAY}\naa", RUNAWAY, "y"]


def test_a_codec_s_expression_in_the_thread_that_reads_files(monkeypatch: pytest.MonkeyPatch) -> None:
    # An expression that `regex`, which can be timed there, does not see through either.
    belongs = codec(pattern=r"^(?:\w|\wa)+$", what="previous").joining.rule.belongs
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.extend(map(belongs, ["x", "a" * 60 + "!", "aa", "a" * 60 + "!"])))
    thread.start()
    thread.join()
    assert found == [True, False, True, False]


def test_a_stop_does_not_wait_for_the_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stopped.append, True)
        # From another process: while an expression runs, no other thread of this one does.
        killer = subprocess.Popen(["sh", "-c", f"sleep 0.2; kill -TERM {os.getpid()}"])
        try:
            make("mutate", gsub=["message", "(a+)+$", "z"]).apply([{"message": RUNAWAY}])
        finally:
            killer.wait()
            await asyncio.sleep(0)
            await asyncio.sleep(0.05)

    monkeypatch.setattr(timeout, "SECONDS", 600.0)
    stopped: list[bool] = []
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(work())
    assert stopped
    signal.signal(signal.SIGTERM, before)


def test_a_process_whose_expression_runs_away_ends_on_sigterm(tmp_path: Path) -> None:
    pipeline = f"""
        input {{ generator {{ lines => ["{RUNAWAY}"] count => 1 }} }}
        filter {{ if [message] =~ /(a+)+$/ {{ drop {{ }} }} }}
        output {{ stdout {{ codec => json_lines }} }}
    """
    command = [
        str(Path(sys.executable).with_name("sawlog")),
        "ingest",
        "-w",
        "0",
        "--data",
        str(tmp_path),
        "-e",
        pipeline,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            while "runs generator" not in process.stderr.readline():
                assert process.poll() is None
            time.sleep(0.5)
            process.terminate()
            out, _ = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    assert process.returncode == 0
    assert out == ""
