"""The s3 output, against a server that speaks S3, read by another client."""

from __future__ import annotations

import asyncio
import gzip
import logging
import re
import struct
from pathlib import Path
from typing import Any

import pytest

from ingest.output.s3_spool import DamagedSpoolError, SpooledObject, SpoolFile
from sawlog.errors import StoreError
from tests.ingest.output.building import codec, event, make, notes, opened, refused
from tests.patience import SECONDS
from tests.services import S3Server

NAME = re.compile(r"ls\.s3\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.\d{4}-\d\d-\d\dT\d\d\.\d\d\.part0\.txt")


class Place:
    """A bucket, a folder for what waits, and the options of an output."""

    def __init__(self, server: S3Server, folder: Path) -> None:
        self.server = server
        self.bucket = server.bucket()
        self.folder = folder / "spool"
        self.options = {
            **server.access, "bucket": self.bucket, "temporary_directory": str(self.folder),
            "codec": codec("line", format="%{message}"),
        }  # fmt: skip

    def objects(self) -> dict[str, bytes]:
        return self.server.objects(self.bucket)

    async def until(self, objects: int) -> dict[str, bytes]:
        async with asyncio.timeout(SECONDS):
            while len(found := self.objects()) < objects:
                await asyncio.sleep(0.05)
        return found

    def waiting(self) -> list[Path]:
        return sorted(self.folder.iterdir())


@pytest.fixture
def place(s3_server: S3Server, tmp_path: Path) -> Place:
    return Place(s3_server, tmp_path)


async def test_one_object_under_logstashs_name(place: Place) -> None:
    async with opened("s3", **place.options) as output:
        await output.send([event(1), event(2)])
        await output.send([event(3)])
        assert place.objects() == {}
        assert len(place.waiting()) == 1
    ((name, data),) = place.objects().items()
    assert data == b"line 1\nline 2\nline 3\n"
    assert NAME.fullmatch(name)
    assert place.waiting() == []


async def test_prefixes_tags_and_parts(place: Place) -> None:
    options = {**place.options, "prefix": "%{app}/%{+yyyy/MM/dd}", "tags": ["a", "b"], "size_file": 10}
    async with opened("s3", **options) as output:
        await output.send([event(1, app="shop"), event(2, app="bad^<name"), event(3, app="shop")])
        await output.send([event(4, app="shop")])
    found = {re.sub(r"ls\.s3\.[0-9a-f-]{36}\.[\dT.-]{16}", "ls", name): data for name, data in place.objects().items()}
    assert found == {
        "shop/2017/07/04/ls.tag_a.b.part0.txt": b"line 1\nline 3\n",
        "shop/2017/07/04/ls.tag_a.b.part1.txt": b"line 4\n",
        "bad__name/2017/07/04/ls.tag_a.b.part0.txt": b"line 2\n",
    }


async def test_a_file_is_uploaded_when_it_is_old(place: Place) -> None:
    async with opened("s3", **place.options, rotation_strategy="time", time_file=0.005) as output:
        await output.send([event(1)])
        await place.until(1)
        await output.send([event(2)])
        found = await place.until(2)
    assert sorted(found.values()) == [b"line 1\n", b"line 2\n"]


async def test_what_is_said_of_objects(place: Place) -> None:
    more = {"encoding": "gzip", "storage_class": "STANDARD_IA", "canned_acl": "public-read"}
    keys = {"server_side_encryption": True, "server_side_encryption_algorithm": "aws:kms", "ssekms_key_id": "k1"}
    async with opened("s3", **place.options, **more, **keys) as output:
        await output.send([event(1)])
        await output.send([event(2)])
    ((name, data),) = place.objects().items()
    assert name.endswith(".part0.txt.gz")
    assert gzip.decompress(data) == b"line 1\nline 2\n"
    about = place.server.client.head_object(Bucket=place.bucket, Key=name)
    assert about["ContentEncoding"] == "gzip"
    assert about["StorageClass"] == "STANDARD_IA"
    assert about["ServerSideEncryption"] == "aws:kms"
    assert about["SSEKMSKeyId"].endswith("k1")
    grants = place.server.client.get_object_acl(Bucket=place.bucket, Key=name)["Grants"]
    assert any("AllUsers" in grant["Grantee"].get("URI", "") for grant in grants)


async def test_a_large_object_comes_in_parts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.output.s3_uploads.PART_BYTES", 5 << 20)
    text = "x" * (2 << 20)
    async with opened("s3", **place.options, size_file=1 << 30, upload_multipart_threshold=5 << 20) as output:
        for number in range(8):
            await output.send([event(number, text=text), {**event(0), "message": f"{number}{text}"}])
    ((name, data),) = place.objects().items()
    assert data == b"".join(b"line %d\n%d%s\n" % (number, number, text.encode()) for number in range(8))
    about = place.server.client.head_object(Bucket=place.bucket, Key=name)
    assert about["ETag"].strip('"').endswith("-3"), "three parts"


