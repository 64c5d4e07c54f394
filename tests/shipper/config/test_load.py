"""Whole files in the shapes that people write them, and what `load` says to them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sawlog.errors import ConfigError, ConfigErrors, SawlogError
from shipper.config import load
from shipper.settings import Config, ElasticsearchOutput, LogstashOutput, MultilineSettings, SpringBoot

OLD = """\
filebeat:
  prospectors:
    - paths: /logs/service1/service.log
      input_type: log
      document_type: spring
      close_older: 1h
  registry_file: /var/lib/filebeat/registry
  spool_size: 2048
output:
  logstash:
    hosts: ["logstash:5043"]
    tls:
      certificate_authorities: ["/etc/ca.pem"]
shipper:
  name: web1
"""
NEW = """\
filebeat.inputs:
  - type: filestream
    paths: ["/var/log/**/*.log"]
    fields: {service.name: orders}
    fields_under_root: true
    tags: [a]
    parsers:
      - multiline: {type: pattern, pattern: '^\\d{4}-', negate: true, match: after}
processors:
  - add_docker_metadata: ~
  - drop_event.when.contains.message: DEBUG
setup.kibana:
setup.template.name: x
output.elasticsearch:
  hosts: es
  protocol: https
  username: "${USER_OF_ES:elastic}"
  index: "logs-%{+yyyy.MM.dd}"
