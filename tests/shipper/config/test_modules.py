"""``filebeat.modules`` and ``modules.d``: inputs of programs whose logs are known, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from sawlog.errors import ConfigError, ConfigErrors
from shipper.config import load, unparsed
from shipper.processor.locale import AddLocale
from shipper.settings import Config

CONSOLE = "output.console: {}\n"


def read(tmp_path: Path, text: str, output: str = CONSOLE) -> Config:
    path = tmp_path / "filebeat.yml"
    path.write_text(text + output)
    return load(path)


def errors(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises((ConfigError, ConfigErrors)) as caught:
        read(tmp_path, text)
    return str(caught.value).replace(f"{tmp_path}/filebeat.yml:", "").splitlines()


def test_filesets_become_inputs_that_say_what_they_are(tmp_path: Path) -> None:
    config = read(tmp_path, "filebeat.modules:\n- module: nginx\n  access:\n  error: {enabled: true}\n")
    access, error = config.inputs
    assert (access.type, access.paths) == ("log", ("/var/log/nginx/access.log*",))
    assert access.exclude_files == (r"\.gz$",)
    assert access.fields == {
        "input": {"type": "log"},
        "event": {"module": "nginx", "dataset": "nginx.access"},
        "fileset": {"name": "access"},
        "service": {"type": "nginx"},
    }
    assert error.multiline is not None
    assert (error.multiline.negate, error.multiline.match) == (True, "after")
    assert error.processors == (AddLocale(),)
    assert not config.notes


def test_variables_and_options_of_the_input(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        """
fields: {site: a}
tags: [all]
filebeat.modules:
- module: apache
  access:
    var.paths: ["/srv/*.log"]
    var.tags: [web]
    input:
      exclude_lines: [healthz]
      exclude_files: [old]
      fields: {event.module: x, team: shop}
      fields_under_root: true
- module: kafka
  log:
    var.kafka_home: /srv/kafka
    input.scan_frequency: 1s
- module: logstash
  log: {var.format: json}
- module: elasticsearch
  gc: {prospector.close_inactive: 1m}
""",
    )
    apache, kafka, logstash, gc = config.inputs
    assert (apache.paths, apache.exclude_lines, apache.exclude_files) == (("/srv/*.log",), ("healthz",), ("old",))
    assert apache.fields["tags"] == ["all", "web"]
    assert (apache.fields["event"]["module"], apache.fields["team"], apache.fields["fields"]) == (
        "apache", "shop", {"site": "a"},
    )  # fmt: skip
    assert kafka.paths[0] == "/srv/kafka/logs/controller.log*"
    assert kafka.scan_frequency == 1
    assert logstash.paths == ("/var/log/logstash/logstash-json*.log",)
    assert gc.close_inactive == 60
    assert any("OpenJDK" in one for one in gc.exclude_lines)


def test_what_is_not_enabled_asks_for_nothing_and_that_is_noted_once(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        """
filebeat.inputs: [{paths: x}]
filebeat.modules:
- module: system
  syslog: {enabled: false}
  auth: {enabled: "false"}
- module: iis
  access.enabled: false
