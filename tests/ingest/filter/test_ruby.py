"""The filter `ruby`: its options, its place in a pipeline, what it refuses, and what hostile programs and events do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ingest.pipeline import Pipeline
from ingest.ruby import budget
from sawlog.errors import ConfigError, SawlogError
from sawlog.event import METADATA, Event
from tests.ingest.filter.building import make, reason, refused, run, run_all

STAMP = "2020-02-29T23:30:15.123Z"


def event(**fields: Any) -> Event:
    return {"@timestamp": STAMP, "message": "a=1 b=2", METADATA: {"_id": "x"}, **fields}


def test_a_program_changes_the_event() -> None:
    code = "event.set('[kv][n]', event.get('message').scan(/\\w=(\\d)/).flatten.map(&:to_i).sum)"
    assert run("ruby", event(), code=code)["kv"] == {"n": 3}


def test_times_are_times_of_the_event() -> None:
    code = "event.set('t', Time.at(0)); event.set('@timestamp', LogStash::Timestamp.new(event.timestamp.time + 3600))"
    done = run("ruby", event(), code=code)
    assert (done["@timestamp"], done["t"]) == ("2020-03-01T00:30:15.123Z", "1970-01-01T00:00:00.000Z")


def test_a_text_that_a_date_filter_wrote_is_a_time() -> None:
    code = "event.set('s', event.get('@timestamp') - event.get('began')); event.set('n', event.get('began').to_i)"
    done = run("ruby", event(began="2020-02-29T23:30:14.000Z"), code=code)
    assert (done["s"], done["n"]) == (1.123, 1583019014)


def test_instance_variables_last_and_init_runs_once() -> None:
    found = run_all("ruby", event(), event(), init="@n = 10; LIMIT = 3", code="@n += LIMIT; event.set('n', @n)")
    assert [one["n"] for one in found] == [13, 16]


def test_cancelled_events_go() -> None:
    assert run_all("ruby", event(), event(level="x"), code="event.cancel if event.get('level')") == [event()]


def test_common_options_apply_unless_the_program_raised() -> None:
    code = "raise 'no' if event.get('bad')"
    good, bad = run_all("ruby", event(), event(bad=1), code=code, add_tag=["done"], add_field={"f": "%{message}"})
    assert (good["tags"], good["f"]) == (["done"], "a=1 b=2")
    assert bad["tags"] == ["_rubyexception"]
    assert "f" not in bad
    assert reason(bad) == "ruby: no (RuntimeError)"


def test_the_tag_of_exceptions() -> None:
    code = "event.set('before', 1); event.get('nope').length"
    done = run("ruby", event(), code=code, tag_on_exception="oops", tag_with_exception_message=True)
    assert done["tags"] == ["oops: undefined method `length' for nil:NilClass"]
    assert done["before"] == 1


def test_texts_changed_in_place_change_the_event_and_no_other() -> None:
    shared = ["one", "two"]
    first, second = event(tags=shared), event(tags=shared)
    run_all("ruby", first, code="event.get('tags')[0] << '!'; event.get('message').upcase!")
    assert (first["tags"], first["message"]) == (["one!", "two"], "A=1 B=2")
    assert (second["tags"], shared) == (["one", "two"], ["one", "two"])


def test_metadata_that_are_set_or_removed_keep_the_id() -> None:
    assert run("ruby", event(), code="event.set('@metadata', { 'a' => 1 })")[METADATA] == {"_id": "x", "a": 1}
    assert run("ruby", event(), code="event.remove('@metadata')")[METADATA] == {"_id": "x"}


def test_an_event_is_appended_to_another() -> None:
    code = """
      pairs = LogStash::Event.new(Hash[@names.zip(event.get('message').split(' '))])
      pairs.set('tags', ['x', 'y'])
      pairs.remove('@timestamp')
      event.append(pairs)
    """
    done = run("ruby", event(tags=["x"]), init="@names = ['first', 'second']", code=code)
    assert (done["first"], done["second"], done["tags"], done["@timestamp"]) == ("a=1", "b=2", ["x", "y"], STAMP)


def test_the_page_about_pipelines(tmp_path: Path) -> None:
    page = Path(__file__).parents[3] / "docs/how-to/run-logstash-pipelines.md"
    found = re.search(r"```ruby\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    file = tmp_path / "a.conf"
    file.write_text(found[1])
    (done,) = Pipeline.load([file]).filter([event(message="size=1.5 KB", empty="")])
    assert done["http"] == {"response": {"bytes": 1536}}
    assert "empty" not in done


SCRIPT = """
def register(params)
  @field = params['field']
end

def shout(text)
  return '' if text.nil?
  text.upcase
end

def filter(event)
  return [] if event.get('drop')
  event.set(@field, shout(event.get('message')))
  copy = event.clone
  copy.set('copy', true)
  [event, copy]
end

test 'it shouts' do
  parameters { { 'field' => 'x' } }
  in_event { { 'message' => 'a' } }
  expect('one') { |events| events.size == 2 }
