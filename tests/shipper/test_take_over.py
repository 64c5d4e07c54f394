"""Taking over from Filebeat: after the switch, just the lines come that Filebeat had not delivered."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipper.filebeat_registry import FilebeatState, read_registry
from shipper.framing import Framing, SpringBootFraming
from shipper.identity import MARK_BYTES
from shipper.registry import Registry
from shipper.take_over import Fingerprint, Verdict, take_over
from tests.shipper import filebeat
from tests.shipper.rig import Rig

WHOLE = Fingerprint()


def import_into(rig: Rig, states: Iterable[FilebeatState], fingerprint: Fingerprint = WHOLE) -> list[Verdict]:
    """Take the states over into the rig's registry; return what became of each."""
    with closing(Registry(rig.registry)) as registry:
        verdicts = list(take_over(states, registry, "agent", fingerprint))
        for verdict in verdicts:
            if verdict.record is not None:
                registry.put(verdict.record)
    return verdicts


def reasons(verdicts: Iterable[Verdict]) -> list[str | None]:
    return [None if verdict.record is not None else verdict.reason for verdict in verdicts]


def native(path: Path, offset: int, **other: int) -> FilebeatState:
    status = path.stat()
    place = {"inode": status.st_ino, "device": status.st_dev} | other
    return FilebeatState(f"filebeat::logs::{path}", str(path), offset, "native", **place)  # type: ignore[arg-type]


@pytest.mark.parametrize(("which", "last"), [("log", 50), ("checkpoint", 60)])
def test_a_switch_in_the_middle_of_files_that_grow_and_are_rotated(tmp_path: Path, which: str, last: int) -> None:
    rig = Rig(tmp_path)
    filebeat.write(rig.logs, 1, last)
    data = filebeat.plant(which, tmp_path / "filebeat", rig.logs)
    # While neither runs: the files grow, are rotated, and new ones begin.
    filebeat.write(rig.logs, last + 1, last + 5)
    for name in filebeat.NAMES:
        if name != "path":
            (rig.logs / f"{name}.log").rename(rig.logs / f"{name}.log.1")
    filebeat.write(rig.logs, last + 6, last + 9)
    assert reasons(import_into(rig, read_registry(data).states)) == [None] * len(filebeat.NAMES)
    rig.once()
    assert sorted(rig.texts) == sorted(
        line for name in filebeat.NAMES for line in filebeat.lines(name, last + 1, last + 9)
    )


@given(
    lines=st.lists(st.integers(0, 300), min_size=1, max_size=40),
    read=st.integers(0, 40),
    rotations=st.lists(st.integers(1, 10), max_size=3),
    trace=st.booleans(),
)
def test_the_rest_exactly_whatever_was_read(
    tmp_path_factory: pytest.TempPathFactory, lines: list[int], read: int, rotations: list[int], trace: bool
) -> None:
    folder = tmp_path_factory.mktemp("switch")
    rig = Rig(folder, framing=SpringBootFraming() if trace else None)
    log = rig.logs / "app.log"
    texts = [f"2025-01-01 #{at}# {'x' * length}" for at, length in enumerate(lines)]
    log.write_text("".join(f"{text}\n" for text in texts))
    read = min(read, len(texts))
    state = native(log, sum(len(text) + 1 for text in texts[:read]))
    for number, more in enumerate(rotations):
        log.rename(rig.logs / f"app.log.{number + 1}")
        added = [f"2025-01-01 #{len(texts) + at}#" for at in range(more)]
        log.write_text("".join(f"{text}\n" for text in added))
        texts += added
    import_into(rig, [state])
    rig.once()
    assert sorted(rig.texts) == sorted(texts[read:])
    shutil.rmtree(folder)


class TestWhatIsNotTakenOver:
    """It is said why, and the file is read from its start."""

    @pytest.fixture
    def rig(self, tmp_path: Path) -> Rig:
        return Rig(tmp_path)

    @pytest.fixture
    def log(self, rig: Rig) -> Path:
        (log := rig.logs / "a.log").write_text("one\ntwo\nthree\n")
        return log

    @pytest.mark.parametrize(
        ("offset", "reason"),
        [
            (0, "nothing was read of it"),
            (15, "it is shorter than that: truncated, or written anew"),
            (5, "no line begins there: the file is another by now"),
        ],
    )
    def test_an_offset_that_does_not_fit(self, rig: Rig, log: Path, offset: int, reason: str) -> None:
        assert reasons(import_into(rig, [native(log, offset)])) == [reason]
        rig.once()
        assert rig.texts == ["one", "two", "three"]

    def test_a_file_that_was_deleted_and_one_in_its_place(self, rig: Rig, log: Path) -> None:
        state = native(log, 4)
        log.rename(rig.logs.parent / "kept-so-that-its-inode-is")
        log.write_text("other\n")
        assert reasons(import_into(rig, [state])) == [f"no file in {rig.logs} has its inode: it was deleted"]
        rig.once()
        assert rig.texts == ["other"]

    def test_a_folder_that_is_gone(self, rig: Rig) -> None:
        state = FilebeatState("k", "/nowhere/at/all/a.log", 4, "native", 1, 1)
        assert reasons(import_into(rig, [state])) == ["there is no folder /nowhere/at/all"]

    def test_a_compressed_file_of_filebeat_9(self, rig: Rig) -> None:
        (path := rig.logs / "a.log.gz").write_bytes(gzip.compress(b"one\ntwo\n"))
        found = reasons(import_into(rig, [native(path, 4)]))
        assert found == ["it is compressed: with 'compression: auto' it is read from its start"]

    def test_what_is_known_here_already(self, rig: Rig, log: Path) -> None:
        rig.once()
        assert reasons(import_into(rig, [native(log, 4)])) == ["it is known here already, and was read up to 14"]

    def test_a_second_import_changes_nothing(self, rig: Rig, log: Path) -> None:
        assert reasons(import_into(rig, [native(log, 4)])) == [None]
        assert reasons(import_into(rig, [native(log, 8)])) == ["it is known here already, and was read up to 4"]
        rig.once()
        assert rig.texts == ["two", "three"]

    def test_of_two_states_of_one_file_the_lower_offset_counts(self, rig: Rig, log: Path) -> None:
        found = reasons(import_into(rig, [native(log, 8), native(log, 4), native(log, 4)]))
        assert found == [
            "another state of this file has a lower offset, 4", None, "another state of this file has the same offset",
        ]  # fmt: skip
        rig.once()
        assert rig.texts == ["two", "three"]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_file_that_may_not_be_read(self, rig: Rig, log: Path) -> None:
        log.chmod(0)
        assert reasons(import_into(rig, [native(log, 4)])) == ["permission denied"]

    def test_a_fingerprint_that_no_file_has(self, rig: Rig, log: Path) -> None:
        state = FilebeatState("k", str(log), 4, "fingerprint", fingerprint="00" * 32)
        assert "has its fingerprint; see --fingerprint-length" in str(reasons(import_into(rig, [state]))[0])