"""
DOCKER = """\
filebeat.inputs:
- type: container
  paths: /var/lib/docker/containers/*/*.log
  json.keys_under_root: "true"
filebeat.config.modules:
  path: ${path.config}/modules.d/*.yml
  reload.enabled: false
output.logstash.hosts: ["a:1", b]
"""


def read(tmp_path: Path, text: str, **more: object) -> Config:
    path = tmp_path / "filebeat.yml"
    path.write_bytes(text.encode())
    return load(path, **more)  # type: ignore[arg-type] # the keywords of load


def test_the_oldest_form(tmp_path: Path) -> None:
    config = read(tmp_path, OLD)
    (one,) = config.inputs
    assert (one.type, one.paths, one.fields["type"], one.close_inactive) == (
        "log", ("/logs/service1/service.log",), "spring", 3600.0,
    )  # fmt: skip
    assert config.name == "web1"
    assert str(config.registry_path) == "/var/lib/filebeat/registry"
    assert config.output is not None
    assert isinstance(config.output.settings, LogstashOutput)
    assert config.output.settings.hosts == ("logstash:5043",)
    assert config.output.settings.tls is not None
    assert config.output.settings.tls.certificate_authorities == ("/etc/ca.pem",)
    assert any("spool_size" in note for note in config.notes)
    assert config.warnings == ()


def test_todays_form(tmp_path: Path) -> None:
    config = read(tmp_path, NEW)
    (one,) = config.inputs
    assert one.fields == {"input": {"type": "filestream"}, "service": {"name": "orders"}, "tags": ["a"]}
    assert one.parsers == (MultilineSettings(pattern="^\\d{4}-", negate=True),)
    assert config.output is not None
    assert isinstance(config.output.settings, ElasticsearchOutput)
    assert config.output.settings.hosts == ("https://es:9200",)
    assert config.output.settings.username == "elastic"
    assert len(config.processors) == 2
    assert any(":12:1:" in note and "setup" in note for note in config.notes)


def test_containers(tmp_path: Path) -> None:
    config = read(tmp_path, DOCKER)
    (one,) = config.inputs
    assert one.container is not None
    assert one.json is not None
    assert one.json.keys_under_root
    assert config.output is not None
    assert isinstance(config.output.settings, LogstashOutput)
    assert config.output.settings.hosts == ("a:1", "b:5044")
    assert not config.notes


@pytest.mark.parametrize("asked", ["springboot: true", "parsers: [springboot: ]", "springboot: {timeout: 1s}"])
def test_spring_boot_s_lines_are_joined_where_it_is_asked_for(tmp_path: Path, asked: str) -> None:
    text = f"filebeat.inputs:\n- type: container\n  paths: /c/*.log\n  {asked}\noutput.console:\n"
    (one,) = read(tmp_path, text).inputs
    assert one.parsers[-1] == SpringBoot()
    assert one.symlinks
    (plain,) = read(tmp_path, text.replace(asked, "springboot: false")).inputs
    assert not any(isinstance(parser, SpringBoot) for parser in plain.parsers)


def test_a_second_filter_of_streams_is_refused(tmp_path: Path) -> None:
    text = "filebeat.inputs:\n- type: container\n  paths: /c/*.log\n  stream: stdout\n"
    text += "  parsers: [container: {stream: stderr}]\n"
    with pytest.raises(SawlogError, match="a second 'stream' is refused"):
        read(tmp_path, text + "output.console:\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("filebeat.modules:\n- module: iis\n  access:\n", "2:3: the module 'iis' is refused"),
        ("filebeat.autodiscover:\n  providers: [{type: nomad}]\n", "2:22: the provider 'nomad' is refused"),
        ("output.discard:\n  hosts: x\n", "1:1: 'output.discard' is refused"),
        ("output:\n  discard:\n    hosts: x\n", "2:3: 'output.discard' is refused"),
        ("filebeat.inputs:\n- type: winlog\n", "2:9: an input of type 'winlog' is refused: that is Windows's"),
        ("processors:\n- script: {lang: js}\n", "2:3: the processor 'script' is refused"),
        ("a: [\n", "no valid YAML"),
        ("a: *b\n", "1:4"),
        ("a: &x [*x]\n", "1:"),
        ("filebeat.inputs:\n- paths: x\n  multiline.pattern: '('\n", "3:"),
        ("filebeat.inputs:\n- paths: x\n  encoding: utf-88\n", "did you mean 'utf-8'"),
        ("filebeat.inputs:\n- paths: x\n  ignore_older: 5 days\n", "duration"),
        ("- a\n", "settings are meant here"),
    ],
)
def test_what_is_refused_names_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SawlogError) as caught:
        read(tmp_path, text, syntax_only=True)
    assert words in str(caught.value)


def test_all_errors_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as caught:
        read(tmp_path, "output.discard: {hosts: x}\nfilebeat.modules: [{module: ngnix, access: {}}]\n")
    assert [error.position.line for error in caught.value.errors if error.position] == [1, 2]


def test_a_typo_is_a_warning_and_with_strict_an_error(tmp_path: Path) -> None:
    text = NEW.replace("    tags:", "    exclude_linse: x\n    tags:")
    (warning,) = read(tmp_path, text).warnings
    assert ":6:5: unknown option 'exclude_linse'" in warning
    assert "did you mean 'exclude_lines'?" in warning
    with pytest.raises(ConfigError, match="exclude_linse"):
        read(tmp_path, text, strict=True)


def test_traps(tmp_path: Path) -> None:
    text = "\ufeff" + NEW.replace("\n", "\r\n") + "name: a\r\nname: b\r\noutput.elasticsearch.password: p\r\n"
    config = read(tmp_path, text)
    assert config.name == "b"
    assert any("'name' is given again and replaces that of line 19" in one for one in config.warnings)
    assert config.output is not None
    assert isinstance(config.output.settings, ElasticsearchOutput)
    assert config.output.settings.password == "p"
    assert "'p'" not in repr(config.output)


def test_overrides_and_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTS_OF_ES", "a:1,b:2")
    text = NEW.replace("hosts: es", "hosts: ${HOSTS_OF_ES}")
    config = read(tmp_path, text, overrides=["name=x", "output.elasticsearch.worker=3"])
    assert config.output is not None
    assert isinstance(config.output.settings, ElasticsearchOutput)
    assert config.output.settings.hosts == ("https://a:1", "https://b:2")
    assert (config.name, config.output.settings.worker) == ("x", 3)
    monkeypatch.delenv("HOSTS_OF_ES")
    with pytest.raises(ConfigError, match="HOSTS_OF_ES"):
        read(tmp_path, text)
    assert read(tmp_path, text, syntax_only=True).inputs


def test_a_config_map_is_read_with_its_own_lines(tmp_path: Path) -> None:
    inner = "".join(f"    {line}\n" for line in DOCKER.replace("json.", "jsn.").splitlines())
    text = f"apiVersion: v1\nkind: ConfigMap\ndata:\n  filebeat.yml: |-\n{inner}"
    config = read(tmp_path, text, syntax_only=True)
    assert any(":8:7: unknown option 'jsn'" in one for one in config.warnings)


def test_inputs_in_files(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.yml").write_text("- type: log\n  paths: [/x]\n")
    config = read(
        tmp_path,
        "tags: [t]\nfilebeat.config.inputs: {path: in/*.yml, reload.enabled: true}\noutput.console:\n",
    )
    assert config.inputs[0].paths == ("/x",)
    assert config.inputs[0].fields["tags"] == ["t"]
    assert config.reloads[0].enabled


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.sampled_from([OLD, NEW, DOCKER]),
    cuts=st.lists(
        st.tuples(st.integers(0, 700), st.integers(0, 9), st.sampled_from(list(":-[]{}'\"&*!|>%@\t\n ~${}.,#x0\0é"))),
        max_size=4,
    ),
)
def test_a_damaged_file_gives_a_message_and_no_traceback(
    tmp_path: Path, text: str, cuts: list[tuple[int, int, str]]
) -> None:
    for at, length, put in cuts:
        text = text[:at] + put + text[at + length :]
    found: tuple[ConfigError, ...] = ()
    try:
        read(tmp_path, text, syntax_only=True)
    except ConfigErrors as errors:
        found = errors.errors
    except ConfigError as error:
        found = (error,)
    assert all(error.position for error in found)


def test_what_has_no_effect_is_said(tmp_path: Path) -> None:
    text = (
        "filebeat.inputs: [{type: log, paths: [/a], buffer_size: 1024, json: {ignore_decoding_error: false}}]\n"
        "queue.mem: {events: 4096, flush.min_events: 512, flush.timeout: 1s}\n"
        "timestamp.precision: nanosecond\noutput.file: {path: /x, bulk_max_size: 50}\n"
    )
    notes = "\n".join(read(tmp_path, text).notes)
    for option in ("buffer_size", "ignore_decoding_error", "queue.mem", "timestamp.precision", "bulk_max_size"):
        assert option in notes, option


def test_what_asks_for_nothing_is_not(tmp_path: Path) -> None:
    text = (
        "filebeat.inputs: [{type: log, paths: [/a], harvester_buffer_size: 16384, json: {expand_keys: true}}]\n"
        "timestamp.precision: millisecond\noutput.console: {}\n"
    )
    assert read(tmp_path, text).notes == ()
