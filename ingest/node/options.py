"""The settings of Logstash 8's logstash.yml and of an entry of pipelines.yml: done, noted or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ingest.options import Kind, Option

_NO_QUEUE: Final = (
    "there is no queue on disk: a batch is acknowledged when it is delivered, and until then its sender has it"
)
_NO_JAVA: Final = "a setting of Logstash's Java or Ruby"
_LETTERS: Final = "a dead letter is on the disk at once"
_POLICY: Final = "a password is taken as it is"
_KEYSTORE: Final = "name PEM files with --api.ssl.certificate and --api.ssl.key"
_MEASURED: Final = "/metrics on the address has the figures, for Prometheus; nothing is sent to a cluster"

PIPELINE_OPTIONS: Final[Mapping[str, Option]] = {
    "pipeline.id": Option(Kind.STRING, "Its name, in messages, metrics and dead letters.", "main"),
    "path.config": Option(
        Kind.STRING, "Its files: a file, a folder, or a glob, also with `{a,b}`; commas between several."
    ),
    "config.string": Option(Kind.STRING, "Its text, instead of files or beside them."),
    "config.support_escapes": Option(Kind.BOOLEAN, "Whether `\\n` in a text is a line feed.", False),
    "pipeline.workers": Option(Kind.NUMBER, "Processes for its filters; not given: as they need."),
    "pipeline.ecs_compatibility": Option(
        Kind.STRING,
        "What plugins take for `ecs_compatibility` that say nothing.",
        "v8",
        one_of=("disabled", "v1", "v8"),
    ),
    "pipeline.reloadable": Option(Kind.BOOLEAN, "Whether it is reloaded when its files change.", True),
    "pipeline.batch.size": Option(Kind.NUMBER, "", 125, noted="a batch is as large as its input makes it"),
    "pipeline.batch.delay": Option(Kind.NUMBER, "", 50, noted="nothing is waited for to fill a batch"),
    "pipeline.batch.metrics.sampling_mode": Option(Kind.STRING, "", "minimal", noted="metrics are always kept"),
    "pipeline.batch.output_chunking.growth_threshold_factor": Option(
        Kind.NUMBER, "", 1000, noted="outputs divide large batches themselves"
    ),
    "pipeline.ordered": Option(
        Kind.STRING, "", "auto", one_of=("auto", "true", "false"), noted="events of one source keep their order anyway"
    ),
    "pipeline.plugin_classloaders": Option(Kind.BOOLEAN, "", False, noted=_NO_JAVA),
    "pipeline.system": Option(Kind.BOOLEAN, "", False, noted="all pipelines are alike"),
    "config.debug": Option(Kind.BOOLEAN, "", False, noted="`sawlog ingest --inspect` shows what filters do"),
    "config.reload.automatic": Option(Kind.BOOLEAN, "Whether to look whether files have changed.", False),
    "config.reload.interval": Option(Kind.STRING, "How often: `3s`, `500ms`, `1m`.", "3s"),
    "metric.collect": Option(Kind.BOOLEAN, "", True, noted="metrics are always kept"),
    "queue.type": Option(Kind.STRING, "", "memory", one_of=("memory", "persisted"), noted=_NO_QUEUE),
    "queue.drain": Option(Kind.BOOLEAN, "", False, noted=_NO_QUEUE),
    "queue.page_capacity": Option(Kind.STRING, "", "64mb", noted=_NO_QUEUE),
    "queue.max_bytes": Option(Kind.STRING, "", "1024mb", noted=_NO_QUEUE),
    "queue.max_events": Option(Kind.NUMBER, "", 0, noted=_NO_QUEUE),
    "queue.checkpoint.acks": Option(Kind.NUMBER, "", 1024, noted=_NO_QUEUE),
    "queue.checkpoint.writes": Option(Kind.NUMBER, "", 1024, noted=_NO_QUEUE),
    "queue.checkpoint.interval": Option(Kind.NUMBER, "", 1000, noted=_NO_QUEUE),
    "queue.checkpoint.retry": Option(Kind.BOOLEAN, "", True, noted=_NO_QUEUE),
    "queue.compression": Option(Kind.STRING, "", "none", noted=_NO_QUEUE),
    "path.queue": Option(Kind.STRING, "", noted=_NO_QUEUE),
    "dead_letter_queue.enable": Option(Kind.BOOLEAN, "", False, noted="dead letters are always kept"),
    "dead_letter_queue.max_bytes": Option(
        Kind.STRING, "", "1024mb", noted="dead letters of all pipelines have 256 MiB; then the oldest are dropped"
    ),
    "dead_letter_queue.flush_interval": Option(Kind.NUMBER, "", 5000, noted=_LETTERS),
    "dead_letter_queue.flush_check_interval": Option(Kind.NUMBER, "", 1000, noted=_LETTERS),
    "dead_letter_queue.storage_policy": Option(
        Kind.STRING, "", "drop_older", one_of=("drop_newer", "drop_older"), noted="the oldest dead letters are dropped"
    ),
    "dead_letter_queue.retain.age": Option(Kind.STRING, "", noted="`sawlog dead-letter purge` removes them"),
    "path.dead_letter_queue": Option(Kind.STRING, "", noted="dead letters are in the data folder"),
}
"""Of an entry of pipelines.yml; in logstash.yml, they are for all pipelines that say nothing else."""

NODE_OPTIONS: Final[Mapping[str, Option]] = {
    **PIPELINE_OPTIONS,
    "node.name": Option(Kind.STRING, "", noted="messages and metrics do not name the machine"),
    "path.data": Option(Kind.STRING, "Where dead letters and the offsets of inputs live, as `--path.data`."),
    "path.logs": Option(Kind.STRING, "", noted="messages go to standard error, where systemd and Docker keep them"),
    "path.plugins": Option(
        Kind.ARRAY, "", [], refused="plugins written in Ruby are not loaded; the ruby filter or conditions may do"
    ),
    "config.test_and_exit": Option(Kind.BOOLEAN, "Test the files and end.", False),
    "config.field_reference.escape_style": Option(
        Kind.STRING, "", "none", refused="names of fields with brackets in them are not escaped; rename them"
    ),
    "config.field_reference.parser": Option(Kind.STRING, "", "STRICT", noted="names are read strictly"),
    "log.level": Option(
        Kind.STRING, "What is told.", "info", one_of=("fatal", "error", "warn", "info", "debug", "trace")
    ),
    "log.format": Option(Kind.STRING, "", "plain", one_of=("plain", "json"), noted="messages are plain lines"),
    "log.format.json.fix_duplicate_message_fields": Option(Kind.BOOLEAN, "", True, noted="messages are plain lines"),
    "api.enabled": Option(Kind.BOOLEAN, "Whether there are /health and /metrics.", True),
    "api.http.host": Option(Kind.STRING, "Their address; beyond this machine with a password.", "127.0.0.1"),
    "api.http.port": Option(Kind.STRING, "Their port, or a range, of which the first free one is taken.", "9600-9700"),
    "http.enabled": Option(Kind.BOOLEAN, "", replaced_by="api.enabled"),
    "http.host": Option(Kind.STRING, "", replaced_by="api.http.host"),
    "http.port": Option(Kind.STRING, "", replaced_by="api.http.port"),
    "http.environment": Option(Kind.STRING, "", noted="nothing shows it"),
    "api.environment": Option(Kind.STRING, "", "production", noted="nothing shows it"),
    "api.auth.type": Option(
        Kind.STRING, "Whether they want the name and the password below.", "none", one_of=("none", "basic")
    ),
    "api.auth.basic.username": Option(Kind.STRING, "The name."),
    "api.auth.basic.password": Option(Kind.PASSWORD, "The password."),
    "api.auth.basic.password_policy.mode": Option(Kind.STRING, "", "WARN", noted=_POLICY),
    "api.auth.basic.password_policy.length.minimum": Option(Kind.NUMBER, "", 8, noted=_POLICY),
    "api.auth.basic.password_policy.include.upper": Option(Kind.STRING, "", "REQUIRED", noted=_POLICY),
    "api.auth.basic.password_policy.include.lower": Option(Kind.STRING, "", "REQUIRED", noted=_POLICY),
    "api.auth.basic.password_policy.include.digit": Option(Kind.STRING, "", "REQUIRED", noted=_POLICY),
    "api.auth.basic.password_policy.include.symbol": Option(Kind.STRING, "", "OPTIONAL", noted=_POLICY),
    "api.ssl.enabled": Option(Kind.BOOLEAN, "", False, refused=_KEYSTORE),
    "api.ssl.keystore.path": Option(Kind.STRING, "", noted=_KEYSTORE),
    "api.ssl.keystore.password": Option(Kind.PASSWORD, "", noted=_KEYSTORE),
    "api.ssl.supported_protocols": Option(Kind.ARRAY, "", noted=_KEYSTORE),
    "allow_superuser": Option(Kind.BOOLEAN, "", False, noted="no user is refused"),
    "cloud.id": Option(Kind.STRING, "", refused="modules are not offered; the elasticsearch output takes `cloud_id`"),
    "cloud.auth": Option(
        Kind.PASSWORD, "", refused="modules are not offered; the elasticsearch output takes `cloud_auth`"
    ),
    "modules": Option(Kind.ANY, "", [], refused="modules are not offered; write the pipeline"),
    "interactive": Option(Kind.STRING, "", refused="there is no Ruby shell"),
    "keystore.classname": Option(Kind.STRING, "", noted="${NAME} is looked for in the environment"),
    "keystore.file": Option(Kind.STRING, "", noted="${NAME} is looked for in the environment"),
    "monitoring.cluster_uuid": Option(Kind.STRING, "", noted=_MEASURED),
    "monitoring.enabled": Option(Kind.BOOLEAN, "", False, noted=_MEASURED),
    "enable-local-plugin-development": Option(Kind.BOOLEAN, "", False, noted=_NO_JAVA),
    "pipeline.buffer.type": Option(Kind.STRING, "", "heap", noted=_NO_JAVA),
    "pipeline.java_execution": Option(Kind.BOOLEAN, "", True, noted=_NO_JAVA),
    "pipeline.recoverable": Option(
        Kind.STRING,
        "",
        "false",
        noted="a reload starts a pipeline again that has failed; what was not delivered comes again",
    ),
    "pipeline.separate_logs": Option(Kind.BOOLEAN, "", False, noted="messages name the pipeline"),
    "pipeline.unsafe_shutdown": Option(Kind.BOOLEAN, "", False, noted="a stop waits 20 s, and a second signal ends it"),
    "ssl.reload.automatic": Option(Kind.BOOLEAN, "", False, noted="certificates are read when their plugin starts"),
    "slowlog.threshold.warn": Option(Kind.STRING, "", "-1", noted="the metrics say what filters cost"),
    "slowlog.threshold.info": Option(Kind.STRING, "", "-1", noted="the metrics say what filters cost"),
    "slowlog.threshold.debug": Option(Kind.STRING, "", "-1", noted="the metrics say what filters cost"),
    "slowlog.threshold.trace": Option(Kind.STRING, "", "-1", noted="the metrics say what filters cost"),
    "otel.metrics.enabled": Option(Kind.BOOLEAN, "", False, noted=_MEASURED),
    "otel.metrics.endpoint": Option(Kind.STRING, "", "http://localhost:4317", noted=_MEASURED),
    "otel.metrics.interval": Option(Kind.STRING, "", "10s", noted=_MEASURED),
    "otel.metrics.protocol": Option(Kind.STRING, "", "grpc", noted=_MEASURED),
    "otel.metrics.authorization_header": Option(Kind.PASSWORD, "", noted=_MEASURED),
    "otel.resource.attributes": Option(Kind.STRING, "", noted=_MEASURED),
    "otel.service.name": Option(Kind.STRING, "", noted=_MEASURED),
    "xpack.management.enabled": Option(
        Kind.BOOLEAN,
        "",
        False,
        refused="pipelines are not fetched from Elasticsearch; save them as files, in pipelines.yml",
    ),
    "xpack.monitoring.enabled": Option(Kind.BOOLEAN, "", False, noted=_MEASURED),
}
"""Of logstash.yml. A setting that says the default is let pass without a word."""

FAMILIES: Final[Mapping[str, str]] = {
    "xpack.management.": "pipelines are not fetched from Elasticsearch",
    "xpack.monitoring.": _MEASURED,
    "xpack.geoip.": "databases are not fetched; the geoip filter takes `database`",
    "var.": "a setting of modules",
}
"""Beginnings of names that are noted, all of them."""
