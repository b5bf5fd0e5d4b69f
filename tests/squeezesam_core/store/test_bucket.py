"""A store in a bucket: killed publishers, other machines, and what a bucket may say that is not to be believed."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest
import s3fs

from squeezesam_core.errors import ModelFileError
from squeezesam_core.registry import MANIFEST, load_whole
from squeezesam_core.store import cache, history, locate, publish, rollback, versions

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def files() -> fsspec.AbstractFileSystem:
    return fsspec.filesystem("s3")


def test_a_machine_fetches_a_version_once(
    bucket: str, exported: Callable[[str], Path], files: fsspec.AbstractFileSystem
) -> None:
    published = publish(exported("a"), bucket)
    here = locate(bucket, "squeezesam")
    assert here == cache.place(published.version) != published.directory
    files.rm(f"{bucket}/files", recursive=True)
    assert locate(bucket, "squeezesam") == here
    load_whole(here)


@pytest.mark.parametrize(
    "spoil", [lambda path: path.unlink(), lambda path: path.write_text("!")], ids=["gone", "wrong"]
)
def test_a_damaged_copy_is_fetched_again(
    bucket: str, exported: Callable[[str], Path], spoil: Callable[[Path], object]
) -> None:
    publish(exported("a"), bucket)
    spoil(locate(bucket, "squeezesam") / "extra.pt")
    assert load_whole(locate(bucket, "squeezesam")).path("checkpoint").read_text() == "a"


def test_the_cache_keeps_a_few_versions(
    bucket: str, exported: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "KEPT", 2)
    monkeypatch.setattr(cache, "ABANDONED_SECONDS", -1)
    for letter in "abc":
        abandoned = cache.place("x").parent / f".unfinished-{letter}"
        abandoned.mkdir(parents=True)
        publish(exported(letter), bucket)
        locate(bucket, "squeezesam")
        time.sleep(0.02)
    left = [path.name for path in cache.place("x").parent.iterdir()]
    assert sorted(left) == sorted(history(bucket, "squeezesam")[:2])


KILL_ME = """
import os, signal, sys
from pathlib import Path
import s3fs
from squeezesam_core.store import publish
step, count = sys.argv[3], int(sys.argv[4])
original = getattr(s3fs.S3FileSystem, step)
async def dies(*arguments, **named):
    global count
    count -= 1
    if count < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return await original(*arguments, **named)
