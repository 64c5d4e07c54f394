"""The outputs' options: hosts, TLS, Elastic Cloud's ids, rules for indices and pipelines, overrides, S3."""

from __future__ import annotations

import base64
import logging
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sawlog.errors import ConfigError, InputError
from sawlog.store.retention import Retention
from shipper.config import load
from shipper.settings import (
    Config,
    ConsoleOutput,
    ElasticsearchOutput,
    EmbeddedOutput,
    FileOutput,
    LogstashOutput,
    MqttOutput,
    OutputSettings,
    TlsSettings,
)

CLOUD = base64.b64encode(b"eu.cloud.es.io:9243$abc$def").decode()


def config(tmp_path: Path, text: str, **more: Any) -> Config:
    path = tmp_path / "filebeat.yml"
    path.write_text(f"filebeat.inputs: [{{paths: /x}}]\n{text}\n")
    return load(path, **more)


def output(tmp_path: Path, text: str, **more: Any) -> OutputSettings:
    found = config(tmp_path, text, **more).output
    assert found is not None
    return found.settings


def elasticsearch(tmp_path: Path, text: str, **more: Any) -> ElasticsearchOutput:
    found = output(tmp_path, f"output.elasticsearch: {text}" if text.startswith("{") else text, **more)
    assert isinstance(found, ElasticsearchOutput)
    return found


def logstash(tmp_path: Path, text: str) -> LogstashOutput:
    found = output(tmp_path, f"output.logstash: {{hosts: h, {text}}}")
    assert isinstance(found, LogstashOutput)
    return found


class TestHosts:
    @pytest.mark.parametrize(
        ("given", "urls"),
        [
            ("hosts: a", ("http://a:9200",)),
            ("host: a", ("http://a:9200",)),
            ("hosts: [a, 'b:1', 'https://c', 'https://d:443/es/']",
             ("http://a:9200", "http://b:1", "https://c:9200", "https://d:443/es")),
            ("hosts: a, protocol: https, path: es, port: 1", ("https://a:1/es",)),
            ("hosts: '[::1]:9200'", ("http://[::1]:9200",)),
            ("hosts: '${NO_SUCH_HOST:a}:${NO_SUCH_PORT:1}'", ("http://a:1",)),
        ],
    )  # fmt: skip
    def test_elasticsearch(self, tmp_path: Path, given: str, urls: tuple[str, ...]) -> None:
        assert elasticsearch(tmp_path, f"{{{given}}}").hosts == urls

    @pytest.mark.parametrize("given", ["hosts: 'a:b'", "hosts: 'http://'", "hosts: '[x]:1'", "index: i"])
    def test_no_hosts(self, tmp_path: Path, given: str) -> None:
        with pytest.raises(ConfigError, match=r"filebeat.yml:2:"):
            elasticsearch(tmp_path, f"{{{given}}}")

    def test_logstash(self, tmp_path: Path) -> None:
        found = output(tmp_path, "output.logstash: {hosts: [a, 'b:1', '::1', '[::2]:3', 'tcp://c:4'], port: 9}")
        assert isinstance(found, LogstashOutput)
        assert found.hosts == ("a:9", "b:1", "[::1]:9", "[::2]:3", "c:4")

    def test_mqtt_has_another_port_with_tls(self, tmp_path: Path) -> None:
        for tls, port in (("", 1883), (", ssl.enabled: true", 8883)):
            found = output(tmp_path, f"output.mqtt: {{hosts: a{tls}}}")
            assert isinstance(found, MqttOutput)
            assert found.hosts == (f"a:{port}",)


class TestTls:
    def test_off_unless_asked_for(self, tmp_path: Path) -> None:
        assert logstash(tmp_path, "worker: 1").tls is None
        assert logstash(tmp_path, "ssl.enabled: false, ssl.certificate_authorities: [/ca]").tls is None
        assert logstash(tmp_path, "tls: {disabled: true, certificate_authorities: [/ca]}").tls is None

    def test_what_is_given_arrives(self, tmp_path: Path) -> None:
        found = logstash(
            tmp_path,
            "ssl: {certificate_authorities: /ca, certificate: /c, key: /k, key_passphrase: p, "
            "verification_mode: certificate, supported_protocols: [TLSv1.2, TLSv1], ca_sha256: x, "
            "cipher_suites: [A], curve_types: [P-256], ca_trusted_fingerprint: ff}",
        ).tls
        assert found == TlsSettings(
            "certificate", ("/ca",), "/c", "/k", "p", ("TLSv1.2", "TLSv1.0"), ("A",), ("P-256",), ("x",), "ff"
        )
        assert "'p'" not in repr(found)

    def test_the_older_names(self, tmp_path: Path) -> None:
        found = logstash(
            tmp_path,
            "tls: {certificate: /c, certificate_key: /k, insecure: true, min_version: 1.1, max_version: '1.2'}",
        ).tls
        assert found == TlsSettings("none", certificate="/c", key="/k", supported_protocols=("TLSv1.1", "TLSv1.2"))

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ("ssl.certificate: /c", "need each other"),
            ("ssl.key: /k", "need each other"),
            ("ssl.verification_mode: nonne", "did you mean 'none'"),
            ("ssl.supported_protocols: [SSLv3]", "is one of TLSv1"),
            ("ssl.key_passphrase_path: /p", "is refused"),
        ],
    )
    def test_what_is_wrong(self, tmp_path: Path, given: str, words: str) -> None:
        with pytest.raises(ConfigError) as caught:
            logstash(tmp_path, given)
        assert words in str(caught.value)
        assert caught.value.position is not None
        assert caught.value.position.line == 2


