"""`sawlog up` as its users run it: a process, files, and a store; counted from outside."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.services import free_port

ROOT = Path(__file__).parents[2]
SAWLOG = str(Path(sys.executable).with_name("sawlog"))
LINES = 60_000


class Product:
    """The commands of one user, on one data folder and one store."""

    def __init__(self, data: Path, store: list[str]) -> None:
        self.data = data
        self.store = store

    def up(self, *arguments: object) -> list[str]:
        return [SAWLOG, "up", "--no-web", "--data", str(self.data), *self.store, *map(str, arguments)]

    def once(self, *files: object, code: int = 0) -> dict[str, str]:
        done = subprocess.run(self.up("--once", *files), capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return {line[:16].strip(): line[16:] for line in done.stdout.splitlines()}

    def count(self, query: str = "*") -> int:
        store = self.store or ["--data", str(self.data)]
        done = subprocess.run([SAWLOG, "count", *store, query], capture_output=True, text=True, timeout=60, check=False)
        assert "Traceback" not in done.stderr
        return int(done.stdout) if done.returncode == 0 else 0

    def until(self, count: int, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while self.count() < count:
            assert time.monotonic() < end, f"{self.count()} of {count} events came"
            time.sleep(0.2)


@pytest.fixture(params=["embedded", "elasticsearch"])
def product(request: pytest.FixtureRequest, tmp_path: Path) -> Product:
    if request.param == "embedded":
        return Product(tmp_path / "data", [])
    url = request.getfixturevalue("elasticsearch_url")
    index = request.getfixturevalue("data_stream")
    return Product(tmp_path / "data", ["--elasticsearch", url, "--index", index])


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of Spring Boot 2 lines without traces: a line is an event."""
    path = tmp_path_factory.mktemp("generated") / "orders.log"
    generate = [sys.executable, str(ROOT / "examples" / "generate.py"), "--lines", str(LINES), "--no-traces"]
    subprocess.run([*generate, "--format", "boot2", "--output", str(path)], check=True, timeout=120)
    return path


def levels_of(path: Path) -> Counter[str]:
    return Counter(re.findall(r"^\S+ \S+ +([A-Z]+) ", path.read_text(), re.MULTILINE))


def test_every_line_is_indexed_once(product: Product, generated: Path, tmp_path: Path) -> None:
    log = tmp_path / "orders.log"
    log.write_bytes(generated.read_bytes())
    summary = product.once(log)
    assert summary["lines"] == summary["events"] == summary["indexed"] == str(LINES)
    assert summary["parse failures"] == "0"
    assert product.count() == LINES
    for level, count in levels_of(log).items():
        assert product.count(f"log.level:{level}") == count
    assert product.count("service.name:orders") == LINES

    assert product.once(log)["lines"] == "0"
    assert product.count() == LINES
    with log.open("a") as file:
        file.write(
            "2017-07-04 11:11:37.921  INFO 60820 --- [pool-3-thread-1] br.com.service.ContaService : GET DATA\n" * 3
        )
    assert product.once(log)["indexed"] == "3"
    assert product.count() == LINES + 3