async def test_what_waits_is_uploaded_when_the_server_is_back(
    own_s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ingest.output.s3.GRACE_SECONDS", 0.5)
    place = Place(own_s3_server, tmp_path)
    quick = {"retry_delay": 0.05, "additional_settings": {"retry_limit": 0}, "upload_workers_count": 1}
    output = make("s3", **place.options, **quick, size_file=1, upload_queue_size=0)
    await output.open()
    own_s3_server.stop()
    # One is under way, one waits; with that, there is no room.
    for number in range(2):
        await output.send([event(number)])
    blocked = asyncio.create_task(output.send([event(9)]))
    async with asyncio.timeout(SECONDS):
        while "is not uploaded" not in caplog.text:
            await asyncio.sleep(0.01)
    await asyncio.wait([blocked], timeout=0.5)
    assert not blocked.done()
    blocked.cancel()
    await asyncio.gather(blocked, return_exceptions=True)
    await output.close()
    assert "2 files in " in caplog.text
    assert len(place.waiting()) == 2
    own_s3_server.start()
    place.server.client.create_bucket(Bucket=place.bucket)
    async with opened("s3", **place.options, restore=False):
        pass
    assert place.objects() == {}
    async with opened("s3", **{**place.options, "bucket": place.server.bucket()}):
        pass
    assert len(place.waiting()) == 2, "they are another bucket's"
    async with opened("s3", **place.options):
        assert sorted((await place.until(2)).values()) == [b"line 0\n", b"line 1\n"]
    assert place.waiting() == []


async def test_the_bucket_is_tried_at_the_start(place: Place) -> None:
    options = {**place.options, "bucket": "no-such-bucket"}
    with pytest.raises(StoreError, match=r"^s3: the bucket no-such-bucket: NoSuchBucket at PutObject: "):
        await make("s3", **options).open()
    async with opened("s3", **place.options):
        assert place.objects() == {}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"prefix": "a^b"}, "a prefix has none of the characters"),
        ({"size_file": 0}, "'size_file' is more than 0 with rotation_strategy => size_and_time"),
        ({"rotation_strategy": "time", "time_file": 0}, "'time_file' is more than 0"),
        ({"rotation_strategy": "sice"}, "did you mean 'size'"),
        ({"encoding": "zip"}, "none, gzip"),
        ({"canned_acl": "public-reed"}, "did you mean 'public-read'"),
        ({"ssekms_key_id": "k"}, "a key needs server_side_encryption => true"),
        ({"upload_workers_count": 0}, "'upload_workers_count' is a whole number, 1 at least"),
        ({"upload_multipart_threshold": 1000}, "'upload_multipart_threshold' is a whole number, 5242880 at least"),
        ({"access_key_id": "a"}, "need one another"),
    ],
)
def test_options_that_make_no_sense(settings: dict[str, Any], words: str) -> None:
    assert words in refused("s3", bucket="logs", **settings)


def test_only_one_rotation_needs_its_limit() -> None:
    make("s3", bucket="logs", rotation_strategy="size", time_file=0)
    make("s3", bucket="logs", rotation_strategy="time", size_file=0)
    assert any("'retry_count' has no effect here" in note for note in notes("s3", bucket="logs", retry_count=3))


class TestSpoolFile:
    ABOUT = SpooledObject("logs", "a/ls.s3.txt")

    def test_what_is_not_whole_at_the_end_is_no_part_of_it(self, tmp_path: Path) -> None:
        file = SpoolFile.create(tmp_path, "one", self.ABOUT)
        assert SpoolFile.left_over(file.path) is None, "its process lives"
        file.append(b"first\n")
        file.append(b"second\n")
        file.leave()
        whole = file.path.read_bytes()
        for cut in range(len(whole) - 14, len(whole)):
            file.path.write_bytes(whole[:cut])
            left = SpoolFile.left_over(file.path)
            assert left is not None
            assert left.about == self.ABOUT
            assert list(left.content()) == [b"first\n"]
            left.leave()
        for rest in (b"\0" * 100, struct.pack(">II", 3, 0) + b"abc"):
            file.path.write_bytes(whole + rest)
            left = SpoolFile.left_over(file.path)
            assert left is not None
            assert list(left.content()) == [b"first\n", b"second\n"]
            left.remove()
            assert not file.path.exists()

    def test_damage_in_the_middle_is_seen(self, tmp_path: Path) -> None:
        file = SpoolFile.create(tmp_path, "one", self.ABOUT)
        file.append(b"first\n")
        file.append(b"second\n")
        file.path.write_bytes(file.path.read_bytes().replace(b"first", b"wurst"))
        with pytest.raises(DamagedSpoolError):
            list(file.content())
        file.leave()

    def test_a_file_that_is_closed_takes_nothing(self, tmp_path: Path) -> None:
        file = SpoolFile.create(tmp_path, "one", self.ABOUT)
        file.leave()
        with pytest.raises(OSError, match="closed"):
            file.append(b"x")


async def test_a_damaged_file_is_set_aside(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    place.folder.mkdir()
    for name in ("bad", "good"):
        file = SpoolFile.create(place.folder, name, SpooledObject(place.bucket, name, place.server.url))
        file.append(b"first\n")
        file.append(b"second\n")
        file.leave()
    bad = place.folder / "bad.s3"
    bad.write_bytes(bad.read_bytes().replace(b"first", b"wurst"))
    async with opened("s3", **place.options):
        await place.until(1)
    assert place.objects() == {"good": b"first\nsecond\n"}
    assert [path.name for path in place.waiting()] == ["bad.damaged"]
    assert "bad.s3 is damaged" in caplog.text


async def test_a_full_disk_takes_nothing_half(small_disk: Path, place: Place) -> None:
    options = {**place.options, "temporary_directory": str(small_disk)}
    async with opened("s3", **options) as output:
        await output.send([event(1)])
        with pytest.raises(OSError, match="No space left"):
            await output.send([{**event(2), "message": "x" * (1 << 20)}])
        await output.send([event(3)])
    assert list(place.objects().values()) == [b"line 1\nline 3\n"]
