"""The s3 input, against a server that speaks S3, and objects that another client has written."""

from __future__ import annotations

import gzip
import logging
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.input.s3_object import ObjectReader
from ingest.input.s3_position import LATE_SECONDS, BucketObject, BucketPosition, ReadObject
from sawlog.errors import InputError, StoreError
from tests.ingest.input.building import Sink, codec, make, refused, running
from tests.ingest.output.building import make as make_output
from tests.services import S3Server


class Bucket:
    """A bucket, and the options of an input that reads it once."""

    def __init__(self, server: S3Server, folder: Path) -> None:
        self.server = server
        self.client = server.client
        self.name = server.bucket()
        self.sincedb = folder / "memory" / "sincedb"
        self.options = {
            **server.access, "bucket": self.name, "sincedb_path": str(self.sincedb), "watch_for_new_files": False,
        }  # fmt: skip

    def put(self, key: str, data: bytes, **more: Any) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=data, **more)

    def keys(self, bucket: str | None = None) -> list[str]:
        return sorted(self.server.objects(bucket or self.name))

    async def read(self, **settings: Any) -> Sink:
        """Look at the bucket once."""
        sink = Sink()
        await make("s3", **{**self.options, **settings}).run(sink)
        return sink


@pytest.fixture
def bucket(s3_server: S3Server, tmp_path: Path) -> Bucket:
    return Bucket(s3_server, tmp_path)


async def test_lines_of_objects_in_the_order_in_which_they_were_written(bucket: Bucket) -> None:
    bucket.put("b.log", b"one\r\ntwo\n")
    time.sleep(1.1)  # S3's clock has seconds
    bucket.put("a.log.gz", gzip.compress(b"three\nfo\xc3\xbcr\n") + gzip.compress(b"five") + b"\0" * 9)
    bucket.put("packed-without-a-word", gzip.compress(b"six"))
    bucket.put("empty", b"")
    bucket.put("folder/", b"")
    sink = await bucket.read()
    assert sink.messages == ["one", "two", "three", "foür", "five", "six"]
    ids = [event["@metadata"]["_id"] for event in sink.events]
    assert len(set(ids)) == 6
    assert [event["@metadata"]["s3"]["key"] for event in sink.events][:3] == ["b.log", "b.log", "a.log.gz"]
    assert (await bucket.read()).events == [], "the position is kept"
    bucket.sincedb.unlink()
    assert [event["@metadata"]["_id"] for event in (await bucket.read()).events] == ids
    bucket.put("b.log", b"one\r\ntwo\nseven\n")
    again = await bucket.read()
    assert again.messages == ["one", "two", "seven"], "what was replaced is another object"
    assert not {event["@metadata"]["_id"] for event in again.events} & set(ids)


async def test_which_objects(bucket: Bucket) -> None:
    for key in ("app/1.log", "app/2.tmp", "web/3.log"):
        bucket.put(key, key.encode())
    bucket.put("app/old", b"frozen", StorageClass="GLACIER")
    assert (await bucket.read(prefix="app/", exclude_pattern=r"\.tmp$")).messages == ["app/1.log"]


async def test_what_is_known_of_an_object(bucket: Bucket) -> None:
    bucket.put("one.log", b"text", ContentType="text/plain", Metadata={"team": "orders"})
    (event,) = (await bucket.read(include_object_properties=True, add_field={"of": "%{[@metadata][s3][key]}"})).events
    about = event["@metadata"]["s3"]
    assert about["key"] == event["of"] == "one.log"
    assert about["content_length"] == 4
    assert about["content_type"] == "text/plain"
    assert about["metadata"] == {"team": "orders"}
    assert about["last_modified"].endswith("Z")
    assert about["etag"]


async def test_codecs(bucket: Bucket) -> None:
    bucket.put("json", b'{"message": "a"}\n{"message": "b"}\n[{"message": "c"}]')
    assert (await bucket.read(codec="json")).messages == ["a", "b", "c"]
    bucket.sincedb.unlink()
    bucket.put("json", b"Caused\n  at here\nNext\n")
    joined = codec("multiline", pattern="^ ", what="previous")
    assert (await bucket.read(codec=joined)).messages == ["Caused\n  at here", "Next"]
    bucket.put("json", "grün\n".encode("latin-1"))
    assert (await bucket.read(codec=codec("plain", charset="ISO-8859-1"))).messages == ["grün"]
    bucket.put("json", gzip.compress(b"packed\n"))
    assert (await bucket.read(codec="gzip_lines")).messages == ["packed"]