def test_killed_and_started_again(product: Product, generated: Path, tmp_path: Path) -> None:
    log = tmp_path / "orders.log"
    log.write_bytes(generated.read_bytes() * 2)
    for _ in range(2):
        running = subprocess.Popen(product.up("--once", log), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        before = product.count()
        while running.poll() is None and product.count() == before and time.monotonic() < end:
            time.sleep(0.01)
        running.kill()
        running.wait()
    product.once(log)
    assert product.count() == 2 * LINES


def test_stopped_and_started_again_while_lines_come(product: Product, tmp_path: Path) -> None:
    log = tmp_path / "pay.log"
    line = "2017-07-04 11:11:37.921  WARN 1 --- [main] br.com.service.ContaService : number {}\n"
    log.write_text("".join(line.format(number) for number in range(100)))
    written = 100
    for number in (signal.SIGTERM, signal.SIGINT):
        running = subprocess.Popen(product.up(log), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        product.until(written)
        with log.open("a") as file:
            file.writelines(line.format(written + more) for more in range(50))
        written += 50
        product.until(written)
        running.send_signal(number)
        said, _ = running.communicate(timeout=40)
        assert running.returncode == 0, said
        assert "Traceback" not in said
    assert product.count() == written


def test_spring_boot_lines_become_ecs_fields(tmp_path: Path) -> None:
    product = Product(tmp_path / "data", [])
    log = tmp_path / "conta" / "application.log"
    log.parent.mkdir()
    log.write_text(
        "this fits nothing\n"
        "2017-07-04 11:11:37.921  INFO 60820 --- [pool-3-thread-1] br.com.service.ContaService      : GET DATA\n"
        "2017-07-04 11:11:37.952  INFO 60820 --- [pool-3-thread-1] br.com.ContaServiceLog           :  CALL SOMEthing\n"
        "2017-07-04 11:11:37.954  INFO 60820 --- [pool-3-thread-1] br.com.ContaServiceLog           : http://some-service\n"
        "2025-03-01T10:15:30.123+02:00  WARN 1 --- [orders] [nio-8080-exec-1]"
        " [65f0c1aabbccddeeff00112233445566-a1b2c3d4e5f60718] c.a.orders.OrderController : no stock\n"
        "\njava.lang.IllegalStateException: empty\n\tat c.a.B.c(B.java:1)\n\n"
    )
    assert product.once(log)["parse failures"] == "1"
    assert product.count("service.name:conta AND log.level:INFO") == 3
    found = subprocess.run(
        [SAWLOG, "search", "--data", str(product.data), "--json", "*"], capture_output=True, text=True, check=True
    )
    events = {event["log"]["offset"]: event for event in map(json.loads, found.stdout.splitlines())}
    odd, first, *_, boot3 = (events[offset] for offset in sorted(events))
    assert first["log"]["logger"] == "br.com.service.ContaService"
    assert first["service"]["name"] == "conta"
    assert boot3["service"]["name"] == "orders"
    assert boot3["trace"]["id"] == "65f0c1aabbccddeeff00112233445566"
    assert boot3["span"]["id"] == "a1b2c3d4e5f60718"
    assert boot3["error"]["type"] == "java.lang.IllegalStateException"
    assert boot3["error"]["message"] == "empty"
    assert odd["message"] == "this fits nothing"
    assert odd["tags"] == ["_grokparsefailure"]
    assert odd["service"]["name"] == "conta"


def test_a_run_in_vain_says_why(tmp_path: Path) -> None:
    product = Product(tmp_path / "data", [])
    log = tmp_path / "deep.log"
    deep = (
        '{"@timestamp":"2025-01-01T00:00:00Z","log.level":"INFO","message":"m","a":'
        + '{"a":' * 40
        + "1"
        + "}" * 41
        + "\n"
    )
    log.write_text(deep)
    summary = product.once(log, code=1)
    assert (summary["indexed"], summary["dead letters"]) == ("0", "1")
    assert "nothing was indexed; the commonest reason: " in summary["refused"]
    assert "deep" in summary["refused"] or "depth" in summary["refused"]
    with log.open("a") as file:
        file.write(deep + "2017-07-04 11:11:37.921  INFO 6 --- [main] b.c.S : hello\n")
    assert product.once(log)["indexed"] == "1"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["/no/such/file.log"], "no such file"),
        (["/no/such/*.log"], "no file has such a name"),
        (["."], "a folder"),
        (["--elasticsearch", "http://127.0.0.1:9", "README.md"], "does not answer"),
        (["-c", "/no/such/filebeat.yml"], "/no/such/filebeat.yml"),
        (["-f", "/no/such/pipeline.conf", "README.md"], "/no/such/pipeline.conf"),
        ([], "nothing to read"),
    ],
)
def test_a_mistake_gets_words_and_no_traceback(tmp_path: Path, arguments: list[str], words: str) -> None:
    command = [SAWLOG, "up", "--once", "--no-web", "--data", str(tmp_path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 1
    assert words in said
    assert "Traceback" not in said


def test_a_file_has_any_name(product: Product, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    names = [b"caf\xe9.log", b"\x1b[2J.log", "名.log".encode()]
    for name in names:
        (folder / os.fsdecode(name)).write_text("2017-07-04 11:11:37.921  INFO 6 --- [main] b.c.S : hello\n")
    (folder / os.fsdecode(b"secret\xe9.log")).write_bytes(b"\0\1\2\3" * 100)
    summary = product.once(folder / "*.log", code=1)
    assert summary["indexed"] == "3"
    assert summary["not read"].startswith(f"{folder}/secret\\xe9.log: this is not text")
    found = subprocess.run(
        [SAWLOG, "search", "*", "--json", *(product.store or ["--data", product.data])], capture_output=True, check=True
    )
    paths = {json.loads(line)["log"]["file"]["path"] for line in found.stdout.splitlines()}
    assert paths == {f"{folder}/caf\\xe9.log", f"{folder}/\x1b[2J.log", f"{folder}/名.log"}
    assert b"\x1b" not in found.stdout
    # They are known again by these names.
    assert product.once(folder / "*.log", code=1)["lines"] == "0"


def test_what_was_indexed_long_ago_is_dropped(tmp_path: Path) -> None:
    product = Product(tmp_path / "data", [])
    old, new = tmp_path / "old.log", tmp_path / "new.log"
    old.write_text("of last week\n")
    new.write_text("of today\n")
    product.once(old)
    [written] = (product.data / "index").glob("wal-*.log")
    os.utime(written, (0, time.time() - 7 * 86_400))
    product.once(old, "--retention", "8d")
    assert product.count("last week") == 1
    product.once(new, "--retention", "6d")
    assert (product.count("last week"), product.count("today")) == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--retention", "a week"], "a number of days or hours such as '30d' or '12h', a size such as '50GB'"),
        (["--retention", "7d", "--elasticsearch", "http://127.0.0.1:9"], "is set by 'sawlog setup'"),
    ],
)
def test_a_retention_that_cannot_be_kept_is_refused(tmp_path: Path, arguments: list[str], words: str) -> None:
    command = [SAWLOG, "up", "--once", "--no-web", "--data", str(tmp_path), *arguments, "README.md"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())


def test_an_unreadable_file_is_named_and_the_others_are_indexed(tmp_path: Path) -> None:
    closed, opened = tmp_path / "closed.log", tmp_path / "open.log"
    closed.write_text("secret\n")
    opened.write_text("2017-07-04 11:11:37.921  INFO 1 --- [main] a.B : text\n")
    closed.chmod(0)
    product = Product(tmp_path / "data", [])
    if os.geteuid() == 0:
        # Root may read everything: without its capabilities it is a user like others.
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *product.up("--once", closed, opened)]
    else:
        command = product.up("--once", closed, opened)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "permission denied" in " ".join(done.stdout.split())
    assert product.count() == 1


