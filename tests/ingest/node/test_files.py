"""logstash.yml and pipelines.yml: each setting done, noted or refused, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.node.files import NodeSettings, of_command_line, read_node, read_pipelines
from ingest.node.options import NODE_OPTIONS, PIPELINE_OPTIONS
from ingest.node.settings import PipelineSettings
from sawlog.errors import ConfigErrors, SawlogError

INPUT = "input { generator { count => 1 } }"


def node_of(folder: Path, text: str) -> NodeSettings:
    (folder / "logstash.yml").write_text(text)
    return read_node(folder)


def pipelines_of(folder: Path, text: str, node: NodeSettings | None = None) -> list[PipelineSettings]:
    (folder / "pipelines.yml").write_text(text)
    return read_pipelines(folder, node or read_node(folder))[0]


def refused(folder: Path, text: str, file: str = "logstash.yml") -> list[str]:
    with pytest.raises(SawlogError) as caught:
        node_of(folder, text) if file == "logstash.yml" else pipelines_of(folder, text)
    return [str(one).removeprefix(f"{folder}/") for one in caught.value.each]


class TestNode:
    def test_keys_with_dots_and_nested_ones_are_the_same(self, tmp_path: Path) -> None:
        flat = "pipeline.workers: 3\nconfig.reload.automatic: true\nconfig.reload.interval: 500ms\nlog.level: warn\n"
        nested = "pipeline: {workers: 3}\nconfig:\n  reload: {automatic: true, interval: 500ms}\nlog: {level: warn}\n"
        for text in (flat, nested):
            node = node_of(tmp_path, text)
            assert (node.reload_automatic, node.reload_seconds, node.log_level) == (True, 0.5, "warn")
            assert node.pipeline().workers == 3
            assert node.notes == []

    def test_variables_come_from_the_environment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WORKERS", "4")
        node = node_of(tmp_path, 'pipeline.workers: ${WORKERS}\npath.data: "${PLACE:/var/lib/x}"\n')
        assert (node.pipeline().workers, node.data) == (4, Path("/var/lib/x"))
        (told,) = refused(tmp_path, "node.name: a\npath.data: ${NOT_THERE}\n")
        assert told.startswith("logstash.yml:2:12: the environment variable 'NOT_THERE' is not set")

    def test_what_is_wrong_is_told_at_once_with_place_and_nearest_name(self, tmp_path: Path) -> None:
        assert refused(
            tmp_path,
            "pipeline.wrokers: 2\nxpack.management.enabled: true\npipeline.workers: many\nlog.level: loud\n"
            "config.reload.interval: 3\napi.http.port: 99999\npath.config: http://example.org/a.conf\n",
        ) == [
            "logstash.yml:1:1: logstash.yml has no option 'pipeline.wrokers' (did you mean 'pipeline.workers'?)",
            "logstash.yml:2:1: logstash.yml: option 'xpack.management.enabled' is not offered: pipelines are not "
            "fetched from Elasticsearch; save them as files, in pipelines.yml",
            "logstash.yml:3:1: logstash.yml: 'pipeline.workers' takes a number, and got 'many'",
            "logstash.yml:4:1: logstash.yml: 'log.level' is one of fatal, error, warn, info, debug, trace, "
            "and got 'loud'",
            "logstash.yml:5:1: '3' has no unit (write 3s)",
            "logstash.yml:6:1: a port is meant, or a range such as 9600-9700, not '99999'",
            "logstash.yml:7:1: pipelines are not fetched over HTTP (fetch the file, and name it)",
        ]

    def test_what_has_no_effect_is_said_and_a_default_is_let_pass(self, tmp_path: Path) -> None:
        node = node_of(
            tmp_path, "queue.type: persisted\nqueue.max_bytes: 1024mb\nxpack.monitoring.elasticsearch.hosts: [a]\n"
        )
        first, second = node.notes
        assert "'queue.type' has no effect here: there is no queue on disk" in first
        assert "logstash.yml:3:1: logstash.yml: 'xpack.monitoring.elasticsearch.hosts' has no effect here" in second
        assert node_of(tmp_path, "api.ssl.enabled: false\npath.plugins: []\npipeline.batch.size: 125\n").notes == []

    def test_where_metrics_are(self, tmp_path: Path) -> None:
        assert node_of(tmp_path, "").api == ("127.0.0.1", range(9600, 9701))
        assert node_of(tmp_path, "api.enabled: false").api is None
        assert node_of(tmp_path, "api.http.port: 9700").api == ("127.0.0.1", range(9700, 9701))
        old = node_of(tmp_path, "http.host: 0.0.0.0\nhttp.port: 9601-9602\n")
        assert old.api == ("127.0.0.1", range(9601, 9603))
        assert "'0.0.0.0' becomes 127.0.0.1" in old.notes[-1]

    def test_metrics_beyond_this_machine_want_a_password(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        login = "api.auth.type: basic\napi.auth.basic.username: ops\napi.auth.basic.password: geheim\n"
        node = node_of(tmp_path, f"api.http.host: 0.0.0.0\n{login}")
        assert (node.api, node.login) == (("0.0.0.0", range(9600, 9701)), ("ops", "geheim"))
        assert node.notes == []
        assert "basic wants api.auth.basic.username" in refused(tmp_path, "api.auth.type: basic")[0]
        monkeypatch.setenv("SAWLOG_METRICS_PASSWORD", "geheim")
        node = node_of(tmp_path, "api.http.host: 0.0.0.0\n")
        assert (node.api, node.login) == (("0.0.0.0", range(9600, 9701)), None)

    def test_files_that_are_not_read_are_named(self, tmp_path: Path) -> None:
        for name in ("logstash.keystore", "jvm.options", "log4j2.properties"):
            (tmp_path / name).touch()
        keystore, others = read_node(tmp_path).notes
        assert "${NAME} is looked for in the environment" in keystore
        assert "jvm.options, log4j2.properties: not read" in others

    def test_no_folder_and_no_yaml(self, tmp_path: Path) -> None:
        with pytest.raises(SawlogError, match="is no folder"):
            read_node(tmp_path / "no")
        assert "no valid YAML" in refused(tmp_path, "a: [1")[0]

    def test_every_setting_has_one_state(self) -> None:
        for name, option in NODE_OPTIONS.items():
            states = [option.noted, option.refused, option.replaced_by, option.doc or None]
            assert sum(state is not None for state in states) == 1, name
        assert PIPELINE_OPTIONS.items() <= NODE_OPTIONS.items()


class TestPipelines:
    def test_entries_with_what_logstash_yml_says_for_all(self, tmp_path: Path) -> None:
        node = node_of(tmp_path, "pipeline.workers: 3\npipeline.ecs_compatibility: disabled\n")
        first, second = pipelines_of(
            tmp_path,
            "- pipeline.id: one\n  path.config: /a/*.conf\n"
            "- pipeline.id: two\n  config.string: 'input { }'\n  pipeline.workers: 1\n"
            "  pipeline:\n    reloadable: false\n",
            node,
        )
        assert (first.id, first.paths, first.workers, first.dialect.ecs) == ("one", ("/a/*.conf",), 3, False)
        assert (second.text, second.workers, second.reloadable) == ("input { }", 1, False)

    def test_paths(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        for name in ("a.conf", "b.conf", "c.conf", "here/here.conf"):
            (tmp_path / name).write_text(INPUT)
        (one,) = pipelines_of(tmp_path, "- path.config: 'here.conf,{a,b}.conf, file:///x.conf'\n")
        assert one.paths == ("here.conf", f"{tmp_path}/{{a,b}}.conf", "/x.conf")
        (two,) = pipelines_of(tmp_path, "- path.config: '{c,b,none}.conf'\n")
        assert [section.position.file for section in two.load().sections][:2] == [
            f"{tmp_path}/b.conf", f"{tmp_path}/c.conf",
        ]  # fmt: skip

    def test_what_is_wrong(self, tmp_path: Path) -> None:
        assert refused(
            tmp_path,
            "- pipeline.id: a\n  path.config: /a\n  pipeline.worker: 2\n- pipeline.id: a\n  path.config: /b\n"
            "- pipeline.id: c\n- just words\n- pipeline.id: d\n  path.config: /d\n  log.level: info\n",
            "pipelines.yml",
        ) == [
            "pipelines.yml:3:3: pipelines.yml has no option 'pipeline.worker' (did you mean 'pipeline.workers'?)",
            "pipelines.yml:4:3: there are two pipelines 'a' (each pipeline has a pipeline.id of its own)",
            "pipelines.yml:6:3: the pipeline 'c' has no 'path.config' and no 'config.string'",
            "pipelines.yml:7:3: a pipeline is meant here: 'pipeline.id: …' and 'path.config: …'",
            "pipelines.yml:10:3: 'log.level' is not for a single pipeline (it belongs into logstash.yml)",
        ]
        assert refused(tmp_path, "", "pipelines.yml") == ["pipelines.yml:1:1: there is no pipeline"]

    def test_logstash_yml_may_name_the_pipeline_itself(self, tmp_path: Path) -> None:
        node = node_of(tmp_path, "path.config: /etc/x.conf\npipeline.id: mine\n")
        (tmp_path / "pipelines.yml").touch()
        (one,), (note,) = read_pipelines(tmp_path, node)
        assert (one.id, one.paths) == ("mine", ("/etc/x.conf",))
        assert "is not used" in note

    def test_neither(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigErrors, match=r"has no pipelines\.yml"):
            read_pipelines(tmp_path, read_node(tmp_path))


class TestCommandLine:
    def test_files_belong_to_the_pipelines_of_their_ids(self, tmp_path: Path) -> None:
        (odd := tmp_path / "a=b.conf").touch()
        found = of_command_line(["x=1.conf", "2.conf", "x=3.conf", str(odd)], None, PipelineSettings(workers=2))
        assert [(one.id, one.paths, one.workers) for one in found] == [
            ("x", ("1.conf", "3.conf"), 2),
            ("main", ("2.conf", str(odd)), 2),
        ]


class TestDialect:
    TEXT = r"""input { generator { count => 1 } }
    filter { if [message] == "a\tb" { mutate { add_field => { "x" => "1\n2" } } }
    json { source => "message" } grok { match => { message => "\d+" } } } output { null { } }"""

    def event(self, settings: PipelineSettings) -> dict[str, object]:
        (event,) = settings.load().filter([{"message": "a\tb"}])
        return event

    def test_escapes(self, tmp_path: Path) -> None:
        (plain,) = pipelines_of(tmp_path, "- config.string: |\n" + self.indented())
        (escaped,) = pipelines_of(tmp_path, "- config.support_escapes: true\n  config.string: |\n" + self.indented())
        assert "x" not in self.event(plain)
        assert self.event(escaped)["x"] == "1\n2"

    def indented(self) -> str:
        return "".join(f"    {line}\n" for line in self.TEXT.splitlines())

    def test_ecs_compatibility_is_what_plugins_take_that_say_nothing(self, tmp_path: Path) -> None:
        text = "- pipeline.ecs_compatibility: {}\n  config.string: |\n"
        text += "    input {{ tcp {{ port => 1 }} tcp {{ port => 2 ecs_compatibility => v1 }} }}\n"
        text += "    filter {{ if [a] {{ useragent {{ source => a }} }} }} output {{ null {{ }} }}\n"
        (with_ecs,) = pipelines_of(tmp_path, text.format("v8"))
        (without,) = pipelines_of(tmp_path, text.format("disabled"))

        def said(settings: PipelineSettings) -> list[str]:
            pipeline = settings.load()
            blocks = [*pipeline.inputs, pipeline.sections[1].body[0].arms[0].body[0]]  # type: ignore[union-attr]
            return [str({one.name: one.value for one in block.settings}.get("ecs_compatibility")) for block in blocks]  # type: ignore[union-attr]

        assert said(with_ecs) == ["None", "v1", "None"]
        assert said(without) == ["disabled", "v1", "disabled"]