async def test_a_large_object_comes_in_batches_and_goes_on_where_it_was(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.input.s3.BATCH_BYTES", 1000)
    monkeypatch.setattr("ingest.input.s3.READ_BYTES", 700)
    lines = [f"line {number}" for number in range(1000)]
    bucket.put("large", "\n".join(lines).encode())
    options = {**bucket.options, "watch_for_new_files": True}
    async with running("s3", hold=True, **options) as one:
        await one.sink.until(1)
        for batch in list(one.sink.batches):
            batch.ack()
        before = len(one.sink.events)
        await one.sink.until(before + 1)
        # What comes now is not delivered: the process ends.
    assert len(one.sink.batches) == 2, "one batch is under way, and no more"
    sink = await bucket.read()
    assert sink.messages == lines[before:]
    assert len(sink.batches) > 3


async def test_what_is_delivered_is_moved(bucket: Bucket, s3_server: S3Server, tmp_path: Path) -> None:
    other = s3_server.bucket()
    bucket.put("app/1.log", b"one")
    bucket.put("../2.log", b"two")
    moving = {"delete": True, "backup_to_bucket": other, "backup_add_prefix": "done/"}
    options = {**bucket.options, **moving, "backup_to_dir": str(tmp_path / "copies")}
    async with running("s3", hold=True, **options) as one:
        await one.sink.until(2)
        assert bucket.keys() == ["../2.log", "app/1.log"], "nothing before it is delivered"
        assert bucket.keys(other) == []
        for batch in one.sink.batches:
            batch.ack()
        await one.task
    assert bucket.keys() == []
    assert bucket.keys(other) == ["done/../2.log", "done/app/1.log"]
    copies = {str(path.relative_to(tmp_path / "copies")) for path in (tmp_path / "copies").rglob("*") if path.is_file()}
    assert copies == {"2.log", "app/1.log"}


async def test_copies_in_the_same_bucket_are_not_read(bucket: Bucket) -> None:
    bucket.put("1.log", b"one")
    moving = {"backup_to_bucket": bucket.name, "backup_add_prefix": "done/"}
    assert (await bucket.read(**moving)).messages == ["one"]
    assert bucket.keys() == ["1.log", "done/1.log"]
    assert (await bucket.read(**moving)).messages == []


async def test_a_damaged_object_stays_and_is_told(bucket: Bucket, caplog: pytest.LogCaptureFixture) -> None:
    whole = gzip.compress(b"".join(b"%d line\n" % number for number in range(20_000)))
    bucket.put("cut.gz", whole[: len(whole) // 2])
    bucket.put("good", b"good")
    sink = await bucket.read(delete=True)
    assert sink.messages[0] == "0 line"
    assert sink.messages[-1] == "good"
    assert bucket.keys() == ["cut.gz"]
    assert "cut.gz is damaged: it ends before its last byte" in caplog.text


async def test_what_is_not_delivered_moves_no_position(bucket: Bucket) -> None:
    bucket.put("1.log", b"one\n")
    async with running("s3", hold=True, **bucket.options) as one:
        await one.sink.until(1)
    assert (await bucket.read()).messages == ["one"]


async def test_a_role_and_a_file_of_keys(
    bucket: Bucket, s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", s3_server.url)
    keys = tmp_path / "keys.yml"
    keys.write_text(":access_key_id: tester\n:secret_access_key: s3cret\n")
    bucket.put("1.log", b"one\n")
    options = {key: value for key, value in bucket.options.items() if "access_key" not in key}
    sink = Sink()
    role = {"role_arn": "arn:aws:iam::123456789012:role/reader", "additional_settings": {"force_path_style": "true"}}
    await make("s3", **options, **role, aws_credentials_file=str(keys)).run(sink)
    assert sink.messages == ["one"]


async def test_who_may_not_is_told_without_secrets(
    own_s3_server: S3Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bucket = Bucket(own_s3_server, tmp_path)
    with urlopen(Request(f"{own_s3_server.url}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"})):
        pass
    with pytest.raises(InputError) as failure:
        await bucket.read()
    assert str(failure.value).startswith("s3: InvalidAccessKeyId at ListObjectsV2: ")
    output = {**own_s3_server.access, "bucket": bucket.name, "temporary_directory": str(tmp_path / "spool")}
    with pytest.raises(StoreError) as refusal:
        await make_output("s3", **output).open()
    assert str(refusal.value).startswith(f"s3: the bucket {bucket.name}: InvalidAccessKeyId at PutObject: ")
    assert "s3cret" not in f"{failure.value} {refusal.value} {caplog.text}"


async def test_a_bucket_that_is_not_there(bucket: Bucket) -> None:
    with pytest.raises(InputError, match=r"^s3: NoSuchBucket at ListObjectsV2: The specified bucket does not exist$"):
        await bucket.read(bucket="no-such-bucket")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"access_key_id": "a"}, "'access_key_id' and 'secret_access_key' need one another"),
        ({"session_token": "a"}, "'session_token' belongs to"),
        ({"endpoint": "localhost"}, "an endpoint is a URL"),
        ({"interval": 0}, "an interval is more than 0 seconds"),
        ({"exclude_pattern": "("}, "no regular expression"),
        ({"backup_to_bucket": "logs"}, "the copy would be the object itself"),
        ({"backup_add_prefix": "x"}, "'backup_add_prefix' needs 'backup_to_bucket'"),
        ({"additional_settings": {"force_path_stile": True}}, "did you mean 'force_path_style'"),
        ({"additional_settings": {"retry_limit": "many"}}, "'retry_limit' is a number, and got 'many'"),
        ({"additional_settings": {"ssl_verify_peer": "maybe"}}, "'ssl_verify_peer' is true or false"),
        ({"bukket": "logs"}, "did you mean 'bucket'"),
    ],
)
def test_options_that_make_no_sense(settings: dict[str, Any], words: str) -> None:
    assert words in refused("s3", bucket="logs", **settings)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), ("{", "is no YAML"), ("a: b", "has no access_key_id")],
)
async def test_a_file_of_keys_that_has_none(tmp_path: Path, content: str | None, words: str) -> None:
    keys = tmp_path / "keys.yml"
    if content is not None:
        keys.write_text(content)
    one = make("s3", bucket="logs", aws_credentials_file=str(keys), sincedb_path="/dev/null")
    with pytest.raises(InputError, match=words):
        await one.run(Sink())


