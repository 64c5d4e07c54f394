"""Installations with `sawlog` alone and with some of its extras: what runs there, and what the rest says."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sawlog.cli import COMMANDS, NEEDS
from sawlog.extras import MODULES
from tests.environment import PROJECT, LinkedEnvironment, needed

EXTRAS = PROJECT["optional-dependencies"]
MakeEnvironment = Callable[..., LinkedEnvironment]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> MakeEnvironment:
    return lambda *extras: LinkedEnvironment(tmp_path_factory.mktemp("environment"), *extras)


def configured(folder: Path, output: str) -> Path:
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    lines = (f"2026-01-01T00:00:0{number}.000Z  INFO 1 --- [main] a.B : {number}\n" for number in range(5))
    (logs / "a.log").write_text("".join(lines))
    inputs = f"filebeat.inputs: [{{type: filestream, id: a, paths: ['{logs}/*.log']}}]"
    config = folder / "filebeat.yml"
    config.write_text(f"{inputs}\n{output}\npath.data: {folder}/data\n")
    return config


def test_all_is_every_extra() -> None:
    assert EXTRAS["all"] == [f"sawlog[{','.join(sorted(EXTRAS.keys() - {'all'}))}]"]


@pytest.mark.parametrize("extra", MODULES)
def test_the_modules_of_an_extra_are_those_of_its_distributions(extra: str) -> None:
    beyond = needed((extra,)) - needed(())
    brought = {name: set(one) & beyond for name, one in packages_distributions().items()}
    unknown = [module for module in MODULES[extra] if not brought.get(module)]
    assert not unknown
    told = set().union(*(brought[module] for module in MODULES[extra]))
    direct = {canonicalize_name(Requirement(one).name) for one in EXTRAS[extra]} - {"sawlog"}
    assert direct <= told


def test_sawlog_alone_ships_and_names_what_the_rest_needs(environment: MakeEnvironment, tmp_path: Path) -> None:
    bare = environment()
    assert not bare.distributions & {"babel", "duckdb", "elasticsearch", "lark", "luqum", "textual"}
    config = configured(tmp_path, "output.console: {enabled: true}")
    for works in (["check", "-c", config], ["test", "config", "-c", config], ["dead-letter", "list", "--help"]):
        done = bare.run(*works)
        assert (done.returncode, done.stderr) == (0, ""), works
    shipped = bare.run("ship", "-c", config, "--once")
    assert shipped.returncode == 0, shipped.stderr
    assert [json.loads(line)["message"][-1] for line in shipped.stdout.splitlines()] == list("01234")
    listed = bare.run("registry", "-c", config)
    assert (listed.returncode, "delivered" in listed.stdout) == (0, True), listed.stderr
    bare.import_all("shipper", "sawlog.wire", without=["shipper.output.elasticsearch", "shipper.output.embedded"])

    # Of the commands, one for each row of the table; the others of its row are held to it by the table itself.
    pipeline = tmp_path / "pipeline.conf"
    pipeline.write_text("input { stdin {} } output { stdout {} }")
    for lacking, told in (
        (
            ["up", "a.log"],
            f"sawlog: sawlog up needs the extras 'ingest' and 'search': {bare.install('ingest,search')}",
        ),
        (["ingest", "-f", pipeline], f"sawlog: sawlog ingest needs the extra 'ingest': {bare.install('ingest')}"),
        (["search", "x"], f"sawlog: sawlog search needs the extra 'search': {bare.install('search')}"),
        (["sql", "SELECT 1"], f"sawlog: sawlog sql needs the extra 'search': {bare.install('search')}"),
        (["setup"], f"sawlog: sawlog setup needs the extra 'elasticsearch': {bare.install('elasticsearch')}"),
        (["check", "-f", pipeline], f"testing a pipeline needs the extra 'ingest': {bare.install('ingest')}"),
    ):
        done = bare.run(*lacking)
        assert (done.returncode, done.stderr) == (1, f"{told}\n")
    for output, extra in (
        ("output.elasticsearch: {hosts: [localhost]}", "elasticsearch"),
        (f"output.embedded: {{path: '{tmp_path}/index'}}", "search"),
        ("output.kafka: {hosts: [localhost], topic: a}", "kafka"),
        ("output.redis: {hosts: [localhost], key: a}", "redis"),
    ):
        done = bare.run("test", "config", "-c", configured(tmp_path, output))
        assert done.returncode == 1
        assert done.stderr.endswith(f" needs the extra '{extra}': {bare.install(extra)}\n"), done.stderr


def test_ingest_runs_pipelines(environment: MakeEnvironment, tmp_path: Path) -> None:
    ingest = environment("ingest")
    assert not ingest.distributions & {"arro3-core", "babel", "duckdb", "luqum", "textual"}
    ingest.import_all("ingest", "shipper", without=["ingest.output.embedded", "shipper.output.embedded"])
    pipeline = tmp_path / "pipeline.conf"
    filters = 'grok { match => { message => "%{WORD:day} %{WORD:month}" } } date { match => [month, MMMM] LOCALE }'
    whole = f"input {{ generator {{ count => 1 message => '1 May' }} }} filter {{ {filters} }} output {{ OUTPUT }}"
    for locale, output, told in (
        ("", "stdout { codec => json_lines }", None),
        ("locale => de", "stdout {}", f"the locale 'de' needs the extra 'locales': {ingest.install('locales')}"),
        ("", "embedded {}", f"the embedded output needs the extra 'search': {ingest.install('search')}"),
    ):
        pipeline.write_text(whole.replace("LOCALE", locale).replace("OUTPUT", output))
        done = ingest.run("ingest", "-f", pipeline, "--data", tmp_path / "data")
        assert done.returncode == (1 if told else 0), done.stderr
        if told is None:
            assert json.loads(done.stdout)["@timestamp"].partition("-")[2].startswith("05-01T")
        else:
            assert told in done.stderr
            assert "pipeline.conf:1:" in done.stderr


def test_search_asks_an_index(environment: MakeEnvironment) -> None:
    search = environment("search")
    assert not search.distributions & {"babel", "cronsim", "dnspython", "maxminddb", "pygrok", "ua-parser"}
    search.import_all("sawlog.store", "sawlog.search", "sawlog.view", "sawlog.watch", "dashboards", without=[])
    commands = [COMMANDS[name][0].partition(":")[0] for name, extras in NEEDS.items() if extras == ("search",)]
    search.import_all(*commands, without=[])