end
"""


def test_a_file_with_methods(tmp_path: Path) -> None:
    file = tmp_path / "script.rb"
    file.write_text(SCRIPT)
    found = run_all("ruby", event(), event(drop=1), path=str(file), script_params={"field": "loud"})
    assert [(one["loud"], one.get("copy"), one[METADATA]["_id"]) for one in found] == [
        ("A=1 B=2", None, "x"),
        ("A=1 B=2", True, "x-1"),
    ]


def test_a_file_that_returns_no_list(tmp_path: Path) -> None:
    file = tmp_path / "script.rb"
    file.write_text("def filter(event)\n  nil\nend\n")
    assert reason(run("ruby", event(), path=str(file))).startswith("ruby: the method 'filter' returned no Array")


def test_what_files_lack_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "script.rb"
    file.write_text("def other(event)\n  [event]\nend\n")
    assert "defines no method 'filter(event)'" in refused("ruby", path=str(file))
    file.write_text("def filter(event)\n  `ls`\nend\n")
    assert f"{file}:2:3" in refused("ruby", path=str(file))
    assert "cannot be read" in refused("ruby", path=str(tmp_path / "none.rb"))
    assert "either 'code' or 'path'" in refused("ruby")


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("new_event_block.call(event.clone)", "new_event_block"),
        ("File.read('/etc/passwd')", "File"),
        ("IO.popen('x')", "IO"),
        ("`rm -rf /`", "backquotes"),
        ("system('x')", "system"),
        ("exec 'x'", "exec"),
        ("eval('1')", "eval"),
        ("event.instance_eval('1')", "instance_eval"),
        ("Kernel.exit", "Kernel.exit"),
        ("ENV['HOME']", "ENV|environment"),
        ("require 'socket'", "socket"),
        ("class X; end", "class"),
        ("@@x = 1", "@@x"),
        ("event.set('a', nope)", "nope"),
        ("event.sett('a', 1)", "sett.*did you mean 'set'"),
        ("if event.get('a')", "end"),
        ("event.set('a' 1)", "1"),
        ("x = 'open", "no end"),
        ("event.set('a', 1))", r"\)"),
        ("[1, 2", "more|open"),
        ("a = /(/", "regular expression"),
        ("self.foo", "self"),
        ("x = <<~TEXT\n a\nTEXT", "<<"),
        ("Thread.new { 1 }", "Thread"),
        ("ObjectSpace.each_object { 1 }", "ObjectSpace"),
        ("event.__class__", "__class__"),
        ("__import__('os')", "__import__"),
    ],
)
def test_what_is_outside_is_refused_at_the_start(code: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        make("ruby", code=code)


def test_a_place_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a.conf"
    file.write_text('filter {\n  ruby {\n    code => "event.set(1, 2)\n      event.foo"\n  }\n}\n')
    with pytest.raises(SawlogError, match=r"a\.conf:4:13: ruby: the method 'foo'"):
        Pipeline.load([file])
    file.write_text("filter {\n  ruby { init => 'x = 1' code => 'event.bar' }\n}\n")
    with pytest.raises(SawlogError, match=r"a\.conf:2:41: ruby: the method 'bar'"):
        Pipeline.load([file])


def test_what_writes_nothing_is_noted(tmp_path: Path) -> None:
    file = tmp_path / "a.conf"
    file.write_text("filter { ruby { code => 'puts event.get(\"message\")' } }\n")
    assert any("'puts' writes nothing here" in note for note in Pipeline.load([file]).notes)


def test_an_init_that_raises_is_refused() -> None:
    assert "'init' raised ZeroDivisionError: divided by 0" in refused("ruby", init="1 / 0", code="1")


@pytest.mark.parametrize(
    "code",
    [
        "loop { }",
        "while true do end",
        "x = 1 while true",
        "def f(n) f(n) end; f(1)",
        "f = ->(g) { g.call(g) }; f.call(f)",
        "s = 'a'; loop { s << s }",
        "s = 'ab' * 10_000_000_000",
        "a = [0]; loop { a.concat(a) }",
        "a = []; a << a; a.flatten",
        "h = {}; h['h'] = h; event.set('h', h)",
        "h = {}; h['h'] = h; h.to_json",
        "a = []; a << a; event.set('a', a.to_s)",
        "Array.new(10**12)",
        "(1..10**12).to_a",
        "(1..10**12).map { |x| x }",
        "raise (10**10**10).to_s",
        "x = 2; loop { x = x * x }",
        "1 << 10**12",
        "(2**100000).to_s",
        "'x'.rjust(10**12)",
        "format('%999999999999d', 1)",
        "Time.at(10**30).year",
        "begin; loop { }; rescue Exception; end",
        "begin; loop { }; rescue => e; event.set('x', 1); end",
        "[1, 2, 3].cycle rescue loop { }",
        "('a'..'zzzzzzzzzzzz').to_a",
        "event.get('message').gsub('') { 'x' * 10_000_000 }",
        "(1..10_000_000).each { |x| @l ||= []; @l << 'x' * 1000 }",
        "raise Exception, 'all'",
        "event.set('[a', 1)",
        "event.set('@metadata', 1)",
        "event.set('tags', { 'a' => 1 })",
        "'abc'.to_sym.foo rescue raise 'x' * 100_000",
    ],
)
def test_hostile_programs_end_and_the_event_goes_on(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "STEPS", 20_000)
    monkeypatch.setattr(budget, "ROOM", 2_000_000)
    try:
        filter_ = make("ruby", code=code)
    except ConfigError:
        return
    (done,) = filter_.apply([event()])
    assert done["tags"] == ["_rubyexception"] or "x" in done
    assert done["message"] == "a=1 b=2"
    assert len(str(done[METADATA])) < 2000


@pytest.mark.parametrize("value", [None, 1, -1.5, True, "", "\ud800", "x" * 10_000, [], [[[]]], {}, {"a": {"b": None}}])
def test_any_value_comes_through(value: Any) -> None:
    done = run(
        "ruby", event(f=value), code="event.set('g', event.get('f')); event.to_hash.each { |k, v| v.to_s; v.inspect }"
    )
    assert done["g"] == value
