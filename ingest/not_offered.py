"""Plugins of Logstash that sawlog does not have, each with what does the job here.

`python -m ingest.not_offered` writes the chapter on them in docs/reference/logstash-compatibility.md.
"""

from __future__ import annotations

from typing import Final

from ingest.plugin import PluginKind

NOT_OFFERED: Final[dict[PluginKind, dict[str, str]]] = {
    "input": {
        "azure_event_hubs": "send the events to an http input",
        "cloudwatch": "let the agent of CloudWatch write to a file or an http input",
        "couchdb_changes": "send the changes to an http input",
        "dead_letter_queue": "sawlog dead-letter replay sends again what was refused",
        "elastic_agent": "the beats input speaks the same protocol",
        "elastic_serverless_forwarder": "the http input takes what it sends to Elasticsearch",
        "exec": "let cron write to a file and read it with the file input, or pipe into stdin",
        "ganglia": "metrics are not read; Ganglia's own tools keep them",
        "gelf": "send JSON to a tcp or udp input with the json_lines or json codec",
        "graphite": "use a tcp input and the grok filter",
        "heartbeat": "use the generator input, or ask the metrics address",
        "http_poller": "let cron ask, and send the answer to an http input",
        "imap": "no other plugin reads mail",
        "jdbc": "export rows as JSON lines and read them with the file input",
        "jms": "use the mqtt input",
        "jmx": "use the http input",
        "log4j": "let Log4j write a file and read it with the file input, or use tcp with json_lines",
        "logstash": "use the http or beats input, and the http or lumberjack output of the other Logstash",
        "lumberjack": "use the beats input, and Filebeat or sawlog ship",
        "pipe": "pipe the program into the stdin input",
        "rabbitmq": "use the mqtt input; RabbitMQ has an MQTT plugin",
        "relp": "use the tcp or syslog input",
        "rss": "no other plugin reads feeds",
        "snmp": "no other plugin speaks SNMP",
        "snmptrap": "no other plugin speaks SNMP",
        "sqs": "use the mqtt or http input",
        "stomp": "use the mqtt input",
        "twitter": "no other plugin reads it",
        "unix": "use the tcp or stdin input",
        "websocket": "use the http input",
        "zeromq": "use the tcp or mqtt input",
    },
    "filter": {
        "age": "compare @timestamp in the store's query",
        "aggregate": "aggregate in the store; events are handled one by one here",
        "alter": "use mutate in a condition",
        "anonymize": "use the fingerprint filter, which took its place",
        "cipher": "use the fingerprint filter to make values unreadable",
        "collate": "sort in the store's query",
        "elapsed": "aggregate in the store",
        "elastic_integration": "name the integration's ingest pipeline in 'pipeline' of the elasticsearch output",
        "extractnumbers": "use grok",
        "i18n": "use mutate gsub",
        "jdbc_static": "use the translate filter with a dictionary file, or the elasticsearch or http filter",
        "jdbc_streaming": "use the translate filter with a dictionary file, or the elasticsearch or http filter",
        "metaevent": "use clone",
        "metrics": "aggregate in the store",
        "multiline": "use the codec multiline of the input, or multiline in filebeat.yml, which join lines earlier",
        "punct": "use mutate gsub",
        "range": "use conditions with < and >",
        "sleep": "inputs are held back by the outputs anyway",
        "tld": "use grok",
        "unique": "remove repeated values in the store's query",
        "useragent_parser": "use useragent",
        "wait": "inputs are held back by the outputs anyway",
        "zeromq": "use mutate",
    },
    "output": {
        "amazon_es": "use the opensearch output with a user of the cluster; requests are not signed for Amazon's IAM",
        "clickhouse": "use the http output",
        "cloudwatch": "use the http output to a metrics gateway, or ask /metrics",
        "datadog": "use the http output",
        "elastic_app_search": "use the elasticsearch output",
        "elastic_workplace_search": "use the elasticsearch output",
        "exec": "use the http output",
        "gelf": "use the http output",
        "graphite": "aggregate in the store",
        "influxdb": "use the http output",
        "jdbc": "use the http output",
        "logstash": "use the http output",
        "loki": "use the http output",
        "lumberjack": "use the http output",
        "mongodb": "use the http output",
        "nagios": "use the http output",
        "nagios_nsca": "use the http output",
        "pagerduty": "use the http output",
        "pipe": "no program is run for events, for safety: use the stdout output and a pipe",
        "rabbitmq": "use the http output",
        "slack": "use the http output",
        "sns": "use the http output",
        "sqs": "use the http output",
        "statsd": "aggregate in the store",
        "stomp": "use the http output",
        "webhdfs": "use the file output",
        "websocket": "use the http output",
        "zabbix": "use the http output",
        "zeromq": "use the http output",
    },
    "codec": {
        "avro": "let the sender write JSON",
        "cloudfront": "use the line codec and the grok filter",
        "cloudtrail": "use the json codec and the split filter",
        "collectd": "let collectd write to an http input",
        "compress_spooler": "use the beats input",
        "edn": "let the sender write JSON",
        "edn_lines": "let the sender write JSON",
        "fluent": "let Fluentd send JSON to an http input",
        "graphite": "use the line codec and the grok filter",
        "msgpack": "let the sender write JSON",
        "netflow": "what its records mean, templates say now and then; let goflow2 or nfdump write JSON",
        "nmap": "no other codec reads it",
        "oldlogstashjson": "use the json codec",
        "protobuf": "let the sender write JSON",
        "s3plain": "use the plain codec",
    },
}


def chapter() -> str:
    """Return the chapter on plugins that are refused, as the page has it."""
    rows = [
        f"| {kind} `{name}` | refused: {hint} |\n"
        for kind, hints in NOT_OFFERED.items()
        for name, hint in hints.items()
    ]
    return f"{_TITLE}{_INTRODUCTION}| Plugin | Here |\n|---|---|\n{''.join(rows)}"


_TITLE: Final = "## Plugins that are refused\n\n"
_INTRODUCTION: Final = (
    "A pipeline that names one of these does not start, and is told what to do instead. All other plugins of the\n"
    "default distribution of Logstash 8 have their tables below.\n\n"
)

if __name__ == "__main__":
    print(chapter(), end="")
