"""A store in a bucket: killed publishers, other machines, and what a bucket may say that is not to be believed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from squeezesam_core.errors import ModelFileError
from squeezesam_core.registry import load_whole
from squeezesam_core.store import cache, history, locate, publish, rollback

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
    files.rm(f"{bucket}/versions/{published.version}/extra.pt")
    assert locate(bucket, "squeezesam") == here
    load_whole(here)


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_text("")], ids=["gone", "torn"])
def test_a_copy_that_lacks_something_is_fetched_again(
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


@pytest.mark.parametrize(("step", "count"), [("_put_file", 0), ("_put_file", 2), ("_put_file", 4), ("_pipe_file", 0)])
def test_a_killed_publisher_leaves_the_old_version_serving(
    bucket: str, exported: Callable[[str], Path], step: str, count: int
) -> None:
    first = publish(exported("a"), bucket)
    argv = [sys.executable, "-c", KILL_ME, exported("b"), bucket, step, str(count)]
    killed = subprocess.run([str(part) for part in argv], cwd=REPOSITORY, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert load_whole(locate(bucket, "squeezesam")).version == first.version
    second = publish(exported("b"), bucket)
    assert load_whole(locate(bucket, "squeezesam")).version == second.version


@pytest.mark.parametrize(
    ("path", "content", "cause"),
    [
        ("squeezesam.history/00000002", "../../etc", "no version"),
        ("squeezesam.history/00000002", "squeezesam-0123456789ab", "has no squeezesam-0123456789ab"),
        ("versions/{version}/extra.pt", "!", "SHA-256"),
        ("versions/{version}/manifest.json", "{}", "not a manifest"),
        ("versions/{version}/manifest.json", "{other}", "holds squeezesam-"),
    ],
    ids=["path", "missing", "damaged", "no manifest", "another's manifest"],
)
def test_what_a_bucket_says_wrongly_is_not_served(
    bucket: str,
    exported: Callable[[str], Path],
    files: fsspec.AbstractFileSystem,
    path: str,
    content: str,
    cause: str,
) -> None:
    version = publish(exported("a"), bucket).version
    if content == "{other}":
        shutil.copy(exported("b") / "extra.pt", exported("a") / "extra.pt")
        files.put_file(str(exported("a") / "extra.pt"), f"{bucket}/versions/{version}/extra.pt")
        content = (exported("b") / "manifest.json").read_text()
    files.pipe_file(f"{bucket}/{path.format(version=version)}", content.encode())
    with pytest.raises(ModelFileError, match=cause):
        locate(bucket, "squeezesam")
    assert not cache.place(version).exists()


def test_an_upload_that_was_cut_short_does_not_serve(
    bucket: str, exported: Callable[[str], Path], files: fsspec.AbstractFileSystem
) -> None:
    first, second = publish(exported("a"), bucket), publish(exported("b"), bucket)
    files.pipe_file(f"{bucket}/versions/{first.version}/extra.pt", b"")
    with pytest.raises(ModelFileError, match="damaged"):
        publish(exported("a"), bucket)
    with pytest.raises(ModelFileError, match="SHA-256"):
        rollback(bucket, "squeezesam")
    assert history(bucket, "squeezesam")[0] == second.version


def test_a_number_that_is_always_taken_ends_with_the_reason(
    bucket: str, exported: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("squeezesam_core.store.bucket.BucketStore._record", lambda *_: False)
    with pytest.raises(ModelFileError, match="without end"):
        publish(exported("a"), bucket)


@pytest.mark.parametrize(
    ("address", "cause"),
    [
        ("s3://bucket-that-nobody-made/models", "s3://bucket-that-nobody-made/models (names a|cannot be used)"),
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