- module: redis
- {module: nginx, enabled: false, access: {enabled: true}}
""",
    )
    assert [one.paths for one in config.inputs] == [("x",)]
    words = [note.partition("filebeat.yml:")[2] for note in config.notes]
    assert words[0].startswith("4:3: the module 'system' does nothing: none of its filesets is enabled")
    assert "its filesets are syslog, auth" in words[0]
    assert words[1].startswith("7:3: the module 'iis' does nothing")
    assert words[2].startswith("9:3: the module 'redis' does nothing")
    assert len(words) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- module: ngnix\n  access:", "2:3: there is no module 'ngnix' (did you mean 'nginx'?)"),
        ("- module: qqq\n  x:", "2:3: there is no module 'qqq' (name its files under filebeat.inputs, and parse them"),
        ("- module: iis\n  access:", "2:3: the module 'iis' is refused: sawlog has no pipeline for it (name its files"),
        ("- module: nginx\n  acess: {}", "3:3: the module 'nginx' has no fileset 'acess' (did you mean 'access'?)"),
        ("- module: redis\n  slowlog: {}", "3:3: the fileset 'slowlog' of 'redis' is refused: it is asked for over"),
        ("- module: haproxy\n  log: {}", "3:8: the fileset 'log' of 'haproxy' listens to syslog by default"),
        ("- module: haproxy\n  log: {var.input: udp}", "3:9: the fileset 'log' of 'haproxy' listens"),
        ("- module: system\n  auth: {var.use_journald: true}", "3:10: 'filebeat.modules.system.auth.var.use_journald'"),
        ("- nginx", "2:3: an entry of 'filebeat.modules' is 'module:' with its filesets below"),
        ("- access: {}", "2:3: an entry of 'filebeat.modules' is 'module:' with its filesets below"),
        ("- module: nginx\n  access: {input: x}", "3:3: 'access.input' takes options of an input"),
        ("- module: nginx\n  access: {input.multiline.pattern: '('}", "3:37: "),
    ],
)
def test_what_is_refused_names_its_place_and_what_to_do(tmp_path: Path, text: str, words: str) -> None:
    (error, *_) = errors(tmp_path, f"filebeat.modules:\n{text}\n")
    assert error.startswith(words)


def test_unknown_options_are_warned_of(tmp_path: Path) -> None:
    config = read(tmp_path, "filebeat.modules:\n- module: nginx\n  access: {var.path: x, input: {pats: 1}}\n")
    assert [warning.partition("filebeat.yml:")[2] for warning in config.warnings] == [
        "3:12: unknown option 'var.path' of 'filebeat.modules.nginx.access' (did you mean 'var.paths'?)",
        "3:33: unknown option 'pats' of 'filebeat.modules.nginx.access.input' (did you mean 'paths'?)",
    ]


def test_the_files_of_modules_d(tmp_path: Path) -> None:
    folder = tmp_path / "modules.d"
    folder.mkdir()
    (folder / "nginx.yml").write_text("- module: nginx\n  access: {enabled: true}\n")
    (folder / "redis.yml.disabled").write_text("- module: redis\n  log: {enabled: true}\n")
    text = "filebeat.config.modules:\n  path: ${path.config}/modules.d/*.yml\n  reload: {enabled: true, period: 5s}\n"
    config = read(tmp_path, text)
    (one,) = config.inputs
    assert one.fields["event"]["dataset"] == "nginx.access"
    (reload,) = config.reloads
    assert (reload.enabled, reload.period, reload.modules) == (True, 5, True)
    (folder / "nginx.yml").write_text("- module: nginx\n  acess: {enabled: true}\n")
    with pytest.raises(ConfigError, match=r"modules.d/nginx.yml:2:3: the module 'nginx' has no fileset 'acess'"):
        read(tmp_path, text)
    assert not read(
        tmp_path,
        text.replace("config.modules:", "config.modules:\n  enabled: false"),
        "filebeat.inputs: [{paths: x}]\n" + CONSOLE,
    ).reloads


def test_straight_to_a_store_it_is_said_that_nothing_parses(tmp_path: Path) -> None:
    modules = "filebeat.modules: [{module: redis, log: {}}, {module: nginx, access: {}}]\n"
    words = unparsed(read(tmp_path, modules, "output.elasticsearch.hosts: [a]\n"))
    assert words is not None
    assert words.startswith("lines of nginx.access, redis.log go to the store as they are: `sawlog up` and")
    assert unparsed(read(tmp_path, modules, "output.embedded: {enabled: true}\n")) is not None
    assert unparsed(read(tmp_path, modules, "output.elasticsearch: {hosts: [a], pipeline: p}\n")) is None
    assert unparsed(read(tmp_path, modules, "output.logstash.hosts: [a]\n")) is None
    assert unparsed(read(tmp_path, "filebeat.inputs: [{paths: x}]\n", "output.elasticsearch.hosts: [a]\n")) is None