def test_the_page_is_served(tmp_path: Path) -> None:
    log = tmp_path / "orders.log"
    log.write_text("2017-07-04 11:11:37.921  INFO 1 --- [main] a.B : text\n")
    command = [SAWLOG, "up", "--port", "0", "--data", str(tmp_path / "data"), str(log)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    try:
        address = ""
        while "http" not in address:
            address = running.stderr.readline()
        url = re.search(r"http://\S+", address)
        assert url is not None
        # An address on loopback that the test has just been told, asked as a browser asks, and as a client does.
        page = Request(url.group(), headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        with urlopen(page, timeout=10) as answer:
            assert "text/html" in answer.headers["Content-Type"]
        with urlopen(url.group(), timeout=10) as answer:
            assert json.load(answer)["cluster_name"] == "sawlog"
        with urlopen(url.group().rstrip("/") + "/api/status", timeout=10) as answer:
            assert json.load(answer)["files"] >= 0
    finally:
        running.terminate()
        running.communicate(timeout=40)
    assert running.returncode == 0


def test_what_the_index_has_set_aside_is_said_and_is_no_success(tmp_path: Path) -> None:
    product = Product(tmp_path / "data", [])
    log = tmp_path / "a.log"
    log.write_text("2025-03-01 10:15:30.123  INFO 4711 --- [main] c.a.Web : hello\n")
    product.once(log)
    [written] = (product.data / "index").glob("wal-*.log")
    written.write_bytes(written.read_bytes()[:-1] + b"?")
    told = product.once(log, code=1)
    assert told["set aside"] == f"damaged-{written.name}: damaged; what is in it is not found"
    # Until somebody has looked after it, that goes on.
    product.once(log, code=1)
    (product.data / "index" / f"damaged-{written.name}").rename(tmp_path / "kept")
    product.once(log)


def test_a_pipeline_has_its_own_inputs_and_outputs_and_is_reloaded(tmp_path: Path) -> None:
    log, out, conf, port = tmp_path / "a.log", tmp_path / "out.json", tmp_path / "own.conf", free_port()
    log.write_text("of a file\n")
    text = (
        f'input {{ tcp {{ host => "127.0.0.1" port => {port} }} }} '
        'filter { mutate { add_field => { "state" => "before" } } } '
        f'output {{ file {{ path => "{out}" }} }}'
    )
    conf.write_text(text)
    command = [SAWLOG, "up", "--port", "0", "--data", str(tmp_path / "data"), "-f", str(conf), str(log)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    try:
        url = None
        while url is None:
            url = re.search(r"Metrics and health: (http://\S+)", running.stderr.readline())
        await_events(out, {"of a file": "before"})
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sender:
            sender.sendall(b"over tcp\n")
        await_events(out, {"of a file": "before", "over tcp": "before"})
        conf.write_text(text.replace("before", "after"))
        running.send_signal(signal.SIGHUP)
        while "the pipeline was reloaded" not in running.stderr.readline():
            assert running.poll() is None
        with log.open("a") as file:
            file.write("2017-07-04 11:11:37.921  INFO 1 --- [main] a.B : text\nmore\n")
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sender:
            sender.sendall(b"again\n")
        await_events(out, {"of a file": "before", "over tcp": "before", "again": "after"})
        with urlopen(f"{url[1]}/health", timeout=10) as answer:
            assert json.load(answer)["status"] == "ok"
        with urlopen(f"{url[1]}/metrics", timeout=10) as answer:
            assert b"sawlog_ingest_received_total" in answer.read()
    finally:
        running.terminate()
        running.communicate(timeout=40)
    assert running.returncode == 0


def await_events(out: Path, wanted: dict[str, str], seconds: float = 60) -> None:
    """Wait until the file has the events: their messages, and what the filter made of them."""
    end = time.monotonic() + seconds
    while True:
        lines = out.read_text().splitlines() if out.exists() else []
        found = {event["message"]: event["state"] for event in map(json.loads, lines)}
        if wanted.items() <= found.items():
            return
        assert time.monotonic() < end, found
        time.sleep(0.1)


def test_inputs_of_the_shippers_configuration_are_reloaded(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("first.log", "second.log", "third.log"))
    inputs, config = tmp_path / "inputs.d", tmp_path / "filebeat.yml"
    inputs.mkdir()

    def configure(*paths: Path) -> None:
        config.write_text(
            f"filebeat.config.inputs: {{path: '{inputs}/*.yml', reload.enabled: true, reload.period: 1s}}\n"
            f"filebeat.inputs: [{{type: filestream, id: apps, paths: {json.dumps(list(map(str, paths)))}}}]\n"
            "output.console: {}\n"
        )

    configure(first)
    first.write_text("one\n")
    second.write_text("two\n")
    third.write_text("three\n")
    data, conf, out = tmp_path / "data", tmp_path / "own.conf", tmp_path / "out.json"
    conf.write_text(
        f'filter {{ mutate {{ add_field => {{ "state" => "kept" }} }} }} output {{ file {{ path => "{out}" }} }}'
    )
    command = [SAWLOG, "up", "--port", "0", "--data", str(data), "-f", str(conf), "-c", str(config)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    try:
        await_events(out, {"one": "kept"})
        configure(first, second)
        running.send_signal(signal.SIGHUP)
        await_events(out, {"one": "kept", "two": "kept"})
        config.write_text("filebeat.inputs: [{type: filestreem}]\n")
        running.send_signal(signal.SIGHUP)
        while "the old one goes on" not in (line := running.stderr.readline()):
            assert line, "it has ended"
        (inputs / "third.yml").write_text(f"[{{type: filestream, id: third, paths: ['{third}']}}]\n")
        configure(first, second)
        await_events(out, {"one": "kept", "two": "kept", "three": "kept"})
        with first.open("a") as file:
            file.write("four\n")
        await_events(out, {"one": "kept", "two": "kept", "three": "kept", "four": "kept"})
    finally:
        running.terminate()
        running.communicate(timeout=40)
    assert running.returncode == 0
