"""The plugins of Logstash 8's default distribution: its rakelib/plugins-metadata.json and integrations."""

from __future__ import annotations

from typing import Final

from ingest.plugin import PluginKind

PLUGINS: Final[dict[PluginKind, str]] = {
    "input": "azure_event_hubs beats cloudwatch couchdb_changes dead_letter_queue elastic_serverless_forwarder"
    " elasticsearch exec file ganglia gelf generator graphite heartbeat http http_poller jdbc jms kafka logstash pipe"
    " pipeline rabbitmq redis s3 snmp snmptrap sqs stdin syslog tcp twitter udp unix",
    "filter": "aggregate anonymize cidr clone csv date de_dot dissect dns drop elastic_integration elasticsearch"
    " fingerprint geoip grok http jdbc_static jdbc_streaming json kv memcached metrics mutate prune ruby sleep split"
    " syslog_pri throttle translate truncate urldecode useragent uuid xml",
    "output": "cloudwatch csv elastic_app_search elastic_workplace_search elasticsearch email file graphite http kafka"
    " logstash lumberjack nagios null pipe pipeline rabbitmq redis s3 sns sqs stdout tcp udp webhdfs",
    "codec": "avro cef cloudfront cloudtrail collectd dots edn edn_lines es_bulk fluent graphite json json_lines line"
    " msgpack multiline netflow plain rubydebug",
}