class TestCloud:
    def test_the_id_names_the_host(self, tmp_path: Path) -> None:
        found = elasticsearch(tmp_path, f"cloud: {{id: 'name:{CLOUD}', auth: 'u:p:q'}}\noutput.elasticsearch.hosts: a")
        assert found.hosts == ("https://abc.eu.cloud.es.io:9243",)
        assert (found.username, found.password) == ("u", "p:q")

    def test_the_port_of_https_is_meant_without_one(self, tmp_path: Path) -> None:
        plain = base64.b64encode(b"es.io$abc$").decode().rstrip("=")
        found = elasticsearch(tmp_path, f"cloud.id: {plain}\noutput.elasticsearch.index: i")
        assert found.hosts == ("https://abc.es.io:443",)

    @pytest.mark.parametrize("word", ["x:xxxx", "x:&&&", "x:" + base64.b64encode(b"host").decode()])
    def test_no_id(self, tmp_path: Path, word: str) -> None:
        with pytest.raises(ConfigError, match=r"filebeat.yml:2:1: 'cloud.id' is not one"):
            elasticsearch(tmp_path, f"cloud.id: '{word}'\noutput.elasticsearch.hosts: a")

    def test_from_the_environment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        text = "cloud.id: ${CLOUD_ID_OF_TEST}\noutput.elasticsearch.hosts: a"
        assert elasticsearch(tmp_path, text, syntax_only=True)
        monkeypatch.setenv("CLOUD_ID_OF_TEST", "")
        assert elasticsearch(tmp_path, text).hosts == ("http://a:9200",)


class TestRules:
    def test_indices_and_pipelines(self, tmp_path: Path) -> None:
        found = elasticsearch(
            tmp_path,
            "output.elasticsearch:\n  hosts: a\n  indices:\n"
            "    - index: 'e-%{[fields][app]}-%{+yyyy.MM.dd}'\n      when.contains: {tags: error}\n"
            "    - index: '%{[fields.env]}'\n      mappings: {prod: p, test: t}\n      default: d\n"
            "  pipelines:\n    - pipeline: x\n      when.equals.a.b: 1\n",
        )
        first, second = found.indices
        event = {"tags": ["error"], "fields": {"app": "shop"}, "@timestamp": "2020-01-02T00:00:00.000Z"}
        assert first.name(event) == "e-shop-2020.01.02"
        assert first.when is not None
        assert first.when(event)
        assert not first.when({"tags": ["x"]})
        assert (dict(second.mappings), second.default, second.when) == ({"prod": "p", "test": "t"}, "d", None)
        (rule,) = found.pipelines
        assert rule.when is not None
        assert rule.when({"a": {"b": 1}})

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ("indices: {index: i}", "takes a list"),
            ("indices: [i]", "takes options, such as 'index: …'"),
            ("indices: [{when.contains.a: b}]", "needs 'index'"),
            ("pipelines: [{index: i}]", "needs 'pipeline'"),
            ("indices: [{index: i, when.contain.a: b}]", "did you mean 'contains'"),
            ("index: '%{[a'", "without its '}'"),
            ("index: '%{a}'", "no field reference"),
            ("index: '%{+QQ}'", "a letter 'Q' that Joda-Time does not know"),
        ],
    )
    def test_what_is_wrong(self, tmp_path: Path, given: str, words: str) -> None:
        with pytest.raises(ConfigError) as caught:
            elasticsearch(tmp_path, f"{{hosts: a, {given}}}")
        assert words in str(caught.value)
        assert caught.value.position is not None
        assert caught.value.position.line == 2

    def test_a_name_from_a_variable_without_value_is_no_error_of_syntax(self, tmp_path: Path) -> None:
        text = "{hosts: a, indices: [{index: '${NO_SUCH_INDEX}'}]}"
        assert elasticsearch(tmp_path, text, syntax_only=True).indices == ()
        with pytest.raises(ConfigError, match="'NO_SUCH_INDEX' is neither"):
            elasticsearch(tmp_path, text)


