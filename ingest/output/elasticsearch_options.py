"""The options of the elasticsearch output, of Logstash 8 and, under their old names, of those before."""

from __future__ import annotations

from typing import Final

from ingest.elastic_connection import CA
from ingest.options import Kind, Option
from ingest.output import tls

_RETRIED: Final = "what can succeed later is tried again without end, the rest goes to the dead letters"
_POOL: Final = "connections are kept and made anew as needed"
_ILM: Final = "write to a data stream, whose index template names the policy and which rolls over by itself"
_OLD: Final = "an option of Logstash 1; HTTP is spoken"
_BATCHES: Final = "a request holds what has come while others were under way, up to 8 MiB"
_SNIFFING: Final = "nodes are looked for at the start and when one fails"
_TYPES: Final = "Elasticsearch 8 has no types"
_JOIN: Final = "a field of the event, set by a filter, says the same; name the parent in 'routing'"

OPTIONS: Final[dict[str, Option]] = {
    # Where
    "hosts": Option(Kind.ARRAY, "Hosts: names with or without port, or URLs; port 9200 if none.", ["127.0.0.1"]),
    "cloud_id": Option(Kind.STRING, "The id of a deployment in Elastic's cloud, instead of hosts."),
    "path": Option(Kind.STRING, "The path below which a proxy offers Elasticsearch."),
    "proxy": Option(Kind.STRING, "The URL of an HTTP proxy."),
    "parameters": Option(Kind.HASH, "Parameters for the query string of each request.", {}),
    "custom_headers": Option(Kind.HASH, "Headers for each request.", {}),
    "timeout": Option(Kind.NUMBER, "Seconds for a request.", 60),
    "http_compression": Option(Kind.BOOLEAN, "Whether bodies are gzipped; not given: unless on this machine."),
    "compression_level": Option(
        Kind.NUMBER,
        "0: bodies are not gzipped; 1 to 9: they are.",
        differs="bodies are not compressed on their way to this machine's own addresses, where Logstash compresses all",
    ),
    "sniffing": Option(Kind.BOOLEAN, "Whether the cluster's other nodes are looked for and used.", False),
    # Who
    "user": Option(Kind.STRING, "The user name."),
    "password": Option(Kind.PASSWORD, "That user's password."),
    "cloud_auth": Option(Kind.PASSWORD, "User name, colon, password."),
    "api_key": Option(Kind.PASSWORD, "An API key: id, colon, key; or encoded."),
    # TLS
    **tls.OPTIONS,
    "ssl": Option(Kind.BOOLEAN, "", replaced_by="ssl_enabled"),
    "ssl_certificate_verification": Option(Kind.BOOLEAN, "Old form of ssl_verification_mode => none.", True),
    "ca_trusted_fingerprint": Option(Kind.STRING, "", refused=CA),
    # Data streams
    "data_stream": Option(
        Kind.STRING,
        "Whether to write to a data stream; auto: unless an option is against it.",
        "auto",
        one_of=("true", "false", "auto"),
    ),
    "data_stream_type": Option(
        Kind.STRING, "The first part of its name.", "logs", one_of=("logs", "metrics", "synthetics", "traces")
    ),
    "data_stream_dataset": Option(Kind.STRING, "The second part of its name.", "generic"),
    "data_stream_namespace": Option(Kind.STRING, "The third part of its name.", "default"),
    "data_stream_auto_routing": Option(Kind.BOOLEAN, "Whether the event's data_stream.* name it first.", True),
    "data_stream_sync_fields": Option(Kind.BOOLEAN, "Whether data_stream.* in the document say its name.", True),
    # Documents
    "index": Option(Kind.STRING, "The index; takes sprintf. Not given: ecs-logstash-%{+yyyy.MM.dd}."),
    "action": Option(
        Kind.STRING,
        "create, index, update or delete; takes sprintf.",
        differs="an event is created under its own id, also in an index, where Logstash indexes: one that comes"
        " twice is there once",
    ),
    "document_id": Option(
        Kind.STRING,
        "The document's id; takes sprintf. Not given: the event's own.",
        differs="a document has its event's own id, where Logstash lets Elasticsearch draw one",
    ),
    "routing": Option(Kind.STRING, "The routing; takes sprintf."),
    "pipeline": Option(Kind.STRING, "The ingest pipeline of the cluster; takes sprintf."),
    "version": Option(Kind.STRING, "The document's version; takes sprintf."),
    "version_type": Option(
        Kind.STRING,
        "How versions are compared.",
        one_of=("internal", "external", "external_gt", "external_gte", "force"),
    ),
    "doc_as_upsert": Option(Kind.BOOLEAN, "Whether an update creates a document that is not there.", False),
    "upsert": Option(Kind.STRING, "The document, in JSON, that an update creates if none is there.", None),
    "retry_on_conflict": Option(Kind.NUMBER, "How often the cluster itself retries an update.", 1),
    "script": Option(Kind.STRING, "The script of an update, or its name."),
    "script_type": Option(
        Kind.STRING,
        "Whether `script` is a text or the name of a stored one.",
        "inline",
        one_of=("inline", "indexed", "file"),
    ),
    "script_lang": Option(Kind.STRING, "The script's language.", "painless"),
    "script_var_name": Option(Kind.STRING, "The script's parameter that holds the event.", "event"),
    "scripted_upsert": Option(Kind.BOOLEAN, "Whether the script runs for a document that is not there.", False),
    "ecs_compatibility": Option(
        Kind.STRING,
        "disabled: no data streams, and the default index is logstash-….",
        "v8",
        one_of=("disabled", "v1", "v8"),
    ),
    # Templates
    "manage_template": Option(
        Kind.BOOLEAN,
        "Whether a template is installed.",
        True,
        differs="the template that is installed is sawlog's for logs-spring-*, where Logstash installs ecs-logstash",
    ),
    "template": Option(Kind.PATH, "The file of an index template to install."),
    "template_name": Option(Kind.STRING, "That template's name; ecs-logstash if not given."),
    "template_overwrite": Option(Kind.BOOLEAN, "Whether it replaces one that is there.", False),
    "template_api": Option(
        Kind.STRING,
        "Which interface the template is for; auto: as it looks.",
        "auto",
        one_of=("auto", "legacy", "composable"),
    ),
    # Retries
    "retry_initial_interval": Option(Kind.NUMBER, "Seconds before the first retry; doubled with each.", 2),
    "retry_max_interval": Option(Kind.NUMBER, "Most seconds between retries.", 64),
    # Noted
    "bulk_path": Option(Kind.STRING, "", refused="give 'path' and 'parameters'"),
    "dlq_custom_codes": Option(Kind.ARRAY, "", [], noted=_RETRIED),
    "dlq_on_failed_indexname_interpolation": Option(Kind.BOOLEAN, "", True, noted=_RETRIED),
    "dead_letter_index": Option(
        Kind.STRING, "Ours: an index or a data stream for refused documents, instead of the dead letters on disk."
    ),
    "drop_error_types": Option(Kind.ARRAY, "", [], noted="refused documents go to the dead letters; purge them there"),
    "silence_errors_in_log": Option(Kind.ARRAY, "", [], noted="documents are not logged one by one"),
    "failure_type_logging_whitelist": Option(Kind.ARRAY, "", [], noted="documents are not logged one by one"),
    "healthcheck_path": Option(Kind.STRING, "", noted="a host is asked again with the next request"),
    "resurrect_delay": Option(Kind.NUMBER, "", 5, noted="a host is asked again with the next request"),
    "pool_max": Option(Kind.NUMBER, "", 1000, noted=_POOL),
    "pool_max_per_route": Option(Kind.NUMBER, "", 100, noted=_POOL),
    "validate_after_inactivity": Option(Kind.NUMBER, "", 10000, noted=_POOL),
    "sniffing_delay": Option(Kind.NUMBER, "", 5, noted=_SNIFFING),
    "sniffing_path": Option(Kind.STRING, "", noted=_SNIFFING),
    "ilm_enabled": Option(Kind.STRING, "", "auto", noted=_ILM, one_of=("true", "false", "auto")),
    "ilm_policy": Option(Kind.STRING, "", noted=_ILM),
    "ilm_pattern": Option(Kind.STRING, "", noted=_ILM),
    "ilm_rollover_alias": Option(Kind.STRING, "", refused=_ILM),
    "join_field": Option(Kind.STRING, "", refused=_JOIN),
    "parent": Option(Kind.STRING, "", refused=_JOIN),
    # Of Logstash 1 to 5
    "host": Option(Kind.ARRAY, "", replaced_by="hosts"),
    "port": Option(Kind.NUMBER, "The port of hosts that name none.", 9200),
    "protocol": Option(
        Kind.STRING, "Old: https for TLS; all others mean HTTP.", "http", one_of=("http", "https", "node", "transport")
    ),
    "document_type": Option(Kind.STRING, "", noted=_TYPES),
    "index_type": Option(Kind.STRING, "", noted=_TYPES),
    "flush_size": Option(Kind.NUMBER, "", noted=_BATCHES),
    "idle_flush_time": Option(Kind.NUMBER, "", noted=_BATCHES),
    "max_retries": Option(Kind.NUMBER, "", noted=_RETRIED),
    "retry_max_items": Option(Kind.NUMBER, "", noted=_RETRIED),
    "cluster": Option(Kind.STRING, "", noted=_OLD),
    "node_name": Option(Kind.STRING, "", noted=_OLD),
    "bind_host": Option(Kind.STRING, "", noted=_OLD),
    "bind_port": Option(Kind.STRING, "", noted=_OLD),
    "embedded_http_port": Option(Kind.STRING, "", noted=_OLD),
    "max_inflight_requests": Option(Kind.NUMBER, "", noted=_BATCHES),
    "embedded": Option(Kind.BOOLEAN, "", False, noted="with true, this is the output 'embedded'"),
}

NOT_IN_DATA_STREAMS: Final = (
    *("index", "document_id", "version", "version_type", "upsert", "doc_as_upsert", "scripted_upsert"),
    *("script", "script_type", "script_lang", "script_var_name", "retry_on_conflict"),
    *("manage_template", "template", "template_name", "template_overwrite", "template_api"),
    *("ilm_enabled", "ilm_policy", "ilm_pattern", "document_type", "index_type"),
)
"""Options that speak against a data stream, as in Logstash 8; an action does so too, unless it is ``create``."""