class TestPosition:
    def test_it_outlasts_the_process_and_a_torn_line(self, tmp_path: Path) -> None:
        file = tmp_path / "sincedb"
        position = BucketPosition(file)
        one, two = BucketObject("one", "a", 100.0), BucketObject("two", "b", 101.0)
        position.keep([ReadObject(one, 7, done=True), ReadObject(two, 3)])
        with file.open("a") as out:
            out.write('{"found":{"key":"two","tag":"b","modif')
        again = BucketPosition(file)
        assert not again.is_new(one)
        assert again.is_new(two)
        assert again.events(two) == 3
        assert again.is_new(BucketObject("one", "other", 100.0))
        assert again.events(BucketObject("two", "other", 101.0)) == 0

    def test_names_of_old_objects_are_forgotten_but_not_their_time(self, tmp_path: Path) -> None:
        position = BucketPosition(tmp_path / "sincedb")
        old, new = BucketObject("old", "a", 100.0), BucketObject("new", "b", 200.0 + LATE_SECONDS)
        position.keep([ReadObject(old, 1, done=True), ReadObject(new, 1, done=True)])
        position.forget([])
        late = BucketObject("late", "c", 201.0)
        assert not position.is_new(old)
        assert position.is_new(late), "an upload of an hour begins long before it is seen"
        assert not position.is_new(BucketObject("ancient", "d", 150.0))

    def test_what_could_not_be_read_stays_new(self, tmp_path: Path) -> None:
        position = BucketPosition(tmp_path / "sincedb")
        failed, half = BucketObject("failed", "a", 90.0), BucketObject("half", "a", 100.0)
        position.keep([ReadObject(half, 5), ReadObject(BucketObject("new", "b", 10_000.0), 1, done=True)])
        position.forget([failed])
        assert position.is_new(failed)
        assert position.events(half) == 5

    def test_the_file_does_not_grow_for_ever(self, tmp_path: Path) -> None:
        file = tmp_path / "sincedb"
        position = BucketPosition(file)
        for count in range(1200):
            position._lines += 1
            position._take([ReadObject(BucketObject("one", "a", 100.0), count)])
        position.forget([])
        assert len(file.read_text().splitlines()) == 2
        assert BucketPosition(file).events(BucketObject("one", "a", 100.0)) == 1199

    @pytest.mark.parametrize("text", ["2023-05-01 10:00:00 UTC", "2023-05-01 12:00:00 +0200\n"])
    def test_logstashs_own_file_is_taken_over(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / "sincedb"
        file.write_text(text)
        for position in (BucketPosition(file), BucketPosition(file)):
            assert not position.is_new(BucketObject("read", "a", 1682935200.0))
            assert position.is_new(BucketObject("new", "a", 1682935201.0))

    def test_another_file_is_left_alone(self, tmp_path: Path) -> None:
        file = tmp_path / "notes"
        file.write_text("Milk, eggs\n")
        with pytest.raises(InputError, match="is none of the s3 input's files"):
            BucketPosition(file)
        assert file.read_text() == "Milk, eggs\n"


@given(st.lists(st.text(alphabet="ab€\n", max_size=30), max_size=6), st.integers(1, 7), st.booleans())
def test_an_object_is_the_same_however_it_comes(texts: list[str], step: int, packed: bool) -> None:
    text = "".join(texts)
    data = b"".join(gzip.compress(part.encode()) for part in texts) if packed else text.encode()
    reader = ObjectReader(make("stdin", codec=codec("line")).codec())
    found = [piece for at in range(0, len(data), step) for piece in reader.feed(data[at : at + step])]
    messages = [event["message"] for events, _ in (*found, *reader.end()) for event in events]
    lines = text.split("\n")
    assert messages == (lines if lines[-1] else lines[:-1])


def test_a_bomb_comes_in_pieces() -> None:
    reader = ObjectReader(make("stdin", codec=codec("line")).codec())
    sizes = [size for _, size in reader.feed(gzip.compress(b"\n" * (5 << 20)))]
    assert max(sizes) <= 1 << 20
    assert sum(sizes) == 5 << 20