class TestIdentities:
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Rig:
        return Rig(tmp_path)

    def test_a_device_that_has_another_number_by_now(self, rig: Rig) -> None:
        (log := rig.logs / "a.log").write_text("one\ntwo\n")
        verdict = import_into(rig, [native(log, 4, device=4711)])[0]
        assert verdict.record is not None
        assert verdict.reason == "its device has another number by now"
        rig.once()
        assert rig.texts == ["two"]

    def test_a_marker_in_the_place_of_the_device(self, rig: Rig) -> None:
        (log := rig.logs / "a.log").write_text("one\ntwo\n")
        state = FilebeatState("k", str(log), 4, "inode_marker", log.stat().st_ino)
        log.rename(rig.logs / "a.log.1")
        assert import_into(rig, [state])[0].reason == f"it was {log}"
        rig.once()
        assert rig.texts == ["two"]

    @pytest.mark.parametrize(("offset", "length"), [(0, 1024), (0, 64), (100, 200)])
    def test_a_fingerprint_of_other_bytes(self, rig: Rig, offset: int, length: int) -> None:
        texts = [f"{at} {'x' * 100}" for at in range(20)]
        (log := rig.logs / "a.log").write_text("".join(f"{text}\n" for text in texts))
        shutil.copy(log, rig.logs / "b.log")
        (rig.logs / "b.log").write_text("it begins otherwise\n" * 100)
        found = hashlib.sha256(log.read_bytes()[offset : offset + length]).hexdigest()
        state = FilebeatState("k", str(log), len(texts[0]) + 1, "fingerprint", fingerprint=found)
        log.rename(rig.logs / "a.log.1")
        assert reasons(import_into(rig, [state], Fingerprint(offset, length))) == [None]
        rig.once()
        assert texts[0] not in rig.texts
        assert set(texts[1:]) <= set(rig.texts)

    def test_a_fingerprint_that_grows(self, rig: Rig) -> None:
        (log := rig.logs / "a.log").write_text("one\ntwo\n")
        state = FilebeatState("k", str(log), 4, "growing_fingerprint", fingerprint=b"one\n".hex())
        log.rename(rig.logs / "a.log.1")
        assert reasons(import_into(rig, [state])) == [None]
        rig.once()
        assert rig.texts == ["two"]

    def test_a_link(self, rig: Rig, tmp_path: Path) -> None:
        """As Kubernetes has them: the input names links."""
        (real := tmp_path / "real.log").write_text("one\ntwo\n")
        (link := rig.logs / "a.log").symlink_to(real)
        state = native(link, 4)
        real.rename(tmp_path / "real.log.1")
        link.unlink()
        link.symlink_to(tmp_path / "real.log.1")
        verdict = import_into(rig, [state])[0]
        assert (verdict.record is not None, verdict.path) == (True, str(link))

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
    def test_lines_of_wide_characters(self, rig: Rig, encoding: str) -> None:
        (log := rig.logs / "a.log").write_bytes("one\ntwo\n".encode(encoding))
        assert reasons(import_into(rig, [native(log, len("one\n".encode(encoding)))])) == [None]

    def test_after_the_switch_the_file_is_known_as_any_other(self, rig: Rig) -> None:
        """Also when copytruncate makes a copy of it."""
        first, rest = "x" * MARK_BYTES, ["two", "three"]
        (log := rig.logs / "a.log").write_text(f"{first}\ntwo\n")
        import_into(rig, [native(log, MARK_BYTES + 1)])
        with log.open("a") as file:
            file.write("three\n")
        shutil.copy(log, rig.logs / "a.log.1")
        os.truncate(log, 0)
        with log.open("a") as file:
            file.write("four\n")
        rig.once()
        assert rig.texts == [*rest, "four"] or sorted(rig.texts) == sorted([*rest, "four"])


def test_traces_are_joined_from_the_offset_on(tmp_path: Path) -> None:
    framing: Framing = SpringBootFraming()
    rig = Rig(tmp_path, framing=framing)
    (log := rig.logs / "a.log").write_text("2025 one\n2025 two\njava.lang.Error: no\n\tat a.b.C.d(E.java:1)\n")
    import_into(rig, [native(log, len("2025 one\n"))])
    rig.once()
    assert rig.texts == ["2025 two\njava.lang.Error: no\n\tat a.b.C.d(E.java:1)"]
