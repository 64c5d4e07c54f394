"""Autodiscover with the provider docker, and add_docker_metadata: containers as a real engine wrote them."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from sawlog.batch import LineBatch
from sawlog.errors import SawlogError
from shipper.config import load
from shipper.inputs import inputs_of
from tests.shipper.autodiscover.following import OUTPUT, Follower
from tests.shipper.containers.recorded import LABELS, NOISE, ORDERS, container, docker_folder, write
from tests.shipper.rig import until

PROVIDER = """filebeat.autodiscover.providers:
- type: docker
  containers.path: {folder}
  {more}
"""


def provider(folder: Path, more: str = "hints.enabled: true", rest: str = "") -> str:
    return PROVIDER.format(folder=folder, more=more) + rest


class TestHints:
    def test_a_real_engine_s(self, tmp_path: Path) -> None:
        """Joined by the labels, lines without DEBUG, the parts of a long one put together, the noise left out."""
        folder = docker_folder(tmp_path)
        events = Follower(tmp_path, provider(folder)).once()
        first, stderr, trace, long = events
        assert {one["container"]["id"] for one in events} == {ORDERS}
        assert first["container"] == {"id": ORDERS, "name": "orders-1", "image": {"name": "shop/orders:1.4.2"}}
        assert first["docker"] == {"container": {"labels": LABELS}}
        assert first["input"] == {"type": "container"}
        assert stderr["stream"] == "stderr"
        assert trace["message"].splitlines()[2] == "java.lang.IllegalStateException: no stock"
        assert trace["log"]["flags"] == ["multiline"]
        assert len(long["message"]) > 33_600
        assert long["message"].endswith("the end")
        assert "flags" not in long["log"]

    @pytest.mark.parametrize(
        ("labels", "texts"),
        [
            ({}, ["A 1", "DBG 2", " x", "B 3"]),
            ({"co.elastic.logs/enabled": "false"}, []),
            ({"co.elastic.logs/disable": "true"}, []),
            ({"co.elastic.logs/include_lines": "^A, ^B"}, ["A 1", "B 3"]),
            ({"co.elastic.logs/exclude_lines": "^DBG"}, ["A 1", " x", "B 3"]),
            ({"co.elastic.logs/multiline.pattern": r"^\s", "co.elastic.logs/multiline.match": "after"},
             ["A 1", "DBG 2\n x", "B 3"]),
            ({"co.elastic.logs/1.exclude_lines": "^DBG"}, ["A 1", " x", "B 3"]),
            ({"co.elastic.logs/processors.drop_event.when.contains.message": "DBG"}, ["A 1", " x", "B 3"]),
            ({"co.elastic.logs/processors.1.add_fields": '{"target": "shop", "fields": {"a.b": 1}}'},
             ["A 1", "DBG 2", " x", "B 3"]),
            ({"other/enabled": "false"}, ["A 1", "DBG 2", " x", "B 3"]),
        ],
    )  # fmt: skip
    def test_each(self, tmp_path: Path, labels: dict[str, str], texts: list[str]) -> None:
        container(tmp_path / "c", 1, ["A 1", "DBG 2", " x", "B 3"], labels)
        events = Follower(tmp_path, provider(tmp_path / "c")).once()
        assert [event["message"] for event in events] == texts
        if any("add_fields" in name for name in labels):
            assert all(event["shop"] == {"a": {"b": 1}} for event in events)

    def test_json(self, tmp_path: Path) -> None:
        hints = {"co.elastic.logs/json.keys_under_root": "true", "co.elastic.logs/json.add_error_key": "true"}
        container(tmp_path / "c", 1, ['{"level": "INFO", "message": "a"}', "no json"], hints)
        good, bad = Follower(tmp_path, provider(tmp_path / "c")).once()
        assert (good["level"], good["message"]) == ("INFO", "a")
        assert bad["error"]["type"] == "json"

    def test_a_fileset_of_a_module(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        container(tmp_path / "c", 1, ["a"], {"co.elastic.logs/module": "nginx", "co.elastic.logs/fileset": "access"})
        container(tmp_path / "c", 2, ["b"], {"co.elastic.logs/module": "nginx"}, "whole")
        container(tmp_path / "c", 3, ["c"], {"co.elastic.logs/module": "nginxx", "co.elastic.logs/fileset": "access"})
        one, two = Follower(tmp_path, provider(tmp_path / "c")).once()
        assert (one["event"]["dataset"], one["fileset"]["name"], one["message"]) == ("nginx.access", "access", "a")
        assert (one["container"]["name"], one["stream"]) == ("c1", "stdout")
        assert (two["message"], "event" in two) == ("b", False)
        assert "whole: the hint 'module' is left out" in caplog.text
        assert "c3 is not read: there is no module 'nginxx'" in caplog.text

    def test_lists_of_processors(self, tmp_path: Path) -> None:
        hints = {
            "co.elastic.logs/processors.rename.fields.0.from": "message",
            "co.elastic.logs/processors.rename.fields.0.to": "text",
            "co.elastic.logs/processors.rename.fail_on_error": "false",
        }
        container(tmp_path / "c", 1, ["a"], hints)
        (event,) = Follower(tmp_path, provider(tmp_path / "c")).once()
        assert event["text"] == "a"

    def test_spring_boot_by_its_own_hint(self, tmp_path: Path) -> None:
        lines = ["2026-11-28T11:15:38.748Z  INFO 1 --- [main] a.B : x", "java.lang.Error: y", "\tat a.B.c(B.java:1)"]
        container(tmp_path / "c", 1, lines, {"co.elastic.logs/springboot": "true"})
        (event,) = Follower(tmp_path, provider(tmp_path / "c")).once()
        assert event["message"].count("\n") == 2

    def test_a_filestream_gets_parsers(self, tmp_path: Path) -> None:
        """Lines are those of the engine first: what is joined comes behind the parser of the engine's format."""
        hints = {"co.elastic.logs/multiline.pattern": r"^\s", "co.elastic.logs/multiline.match": "after"}
        container(tmp_path / "c", 1, ["A 1", " x", "B"], hints)
        more = (
            "hints.enabled: true\n  hints.default_config: {type: filestream, id: 'c-${data.container.id}',"
            " parsers: [{container: ~}], paths: ['" + str(tmp_path) + "/c/${data.container.id}/*.log']}"
        )
        assert len(Follower(tmp_path, provider(tmp_path / "c", more)).once()) == 2

    def test_only_those_with_hints(self, tmp_path: Path) -> None:
        container(tmp_path / "c", 1, ["a"], {})
        container(tmp_path / "c", 2, ["b"], {"co.elastic.logs/enabled": "true"})
        more = "hints.enabled: true\n  hints.default_config.enabled: false"
        follower = Follower(tmp_path, provider(tmp_path / "c", more))
        follower.once()
        assert follower.texts() == ["b"]

    @pytest.mark.parametrize(
        ("hints", "words", "read"),
        [
            ({"co.elastic.logs/multiline.patern": "^x"}, "needs its 'pattern'", False),
            ({"co.elastic.logs/exclude_lines": "("}, "exclude_lines", False),
            ({"co.elastic.logs/raw": '{"type":"log","paths":["/etc/passwd"]}'}, "'raw' is left out", True),
            ({"co.elastic.logs/exclude_line": "a"}, "there is no hint 'exclude_line'", True),
            (
                {"co.elastic.logs/exclude_lines": "^DBG", "co.elastic.logs/1.include_lines": "^DBG"},
                "numbered '1'",
                True,
            ),
            (
                {"co.elastic.logs/processors.add_fields.fields.secret": "${SECRET_OF_THE_SHIPPER}"},
                "not for hints",
                False,
            ),
            ({"co.elastic.logs/processors.scrpt.source": "x"}, "there is no processor", False),
            ({"co.elastic.logs/processors": "drop_event"}, "an entry of", False),
        ],
    )
    def test_what_is_wrong_is_said_and_harms_nobody_else(
        self,
        tmp_path: Path,
        hints: dict[str, str],
        words: str,
        read: bool,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("SECRET_OF_THE_SHIPPER", "do-not-tell")
        container(tmp_path / "c", 1, ["mine"], hints, "bad")
        container(tmp_path / "c", 2, ["other"], {}, "good")
        follower = Follower(tmp_path, provider(tmp_path / "c"))
        with caplog.at_level(logging.WARNING):
            follower.once()
        assert words in caplog.text
        assert "bad" in caplog.text
        assert "do-not-tell" not in caplog.text + str(follower.events)
        assert follower.texts() == (["mine", "other"] if read else ["other"])


class TestTemplates:
    TEMPLATES = """templates:
  - condition.contains.docker.container.image: shop/
    config:
    - type: container
      paths: ["{folder}/${{data.docker.container.id}}/*.log"]
      exclude_lines: [' DEBUG ']
      fields: {{service: "${{data.docker.container.labels.com.docker.compose.service:none}}"}}
      fields_under_root: true
"""

    def test_a_condition_a_substitution_and_a_default(self, tmp_path: Path) -> None:
        folder = docker_folder(tmp_path)
        events = Follower(tmp_path, provider(folder, self.TEMPLATES.format(folder=folder))).once()
        assert {(one["container"]["name"], one["service"]) for one in events} == {
            ("orders-1", "orders"),
            ("noise", "none"),
        }
        assert not any(" DEBUG " in one["message"] for one in events)

    def test_hints_are_for_those_without_a_template(self, tmp_path: Path) -> None:
        container(tmp_path / "c", 1, ["a", "b"], {"type": "pipeline", "co.elastic.logs/exclude_lines": "a"})
        container(tmp_path / "c", 2, ["a", "b"], {"co.elastic.logs/exclude_lines": "a"})
        more = (
            "hints.enabled: true\n  templates: [{condition: {equals: {docker.container.labels.type: pipeline}},"
            " config: [{type: docker, containers.ids: ['${data.container.id}'], containers.path: '%s'}]}]"
        )
        events = Follower(tmp_path, provider(tmp_path / "c", more % (tmp_path / "c"))).once()
        assert [(one["container"]["name"], one["message"]) for one in events] == [("c1", "a"), ("c1", "b"), ("c2", "b")]

    def test_a_module(self, tmp_path: Path) -> None:
        container(tmp_path / "c", 1, ["a"], {})
        more = (
            "templates: [{config: [{module: redis, log: {input: {type: container,"
            " paths: ['%s/${data.container.id}/*.log']}}}]}]"
        )
        (event,) = Follower(tmp_path, provider(tmp_path / "c", more % (tmp_path / "c"))).once()
        assert (event["event"]["module"], event["container"]["name"]) == ("redis", "c1")

    def test_what_a_container_has_not_is_said(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        container(tmp_path / "c", 1, ["a"], {})
        more = "templates: [{config: [{type: log, paths: ['/x/${data.docker.container.labels.app}.log']}]}]"
        assert Follower(tmp_path, provider(tmp_path / "c", more)).once() == []
        assert (
            "the container c1 is not read: 'data.docker.container.labels.app' is nothing that is known" in caplog.text
        )

    @pytest.mark.parametrize(
        ("more", "words"),
        [
            ("hints.enabled: false", "filebeat.yml:2:3: the provider 'docker' has neither templates nor"),
            ("templates: [{config: [{type: contaner}]}]", "did you mean 'container'?"),
            ("templates: [{condition: {equal: {a: 1}}, config: [{type: log, paths: [a]}]}]", "did you mean 'equals'?"),
            ("hints.enabled: true\n  hints.default_config: {type: log}", "has no 'paths'"),
            ("hints.enabled: true\n  builders: [{type: hints}]", "use 'hints.enabled'"),
            ("templates: [{config: [{type: log, paths: ['${NOT_SET_ANYWHERE}']}]}]", "neither a setting nor"),
        ],
    )
    def test_wrong_ones_are_refused_at_start(self, tmp_path: Path, more: str, words: str) -> None:
        path = tmp_path / "filebeat.yml"
        path.write_text(provider(tmp_path, more, OUTPUT))
        with pytest.raises(SawlogError) as refused:
            load(path)
        assert words in str(refused.value)
        assert "filebeat.yml:" in str(refused.value)

    @pytest.mark.parametrize("kind", ["nomad", "dokcer"])
    def test_other_providers_are_refused(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "filebeat.yml"
        path.write_text(f"filebeat.autodiscover.providers: [{{type: {kind}}}]\n{OUTPUT}")
        with pytest.raises(SawlogError, match=r"refused: name the allocations' logs|did you mean 'docker'"):
            load(path)


class TestComingAndGoing:
    async def test_containers_are_followed_from_their_start_past_their_end(self, tmp_path: Path) -> None:
        folder = tmp_path / "c"
        folder.mkdir()
        first = container(folder, 1, ["a1"], {})
        follower = Follower(tmp_path, provider(folder, "hints.enabled: true\n  cleanup_timeout: 0s"))
        async with follower.live():
            await until(lambda: follower.texts() == ["a1"])
            second = container(folder, 2, ["b1"], {"app": "b"})
            await until(lambda: "b1" in follower.texts())
            write(folder, first, ["a2"])
            write(folder, second, [f"b{number}" for number in range(2, 2000)])
            shutil.rmtree(folder / second)
            await until(lambda: len(follower.events) == 2001)
            write(folder, first, ["a3"])
            await until(lambda: "a3" in follower.texts())
        ours = [event for event in follower.events if event["message"].startswith("b")]
        assert [event["message"] for event in ours] == [f"b{number}" for number in range(1, 2000)]
        assert all(event["docker"]["container"]["labels"]["app"] == "b" for event in ours)

    async def test_hints_that_change_hold_from_then_on(self, tmp_path: Path) -> None:
        """A container is written anew at each start; its file goes on where it stood."""
        folder = tmp_path / "c"
        one = container(folder, 1, ["DBG 1", "a"], {"tier": "one"})
        follower = Follower(tmp_path, provider(folder))
        async with follower.live():
            await until(lambda: follower.texts() == ["DBG 1", "a"])
            described = folder / one / "config.v2.json"
            text = described.read_text().replace(
                '"tier": "one"', '"tier": "two", "co.elastic.logs/exclude_lines": "DBG"'
            )
            (folder / one / "new").write_text(text)
            (folder / one / "new").rename(described)

            def asked() -> bool:
                write(folder, one, ["b", "DBG 2"])
                return follower.events[-1]["docker"]["container"]["labels"]["tier"] == "two"

            await until(asked)
            before = len(follower.events)
            write(folder, one, ["DBG 3", "the end"])
            await until(lambda: follower.texts()[-1] == "the end")
        assert not [text for text in follower.texts()[before:] if "DBG" in text]

    async def test_a_restart_goes_on(self, tmp_path: Path) -> None:
        folder = tmp_path / "c"
        one = container(folder, 1, ["a"], {})
        follower = Follower(tmp_path, provider(folder))
        follower.events.clear()
        async with follower.live():
            await until(lambda: follower.texts() == ["a"])
        write(folder, one, ["b"])
        async with follower.live():
            await until(lambda: follower.texts() == ["a", "b"])


class TestMetadata:
    INPUT = "filebeat.inputs: [{{type: container, paths: ['{folder}/*/*.log']{options}}}]\nprocessors:\n{processors}\n"

    def run(self, tmp_path: Path, processors: str, options: str = "") -> Follower:
        folder = docker_folder(tmp_path)
        processors = processors.replace("FOLDER", f"containers.path: {folder}")
        follower = Follower(tmp_path, self.INPUT.format(folder=folder, options=options, processors=processors))
        follower.once()
        return follower

    def test_names_images_and_labels(self, tmp_path: Path) -> None:
        follower = self.run(tmp_path, "- add_docker_metadata: {FOLDER}")
        by_name = {event["container"]["name"]: event["container"] for event in follower.events}
        assert by_name["orders-1"] == {
            "id": ORDERS, "name": "orders-1", "image": {"name": "shop/orders:1.4.2"}, "labels": LABELS,
        }  # fmt: skip
        assert by_name["noise"]["id"] == NOISE
        assert len(follower.events) == 10 + 8

    def test_names_with_dots(self, tmp_path: Path) -> None:
        follower = self.run(tmp_path, "- add_docker_metadata: {FOLDER, labels.dedot: false}")
        orders = next(event for event in follower.events if event["container"]["id"] == ORDERS)
        assert orders["container"]["labels"]["com"] == {"docker": {"compose": {"project": "shop", "service": "orders"}}}

    def test_they_are_the_file_s_and_no_event_s(self, tmp_path: Path) -> None:
        """Nothing is done for a line: the fields stand once, at the source of the batches."""
        folder = docker_folder(tmp_path)
        for ahead in ("", "- add_fields: {target: '', fields: {team: shop}}\n", "- add_host_metadata: ~\n"):
            path = tmp_path / "filebeat.yml"
            inputs = f"filebeat.inputs: [{{type: log, paths: ['{folder}/*/*.log']}}]\nprocessors:\n{ahead}"
            path.write_text(f"{inputs}- add_docker_metadata: {{containers.path: {folder}}}\n{OUTPUT}")
            (tail,) = inputs_of(load(path)).tails
            assert (tail.shape is None) == (not ahead)
            assert tail.facts is not None
            assert tail.facts.of(f"{folder}/{ORDERS}/{ORDERS}-json.log").fields["container"]["name"] == "orders-1"
        follower = Follower(tmp_path, path.read_text().replace(ahead, ""))
        follower.once()
        assert all(type(batch) is LineBatch for batch in follower.batches)
        assert {event["container"]["name"] for event in follower.events} == {"orders-1", "noise"}

    @pytest.mark.parametrize(
        "processors",
        [
            "- add_docker_metadata: {FOLDER, when.contains.message: INFO}",
            "- if.contains.message: INFO\n  then: [{add_docker_metadata: {FOLDER}}]",
        ],
    )
    def test_under_a_condition(self, tmp_path: Path, processors: str) -> None:
        follower = self.run(tmp_path, processors)
        assert all(("container" in event) == ("INFO" in event["message"]) for event in follower.events)
        assert {event["container"]["name"] for event in follower.events if "container" in event} == {
            "orders-1",
            "noise",
        }

    def test_behind_a_step_that_drops_them(self, tmp_path: Path) -> None:
        processors = "- drop_fields: {fields: [container], ignore_missing: true}\n- add_docker_metadata: {FOLDER}"
        assert all(event["container"]["name"] for event in self.run(tmp_path, processors).events)

    def test_by_a_field(self, tmp_path: Path) -> None:
        processors = (
            f"- add_fields: {{target: who, fields: {{id: {NOISE}}}}}\n"
            "- add_docker_metadata: {FOLDER, match_source: false, match_fields: [who.none, who.id]}"
        )
        assert {event["container"]["name"] for event in self.run(tmp_path, processors).events} == {"noise"}

    def test_a_line_does_not_say_whose_it_is(self, tmp_path: Path) -> None:
        lines = ['{"container": {"name": "liar", "id": "x"}, "a": 1}', '{"container": "liar"}']
        container(tmp_path / "c", 1, lines, {}, "honest")
        for overwrite in ("true", "false"):
            text = (
                f"filebeat.inputs: [{{type: container, paths: ['{tmp_path}/c/*/*.log'], json.keys_under_root: true,"
                f" json.overwrite_keys: {overwrite}}}]\n"
                f"processors: [{{add_docker_metadata: {{containers.path: {tmp_path}/c}}}}]\n"
            )
            (tmp_path / overwrite).mkdir()
            for event in Follower(tmp_path / overwrite, text).once():
                assert event["container"]["name"] == "honest"

    def test_the_input_docker(self, tmp_path: Path) -> None:
        folder = docker_folder(tmp_path)
        text = (
            f"filebeat.inputs: [{{type: docker, containers: {{ids: [{ORDERS}], path: {folder}, stream: stderr}}}}]\n"
            f"processors: [{{add_docker_metadata: {{containers.path: {folder}}}}}]\n"
        )
        (event,) = Follower(tmp_path, text).once()
        assert event["message"].startswith("OpenJDK")
        assert (event["stream"], event["container"]["name"]) == ("stderr", "orders-1")

    def test_what_is_not_done_is_noted(self, tmp_path: Path) -> None:
        path = tmp_path / "filebeat.yml"
        processors = "- add_docker_metadata: {host: 'unix:///var/run/docker.sock', match_pids: [process.pid]}"
        path.write_text(f"filebeat.inputs: [{{type: log, paths: [a]}}]\nprocessors:\n{processors}\n{OUTPUT}")
        config = load(path)
        assert [note.partition("' has no effect here")[0].rpartition("'")[2] for note in config.notes] == [
            "processors.add_docker_metadata.host", "processors.add_docker_metadata.match_pids",
        ]  # fmt: skip
