from __future__ import annotations

from pathlib import Path

import pytest

from shipper.config.reference import page


def test_the_page_is_that_of_the_tables() -> None:
    written = Path(__file__).parents[3] / "docs/reference/filebeat-compatibility.md"
    assert written.read_text() == page()


INPUTS = """
aws-cloudwatch aws-s3 azure-blob-storage azure-eventhub benchmark cel cloudfoundry container docker
entity-analytics etw filestream gcp-pubsub gcs http_endpoint httpjson journald kafka log lumberjack mqtt
netflow o365audit redis salesforce stdin streaming syslog tcp udp unifiedlogs unix websocket winlog
"""
OUTPUTS = "console discard elasticsearch file kafka logstash redis"
PROCESSORS = """
add_cloud_metadata add_cloudfoundry_metadata add_docker_metadata add_fields add_host_metadata add_id
add_kubernetes_metadata add_labels add_locale add_network_direction add_nomad_metadata add_observer_metadata
add_process_metadata add_tags append cache community_id convert copy_fields decode_base64_field decode_cef
decode_csv_fields decode_duration decode_json_fields decode_xml decode_xml_wineventlog decompress_gzip_field
detect_mime_type dissect dns drop_event drop_fields extract_array fingerprint include_fields lowercase
move_fields parse_aws_vpc_flow_log rate_limit registered_domain rename replace script syslog timestamp
translate_ldap_attribute translate_sid truncate_fields uppercase urldecode
"""
PROVIDERS = "aws_ec2 aws_elb docker jolokia kubernetes nomad"


@pytest.mark.parametrize(
    ("title", "names"),
    [("Inputs", INPUTS), ("Outputs", OUTPUTS), ("Processors", PROCESSORS), ("Providers of autodiscover", PROVIDERS)],
)
def test_all_that_filebeat_8_has_is_there(title: str, names: str) -> None:
    """The names are those of the pages of Filebeat's reference; whatever is not offered says what to do instead."""
    section = page().partition(f"## {title}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in section.splitlines() if line.startswith("| `")]
    answers = {name.strip("`"): (answer, word) for name, answer, word in rows}
    assert not set(names.split()) - answers.keys()
    assert not [name for name, (answer, word) in answers.items() if not answer.startswith("works") and not word]
