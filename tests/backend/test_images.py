"""Fetching photos: who gets the key, local files, failures."""

import logging
import os
from contextlib import suppress

import httpx
import pytest

from backend.addresses import ImageFetchError
from backend.images import FETCH_SECONDS
from backend.label_studio import LabelStudio, LabelStudioError
from squeezesam_core.errors import InvalidImageError, SqueezeSAMError
from tests.backend.pages import HOST, PERSONAL, TOKEN, Web, image_page, photo, source


def test_personal_token_is_exchanged_and_kept_until_shortly_before_it_expires():
    now = [0.0]
    web = Web(
        {
            f"{HOST}/api/token/refresh": lambda request: httpx.Response(200, json={"access": f"access{now[0]:.0f}"}),
            f"{HOST}/data/upload/1/a.png": lambda request: image_page(),
        }
    )
    images = source(web, PERSONAL, clock=lambda: now[0])
    for moment in (0.0, 200.0, 290.0):
        now[0] = moment
        images.load("/data/upload/1/a.png")
    assert [key for url, key in web.asked if "upload" in url] == [
        "Bearer access0",
        "Bearer access0",
        "Bearer access290",
    ]


@pytest.mark.parametrize(
    ("url", "asked", "key"),
    [
        ("/data/upload/1/a.png", f"{HOST}/data/upload/1/a.png", f"Token {TOKEN}"),
        (f"{HOST}/data/local-files/?d=set/a.png", f"{HOST}/data/local-files/?d=set/a.png", f"Token {TOKEN}"),
        ("http://localhost:8085/data/local-files/?d=a.png", f"{HOST}/data/local-files/?d=a.png", f"Token {TOKEN}"),
        ("http://127.0.0.1:8085/data/upload/1/a.png", f"{HOST}/data/upload/1/a.png", f"Token {TOKEN}"),
        ("https://elsewhere.example/a.png", "https://elsewhere.example/a.png", None),
        ("http://studio:9999/data/upload/1/a.png", "http://studio:9999/data/upload/1/a.png", None),
        ("https://studio:8080/data/upload/1/a.png", "https://studio:8080/data/upload/1/a.png", None),
        ("http://localhost:8085/other/a.png", "http://localhost:8085/other/a.png", None),
        (f"{HOST}//evil.example/a.png", f"{HOST}//evil.example/a.png", f"Token {TOKEN}"),
    ],
    ids=[
        *("upload", "local", "localhost", "loopback", "foreign", "other-port", "other-scheme", "localhost-other"),
        "double-slash",
    ],
)
def test_only_label_studio_itself_gets_the_key(url, asked, key):
    web = Web({asked.partition("?")[0]: image_page()})
    assert source(web).load(url).pixels.shape == (30, 40, 3)
    assert web.asked == [(asked, key)]


@pytest.mark.parametrize(
    "url",
    [
        f"{HOST}//evil.example/a.png",
        f"{HOST}///evil.example/a.png",
        f"{HOST}/..//evil.example/a.png",
        f"{HOST}/.//evil.example/a.png",
        f"{HOST}/%2F/evil.example/a.png",
        f"{HOST}/\\evil.example/a.png",
        f"{HOST}/http://evil.example/a.png",
        f"{HOST}//user:pass@evil.example:8080/a.png",
        f"{HOST}?//evil.example/a.png",
        f"{HOST}@evil.example/a.png",
        f"{HOST}%2F@evil.example/a.png",
        f"{HOST}\\@evil.example/a.png",
        f"{HOST}#@evil.example/a.png",
        f"{HOST}.evil.example/a.png",
        "http://evil.example@studio:8080//evil.example/a.png",
        "HTTP://STUDIO:8080//evil.example/a.png",
        "https://labels.example//evil.example/a.png",
        "https://labels.example:443//evil.example/a.png",
        "https://LABELS.example//evil.example/data/upload/a.png",
        "https://labels.example@evil.example/data/upload/a.png",
        "http://localhost//evil.example/data/upload/a.png",
        "http://localhost/data/upload/../..//evil.example/a.png",
        "//evil.example/data/upload/a.png",
        "//studio:8080//evil.example/a.png",
        "//:80//evil.example/a.png",
        "///evil.example/a.png",
        "/..//evil.example/a.png",
        "/.//evil.example/a.png",
        "/%2F/evil.example/a.png",
        "/\\evil.example/a.png",
        "http:////evil.example/a.png",
        "/data/upload/" + "\N{SNOWMAN}" * 20_000,
    ],
    ids=[
        *("two-slashes", "three-slashes", "parent", "dot", "quoted-slash", "backslash", "url-as-path"),
        *("user-in-path", "query", "as-user", "as-user-quoted", "as-user-backslash", "fragment", "subdomain"),
        *("with-user", "capitals", "shown", "shown-with-port", "shown-in-capitals", "shown-as-user"),
        *("localhost", "localhost-parent", "no-scheme", "no-scheme-studio", "no-host", "relative-slashes"),
        *("relative-parent", "relative-dot", "relative-quoted", "relative-backslash", "empty-host", "too-long"),
    ],
)
def test_no_address_takes_the_key_to_another_host(url):
    asked = []

    def web(request):
        asked.append((request.url.netloc.decode(), request.headers["host"], request.headers.get("authorization")))
        return image_page()

    with suppress(ImageFetchError):
        source(web, host="https://labels.example").load(url)
    assert {(at, host) for at, host, key in asked if key == f"Token {TOKEN}"} <= {("studio:8080", "studio:8080")}