setattr(s3fs.S3FileSystem, step, dies)
publish(Path(sys.argv[1]), sys.argv[2])
"""


@pytest.mark.parametrize(("step", "count"), [("_put_file", 0), ("_pipe_file", 0), ("_pipe_file", 1)])
def test_a_killed_publisher_leaves_the_old_version_serving(
    bucket: str, exported: Callable[[str], Path], killed: Callable[..., None], step: str, count: int
) -> None:
    first = publish(exported("a"), bucket)
    killed(KILL_ME, exported("b"), bucket, step, count)
    assert load_whole(locate(bucket, "squeezesam")).version == first.version
    second = publish(exported("b"), bucket)
    assert load_whole(locate(bucket, "squeezesam")).version == second.version


@pytest.mark.parametrize(
    ("path", "content", "cause"),
    [
        ("squeezesam.history/00000003", "../../etc", "no version"),
        ("squeezesam.history/00000003", "squeezesam-0123456789ab", "has no squeezesam-0123456789ab"),
        ("files/{file}", "!", "files/[0-9a-f]{64} is damaged"),
        ("versions/{version}.json", "{}", "not a manifest"),
        ("versions/{version}.json", "{other}", "is the manifest of squeezesam-"),
        ("versions/{version}.json", "{elsewhere}", "hash that is none"),
    ],
    ids=["path", "missing", "damaged", "no manifest", "another's manifest", "file elsewhere"],
)
def test_what_a_bucket_says_wrongly_is_not_served(
    bucket: str,
    exported: Callable[[str], Path],
    files: fsspec.AbstractFileSystem,
    path: str,
    content: str,
    cause: str,
) -> None:
    publish(exported("b"), bucket)
    manifest = publish(exported("a"), bucket)
    document = json.loads((exported("a") / MANIFEST).read_text())
    phone = {"name": "x.ort", "sha256": "../versions", "bytes": 1}
    texts = {
        "{other}": (exported("b") / MANIFEST).read_text(),
        "{elsewhere}": json.dumps(document | {"files": {**document["files"], "ort": phone}}),
    }
    names = {"version": manifest.version, "file": manifest.files["checkpoint"].sha256}
    files.pipe_file(f"{bucket}/{path.format(**names)}", texts.get(content, content).encode())
    with pytest.raises(ModelFileError, match=cause):
        locate(bucket, "squeezesam")
    assert not cache.place(manifest.version).exists()
    assert list(cache.place("x").parent.glob(".unfinished-*")) == []


def test_an_upload_that_was_cut_short_is_mended_by_publishing_again(
    bucket: str, exported: Callable[[str], Path], files: fsspec.AbstractFileSystem
) -> None:
    first = publish(exported("a"), bucket)
    publish(exported("b"), bucket)
    files.pipe_file(f"{bucket}/files/{first.files['checkpoint'].sha256}", b"")
    with pytest.raises(ModelFileError, match="damaged"):
        rollback(bucket, "squeezesam")
    publish(exported("a"), bucket)
    load_whole(locate(bucket, "squeezesam"))


def test_a_request_whose_answer_was_lost_is_one_rollback(
    bucket: str, exported: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent again then, and meets what it wrote itself."""
    first, second, _ = (publish(exported(letter), bucket) for letter in "abc")
    original = s3fs.S3FileSystem._pipe_file

    async def twice(*arguments, **named):
        await original(*arguments, **named)
        return await original(*arguments, **named)

    monkeypatch.setattr(s3fs.S3FileSystem, "_pipe_file", twice)
    assert rollback(bucket, "squeezesam").version == second.version
    assert rollback(bucket, "squeezesam").version == first.version


def test_a_cache_that_cannot_be_written_is_named(
    bucket: str, exported: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(exported("a"), bucket)
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    with pytest.raises(ModelFileError, match="cannot hold") as caught:
        locate(bucket, "squeezesam")
    assert "XDG_CACHE_HOME" in caught.value.remedy


def test_a_version_that_cannot_be_read_hides_no_other(
    bucket: str, exported: Callable[[str], Path], files: fsspec.AbstractFileSystem
) -> None:
    first, second = publish(exported("a"), bucket), publish(exported("b"), bucket)
    files.pipe_file(f"{bucket}/versions/{second.version}.json", b"\xff")
    files.pipe_file(f"{bucket}/versions/readme.txt", b"")
    assert first.version in {manifest.version for manifest in versions(bucket)}


def test_a_number_that_is_always_taken_ends_with_the_reason(
    bucket: str, exported: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("squeezesam_core.store.bucket.BucketStore._create", lambda *_: False)
    with pytest.raises(ModelFileError, match="without end"):
        publish(exported("a"), bucket)


@pytest.mark.parametrize(
    ("address", "cause"),
    [
        ("s3://bucket-that-nobody-made/models", "s3://bucket-that-nobody-made/models cannot be used .*does not exist"),
        ("nowhere://bucket", "nowhere://bucket cannot be used .*nowhere"),
        ("gs://bucket/models", "gs://bucket/models cannot be reached: .*gcsfs"),
    ],
    ids=["no bucket", "unknown kind", "package missing"],
)
@pytest.mark.parametrize("use", ["publish", "locate"])
@pytest.mark.usefixtures("bucket")
def test_addresses_that_lead_nowhere_are_named(
    exported: Callable[[str], Path], address: str, cause: str, use: str
) -> None:
    with pytest.raises(ModelFileError, match=cause):
        publish(exported("a"), address) if use == "publish" else locate(address, "squeezesam")


def test_a_server_that_does_not_answer_is_named(
    bucket: str, exported: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    code = f"from squeezesam_core.store import history; history({bucket!r}, 'squeezesam')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, env=dict(os.environ), capture_output=True, text=True, check=False
    )
    assert f"{bucket} cannot be used" in done.stderr
