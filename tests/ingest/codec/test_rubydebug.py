"""rubydebug: the shape that one knows from Logstash's standard output."""

from __future__ import annotations

import pytest

from tests.ingest.codec.building import make

EVENT = {
    "@timestamp": "2017-07-04T11:11:37.921Z",
    "message": 'a "b"\n\t\\',
    "tags": ["x", "y"],
    "host": {"name": "h", "ip": [], "os": {}},
    "took": 1.5,
    "ok": True,
    "none": None,
    "@metadata": {"_id": "a:1"},
}

SHOWN = r"""{
    "@timestamp" => 2017-07-04T11:11:37.921Z,
       "message" => "a \"b\"\n\t\\",
          "tags" => [
        [0] "x",
        [1] "y"
    ],
          "host" => {
        "name" => "h",
          "ip" => [],
          "os" => {}
    },
          "took" => 1.5,
            "ok" => true,
          "none" => nil
}
"""


def test_the_shape() -> None:
    assert make("rubydebug").encode([EVENT, EVENT]).decode() == SHOWN * 2


def test_metadata_on_request() -> None:
    shown = make("rubydebug", metadata=True).encode([{"@metadata": {"_id": "a:1"}}]).decode()
    assert shown == '{\n    "@metadata" => {\n        "_id" => "a:1"\n    }\n}\n'


def test_deeper_and_longer() -> None:
    shown = make("rubydebug").encode([{"l": [{"a": 1}, *range(10)]}]).decode().splitlines()
    assert shown[:5] == ["{", '    "l" => [', "        [ 0] {", '            "a" => 1', "        },"]
    assert shown[-3:] == ["        [10] 9", "    ]", "}"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", r'"\e[31m"'),
        ("\x00\x07\x7f", r'"\u0000\a\x7F"'),
        ("\x9b\u202e", r'"\u009B\u202E"'),
        ("#{x} #x", r'"\#{x} #x"'),
        ("é€", '"é€"'),
    ],
)
def test_nothing_reaches_the_terminal_as_a_command(text: str, shown: str) -> None:
    assert make("rubydebug").encode([{"a": text}]).decode() == f'{{\n    "a" => {shown}\n}}\n'
    assert make("rubydebug").encode([{"@timestamp": "\x1b[0m"}]).decode() == '{\n    "@timestamp" => "\\e[0m"\n}\n'