class TestOthers:
    def test_file(self, tmp_path: Path) -> None:
        found = output(tmp_path, "output.file: {path: /o, filename: f, rotate_every_kb: 5, permissions: 0644}")
        assert isinstance(found, FileOutput)
        assert (found.path, found.filename.text, found.rotate_every_kb, found.permissions) == ("/o", "f", 5, 0o644)
        with pytest.raises(ConfigError, match="needs its 'path'"):
            output(tmp_path, "output.file: {filename: f}")

    def test_console(self, tmp_path: Path) -> None:
        found = output(tmp_path, "output.console: {pretty: true, codec.format.string: '%{[message]}'}")
        assert isinstance(found, ConsoleOutput)
        assert found.codec.pretty
        assert found.codec.format is not None

    def test_one_output_only(self, tmp_path: Path) -> None:
        text = "output.console: {}\noutput.logstash: {hosts: a}"
        with pytest.raises(ConfigError, match=r"filebeat.yml:3:1: 'output.logstash' is refused: 'output.console'"):
            config(tmp_path, text)
        assert config(tmp_path, text.replace("{}", "{enabled: false}")).output is not None

    def test_modules_that_are_all_switched_off_ask_for_nothing(self, tmp_path: Path) -> None:
        modules = "output.console: {}\nfilebeat.modules:\n- {module: system, enabled: false}\n"
        assert config(tmp_path, modules).output is not None
        with pytest.raises(ConfigError, match=r"filebeat.yml:5:3: the module 'iis' is refused"):
            config(tmp_path, modules + "- module: iis\n  access:\n")


class TestOverrides:
    def test_they_win_and_merge(self, tmp_path: Path) -> None:
        found = elasticsearch(
            tmp_path,
            "{hosts: a, username: u, index: old}",
            overrides=["output.elasticsearch.hosts=[b, 'c:1']", "output.elasticsearch.index=new", "name=x=y"],
        )
        assert found.hosts == ("http://b:9200", "http://c:1")
        assert (found.username, found.index and found.index.text) == ("u", "new")

    def test_one_may_add_the_output(self, tmp_path: Path) -> None:
        assert isinstance(output(tmp_path, "", overrides=["output.console.pretty=true"]), ConsoleOutput)

    @pytest.mark.parametrize("override", ["name", "=x", " = x"])
    def test_what_is_wrong(self, tmp_path: Path, override: str) -> None:
        with pytest.raises(ConfigError, match="-E takes 'key=value'"):
            config(tmp_path, "output.console: {}", overrides=[override])

    def test_a_wrong_value_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"-E:1.*takes a whole number"):
            config(tmp_path, "output.console: {}", overrides=["http.port=many"])


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket of moto's server, which speaks S3 over HTTP."""
    server_module = pytest.importorskip("moto.server", reason="moto is not installed")
    pytest.importorskip("s3fs", reason="s3fs (the extra s3) is not installed")
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        client = boto3.client("s3")
        client.create_bucket(Bucket="configurations")
        yield client
    finally:
        server.stop()


class TestS3:
    def test_a_configuration_in_a_bucket(self, bucket: Any, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        bucket.put_object(
            Bucket="configurations",
            Key="web/filebeat.yml",
            Body=b"filebeat.inputs: [{paths: /x}]\noutput.console:\n  prety: true\n",
        )
        found = load("s3://configurations/web/filebeat.yml")
        assert found.inputs[0].paths == ("/x",)
        assert "s3://configurations/web/filebeat.yml:3:3: unknown option 'prety'" in found.warnings[0]
        assert "botocore" not in caplog.text

    @pytest.mark.parametrize(
        ("place", "reason"),
        [
            ("s3://configurations/none.yml", "there is no such object"),
            ("s3://no-such-bucket/filebeat.yml", "The specified bucket does not exist"),
        ],
    )
    def test_one_that_is_not_there(self, bucket: Any, place: str, reason: str) -> None:
        assert bucket
        with pytest.raises(InputError) as failure:
            load(place)
        assert str(failure.value) == f"{place}: {reason}"

    def test_what_another_place_needs_is_not_the_extra_for_s3(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("fsspec", reason="s3fs (the extra s3), which brings it, is not installed")
        monkeypatch.setitem(sys.modules, "gcsfs", None)
        with pytest.raises(InputError, match="gcsfs") as failure:
            load("gs://configurations/filebeat.yml")
        assert "needs the extra" not in str(failure.value)


def test_embedded(tmp_path: Path) -> None:
    assert output(tmp_path, "output.embedded: {path: /i, retention: 30d}") == EmbeddedOutput(
        "/i", retention=Retention(timedelta(days=30))
    )
    with pytest.raises(ConfigError, match=r"filebeat.yml:2:\d+: 'output.embedded.retention': takes a number of days"):
        output(tmp_path, "output.embedded: {retention: 30}")
