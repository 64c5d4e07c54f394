"""sawlog ship with inputs that hear from others, as a process; their senders are other people's programs."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import need
from tests.ingesting import SAWLOG, SECONDS, until
from tests.services import free_port
from tests.shipper.input.journal import Journal
from tests.shipping import Shipping


@pytest.fixture
def shipping(tmp_path: Path) -> Iterator[Shipping]:
    with Shipping(tmp_path) as shipping:
        yield shipping


def logger(*arguments: object) -> None:
    """Have util-linux's logger(1) send a message."""
    program = shutil.which("logger")
    if program is None:
        pytest.skip("there is no logger(1)")
    subprocess.run([program, *map(str, arguments)], check=True, timeout=SECONDS)


def test_syslog_of_logger_over_all_protocols_and_a_reload(shipping: Shipping) -> None:
    udp, tcp, plain = (free_port() for _ in range(3))
    unix = shipping.folder / "log"
    shipping.configure(
        f"""
- {{type: syslog, protocol.udp.host: "127.0.0.1:{udp}"}}
- {{type: syslog, format: auto, protocol.tcp: {{host: "127.0.0.1:{tcp}", framing: rfc6587}}, tags: [counted]}}
- {{type: syslog, format: auto, protocol.unix: {{path: {unix}, socket_type: datagram}}}}
- {{type: tcp, host: "127.0.0.1:{plain}"}}
"""
    )
    process = shipping.start()
    until(lambda: shipping.messages.count("input listens on") == 4, lambda: shipping.messages)
    there = ["-n", "127.0.0.1"]
    logger(*there, "-P", udp, "--udp", "--rfc3164", "-t", "shop", "-p", "local3.warning", "over udp")
    logger(*there, "-P", tcp, "--tcp", "--rfc5424", "--octet-count", "-t", "shop", "-i", "over tcp")
    logger("-u", unix, "-t", "shop", "over a socket")
    with socket.create_connection(("127.0.0.1", plain), SECONDS) as connection:
        connection.sendall(b"before the reload\n")
        until(lambda: len(shipping.written()) == 4, lambda: shipping.messages)
        by_text = {event["message"]: event for event in shipping.written()}
        event = by_text["over udp"]
        assert event["syslog"] == {
            "priority": 156,
            "facility": 19,
            "facility_label": "local3",
            "severity_label": "Warning",
        }
        assert (event["event"], event["process"], event["input"]) == (
            {"severity": 4}, {"program": "shop"}, {"type": "syslog"},
        )  # fmt: skip
        assert event["hostname"]
        assert event["log"]["source"]["address"].startswith("127.0.0.1:")
        assert set(event["log"]) == {"source"}
        event = by_text["over tcp"]
        assert (event["process"]["name"], event["tags"]) == ("shop", ["counted"])
        assert event["process"]["entity_id"].isdecimal()
        assert "timeQuality" in event["syslog"]["data"]
        assert by_text["over a socket"]["syslog"]["facility_label"] == "user-level"
        # The input that the reload leaves alone keeps its connections; the output is another one.
        shipping.config.write_text(shipping.config.read_text().replace("filename: events", "filename: later"))
        process.send_signal(signal.SIGHUP)
        until(lambda: "the configuration is read anew" in shipping.messages, lambda: shipping.messages)
        connection.sendall(b"after the reload\n")
        until(lambda: shipping.texts("later") == ["after the reload"], lambda: shipping.messages)
        connection.sendall(b"at the end")
    until(lambda: len(shipping.texts("later")) == 2, lambda: shipping.messages)
    shipping.stop(process)
    assert not unix.exists()


def test_what_has_no_end_is_not_read_once_nor_by_up(shipping: Shipping) -> None:
    shipping.configure("- {type: udp}")
    done = shipping.once()
    assert done.returncode == 1
    assert b"an input of type udp has no end, and --once waits for all ends" in done.stderr
    up = [SAWLOG, "up", "--no-web", "--data", str(shipping.folder / "up"), "-c", str(shipping.config)]
    done = subprocess.run(up, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == 1
    assert b"for an input of type udp, use `sawlog ship`" in done.stderr


def test_an_address_that_is_taken_ends_it(shipping: Shipping) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        shipping.configure(f"- {{type: tcp, host: '127.0.0.1:{taken.getsockname()[1]}'}}")
        command = [SAWLOG, "ship", "-c", str(shipping.config)]
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == 1
    assert b"the tcp input cannot listen on 127.0.0.1:" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_journal_once_and_no_entry_twice(shipping: Shipping) -> None:
    journal = need(lambda: Journal(shipping.folder / "one.journal"))
    journal.add("one", "two", SYSLOG_IDENTIFIER="shop")
    shipping.configure(f"- {{type: journald, paths: [{journal.path}]}}")
    assert shipping.once().returncode == 0
    journal.add("three", SYSLOG_IDENTIFIER="shop")
    assert shipping.once().returncode == 0
    assert shipping.texts() == ["one", "two", "three"]
    event = shipping.written()[0]
    assert (event["syslog"], event["input"]) == ({"identifier": "shop"}, {"type": "journald"})
    shipping.configure("- {type: journald, journalctl_path: /no/journalctl}")
    done = shipping.once()
    assert done.returncode == 1
    assert b"cannot start /no/journalctl, which systemd has: No such file or directory" in done.stderr