def test_a_wrong_address_of_label_studio_still_gets_no_key_elsewhere(monkeypatch):
    """The second line of defence: the first one fails here."""
    monkeypatch.setattr(LabelStudio, "address", lambda self, path: httpx.URL("http://evil.example/a.png"))
    web = Web({"http://evil.example/a.png": image_page()})
    source(web).load("/data/upload/1/a.png")
    assert web.asked == [("http://evil.example/a.png", None)]


@pytest.mark.parametrize(
    ("location", "asked"),
    [
        (f"{HOST}/elsewhere.png", f"{HOST}/elsewhere.png"),
        ("//evil.example/a.png", "http://evil.example/a.png"),
        (f"{HOST}//evil.example/a.png", f"{HOST}//evil.example/a.png"),
    ],
    ids=["itself", "another-host", "double-slash"],
)
def test_a_redirect_never_gets_the_key(location, asked):
    redirect = httpx.Response(302, headers={"location": location})
    web = Web({f"{HOST}/data/upload/1/a.png": redirect, asked: image_page()})
    source(web).load("/data/upload/1/a.png")
    assert web.asked == [(f"{HOST}/data/upload/1/a.png", f"Token {TOKEN}"), (asked, None)]


def test_what_label_studio_shows_under_its_host_is_asked_of_its_url():
    web = Web({f"{HOST}/data/local-files/": image_page()})
    source(web, host="https://labels.example").load("https://labels.example/data/local-files/?d=a.png")
    assert web.asked == [(f"{HOST}/data/local-files/?d=a.png", f"Token {TOKEN}")]


@pytest.mark.parametrize(
    ("name", "found"),
    [("a.png", True), ("set/b.png", True), ("../secret.png", False), ("/etc/hostname", False), ("none.png", False)],
    ids=["file", "folder", "parent", "absolute", "missing"],
)
def test_local_files_stay_under_their_root(tmp_path, name, found):
    root = tmp_path / "root"
    (root / "set").mkdir(parents=True)
    for path in (root / "a.png", root / "set/b.png", tmp_path / "secret.png"):
        path.write_bytes(photo())
    images = source(Web({}), root=root)
    if found:
        assert images.load(f"{HOST}/data/local-files/?d={name}").pixels.shape == (30, 40, 3)
    else:
        with pytest.raises(ImageFetchError, match="local file"):
            images.load(f"{HOST}/data/local-files/?d={name}")


def test_a_link_out_of_the_root_is_refused(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "secret.png").write_bytes(photo())
    (tmp_path / "root/link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(ImageFetchError, match="outside"):
        source(Web({}), root=tmp_path / "root").load("/data/local-files/?d=link.png")


def test_a_named_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageFetchError, match="no such file"):
        source(Web({}), root=tmp_path).load("/data/local-files/?d=pipe.png")


@pytest.mark.parametrize(
    ("how", "url", "page", "error", "remedy"),
    [
        ({"key": None}, "/data/upload/a.png", httpx.Response(401), ImageFetchError, "LABEL_STUDIO_API_KEY"),
        ({"url": None}, "/data/upload/a.png", None, ImageFetchError, "LABEL_STUDIO_URL"),
        ({}, "s3://bucket/a.png", None, ImageFetchError, "pre-signed"),
        ({}, "/data/upload/a.png", httpx.Response(404), ImageFetchError, "still there"),
        ({}, "/data/upload/a.png", httpx.Response(200, content=bytes(300_000)), InvalidImageError, "MAX_IMAGE_BYTES"),
        ({}, "/data/upload/a.png", httpx.Response(200, content=photo(400, 300)), InvalidImageError, "MAX_IMAGE_PIXELS"),
        ({}, "/data/upload/a.png", httpx.Response(200, content=b"<svg/>"), InvalidImageError, "JPEG"),
        ({}, "/data/upload/a.png", httpx.Response(200, content=photo()[:60]), InvalidImageError, "damaged"),
        ({"key": PERSONAL}, "/data/upload/a.png", None, LabelStudioError, "LABEL_STUDIO_API_KEY"),
    ],
    ids=["no-key", "no-url", "s3", "gone", "bytes", "pixels", "not-an-image", "truncated", "expired-personal-token"],
)
def test_failures_say_what_to_do(how, url, page, error, remedy):
    web = Web({f"{HOST}/data/upload/a.png": page} if page is not None else {})
    with pytest.raises(error) as raised:
        source(web, **how).load(url)
    assert remedy in raised.value.remedy


def test_a_server_that_is_down_is_an_error_with_a_remedy():
    def refuse(request):
        raise httpx.ConnectError("Connection refused")

    with pytest.raises(ImageFetchError) as raised:
        source(refuse).load("/data/upload/a.png")
    assert "LABEL_STUDIO_URL" in raised.value.remedy


def test_a_server_that_drips_is_given_up():
    now = [0.0]

    def drops():
        for _ in range(100):
            now[0] += FETCH_SECONDS / 10
            yield b"x"

    web = Web({"http://photos.example/a.png": lambda request: httpx.Response(200, content=drops())})
    with pytest.raises(ImageFetchError, match="did not arrive"):
        source(web, clock=lambda: now[0]).load("http://photos.example/a.png")
    assert now[0] <= 1.2 * FETCH_SECONDS


def test_no_message_shows_the_key_or_a_signature(caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SqueezeSAMError) as raised:
        source(Web({})).load("https://bucket.example/a.png?X-Amz-Signature=secret")
    assert "secret" not in str(raised.value)
