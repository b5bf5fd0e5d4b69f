import contextlib
import io
import logging
import os
import resource
import struct
import zlib

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from backend.addresses import AddressPolicy, ImageFetchError
from backend.images import FETCH_SECONDS, FORMATS, ImageLimits, ImageSource, decode
from backend.label_studio import LabelStudio, LabelStudioError
from squeezesam_core.errors import InvalidImageError, SqueezeSAMError
from squeezesam_core.fusion import DETAIL_SIDE

LIMITS = ImageLimits(file_bytes=200_000, pixels=100_000)
TOKEN = "0123456789abcdef0123456789abcdef01234567"
PERSONAL = "header.payload.signature"
HOST = "http://studio:8080"


def photo(width=40, height=30, format="PNG", orientation=None, mode="RGB"):
    image = Image.new(mode, (width, height))
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    buffer = io.BytesIO()
    image.save(buffer, format, exif=exif)
    return buffer.getvalue()


class Web:
    """Answers by URL without its query and keeps what was asked."""

    def __init__(self, pages):
        self.pages, self.asked = pages, []

    def __call__(self, request):
        named = request.url.copy_with(netloc=request.headers["host"].encode())
        self.asked.append((str(named), request.headers.get("authorization")))
        page = self.pages.get(str(named.copy_with(query=None)), httpx.Response(404))
        return page(request) if callable(page) else page


def source(web, key=TOKEN, root=None, addresses=("93.184.216.34",), url=HOST, clock=lambda: 0.0, private=(), host=None):
    client = httpx.Client(transport=httpx.MockTransport(web))
    studio = LabelStudio(url, key, client, clock, host) if url else None
    policy = AddressPolicy(private)
    return ImageSource(client, LIMITS, studio, root, policy, resolve=lambda host: addresses, clock=clock)


def image_page():
    return httpx.Response(200, content=photo())


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
    ],
    ids=["upload", "local", "localhost", "loopback", "foreign", "other-port", "other-scheme", "localhost-other"],
)
def test_only_label_studio_itself_gets_the_key(url, asked, key):
    web = Web({asked.partition("?")[0]: image_page()})
    assert source(web).load(url).pixels.shape == (30, 40, 3)
    assert web.asked == [(asked, key)]


def test_a_redirect_never_gets_the_key():
    web = Web(
        {
            f"{HOST}/data/upload/1/a.png": httpx.Response(302, headers={"location": f"{HOST}/elsewhere.png"}),
            f"{HOST}/elsewhere.png": image_page(),
        }
    )
    source(web).load("/data/upload/1/a.png")
    assert [key for _, key in web.asked] == [f"Token {TOKEN}", None]


@pytest.mark.parametrize(
    "addresses",
    [
        ["169.254.169.254"],
        ["0.0.0.0"],
        ["64:ff9b::a9fe:a9fe"],
        ["2002:a9fe:a9fe::"],
        ["93.184.216.34", "169.254.1.1"],
        ["fe80::1%eth0"],
        ["::ffff:169.254.169.254"],
        ["fd00:ec2::254"],
    ],
    ids=["metadata", "unspecified", "nat64", "6to4", "one-of-two", "ipv6-link-local", "mapped", "ipv6-metadata"],
)
def test_addresses_of_the_machine_itself_are_refused(addresses):
    web = Web({})
    everything = ("photos.example", "0.0.0.0/0", "::/0")
    with pytest.raises(ImageFetchError, match="own network"):
        source(web, addresses=addresses, private=everything).load("http://photos.example/a.png")
    assert web.asked == []


def test_a_redirect_to_metadata_is_refused():
    web = Web({"http://photos.example/a.png": httpx.Response(302, headers={"location": "http://metadata/"})})
    images = source(web)
    images._resolve = lambda host: ["169.254.169.254"] if host == "metadata" else ["93.184.216.34"]
    with pytest.raises(ImageFetchError, match="own network"):
        images.load("http://photos.example/a.png")
    assert len(web.asked) == 1


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


def test_no_message_shows_the_key_or_a_signature(caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SqueezeSAMError) as raised:
        source(Web({})).load("https://bucket.example/a.png?X-Amz-Signature=secret")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_the_one_the_page_shows(orientation):
    height, width = decode(photo(40, 30, "JPEG", orientation), "a", LIMITS).pixels.shape[:2]
    assert (width, height) == ((30, 40) if orientation > 4 else (40, 30))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_large_jpeg_is_decoded_smaller_and_keeps_its_size(orientation):
    image = decode(photo(4001, 3001, "JPEG", orientation), "a", ImageLimits(10**7, 10**8))
    assert image.size == ((3001, 4001) if orientation > 4 else (4001, 3001))
    assert DETAIL_SIDE <= max(image.pixels.shape) < 4001
    assert (image.pixels.shape[0] > image.pixels.shape[1]) == (orientation > 4)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "I;16"])
def test_every_mode_becomes_rgb(mode):
    image = decode(photo(mode=mode), "a", LIMITS).pixels
    assert image.shape == (30, 40, 3)
    assert image.dtype == np.uint8


def test_sixteen_bits_are_scaled_not_clipped():
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 4), 0x8000, np.uint16)).save(buffer, "PNG")
    assert (decode(buffer.getvalue(), "a", LIMITS).pixels == 0x80).all()


@pytest.mark.parametrize(
    ("address", "private", "admitted"),
    [
        ("127.0.0.1", (), False),
        ("10.1.2.3", (), False),
        ("100.64.0.1", (), False),
        ("::1", (), False),
        ("::ffff:10.1.2.3", (), False),
        ("10.1.2.3", ("photos.example",), True),
        ("10.1.2.3", ("PHOTOS.example",), True),
        ("10.1.2.3", ("10.1.0.0/16",), True),
        ("10.1.2.3", ("10.1.2.3",), True),
        ("10.2.2.3", ("10.1.0.0/16", "minio"), False),
        ("93.184.216.34", (), True),
        ("2606:2800:220:1::1", (), True),
    ],
    ids=[
        *("loopback", "private", "shared", "loopback6", "mapped"),
        *("host", "host-in-capitals", "network", "address", "another", "public", "public6"),
    ],
)
def test_private_addresses_are_refused_unless_named(address, private, admitted):
    web = Web({"http://photos.example/a.png": image_page()})
    images = source(web, addresses=[address], private=private)
    if admitted:
        images.load("http://photos.example/a.png")
    else:
        with pytest.raises(ImageFetchError, match="private address") as raised:
            images.load("http://photos.example/a.png")
        assert "SQUEEZESAM_PRIVATE_IMAGE_HOSTS=photos.example" in raised.value.remedy
        assert web.asked == []


def test_label_studio_itself_may_be_private_and_is_not_looked_up():
    web = Web({f"{HOST}/data/upload/a.png": image_page()})
    images = source(web)
    images._resolve = lambda host: pytest.fail("looked up")
    images.load("/data/upload/a.png")


def test_what_label_studio_shows_under_its_host_is_asked_of_its_url():
    web = Web({f"{HOST}/data/local-files/": image_page()})
    source(web, host="https://labels.example").load("https://labels.example/data/local-files/?d=a.png")
    assert web.asked == [(f"{HOST}/data/local-files/?d=a.png", f"Token {TOKEN}")]


def test_the_address_that_was_checked_is_the_one_connected_to():
    """DNS rebinding: the first look-up is public, any later one is the metadata service."""
    answers = iter([["93.184.216.34"]])
    asked = []

    def web(request):
        asked.append((request.url.host, request.headers["host"], request.extensions["sni_hostname"]))
        return image_page()

    images = source(web)
    images._resolve = lambda host: next(answers, ["169.254.169.254"])
    images.load("https://photos.example:8443/a.png")
    assert asked == [("93.184.216.34", "photos.example:8443", "photos.example")]


def test_the_next_address_is_tried_where_one_cannot_be_connected_to():
    def web(request):
        if request.url.host == "2606:2800:220:1::1":
            raise httpx.ConnectError("Network is unreachable")
        return image_page()

    source(web, addresses=["2606:2800:220:1::1", "93.184.216.34"]).load("http://photos.example/a.png")


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


def test_a_named_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageFetchError, match="no such file"):
        source(Web({}), root=tmp_path).load("/data/local-files/?d=pipe.png")


def header_of(width, height):
    """A PNG of a few bytes that says it is so large."""
    data = bytearray(photo())
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


def animation():
    frames = [Image.new("RGB", (40, 30), (level, 0, 0)) for level in range(0, 200, 2)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


@pytest.mark.parametrize("size", [(50_000, 50_000), (2**31 - 1, 1), (2**31 - 1, 2**31 - 1)], ids=str)
def test_a_bomb_is_refused_by_its_header(size):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InvalidImageError):
        decode(header_of(*size), "a", LIMITS)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024


def test_of_an_animation_the_first_frame_is_decoded():
    assert (decode(animation(), "a", LIMITS).pixels[..., 0] == 0).all()


@pytest.mark.parametrize(
    "data",
    [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"P6\n9 9\n255\n" + bytes(243)],
    ids=["postscript", "ppm"],
)
def test_only_formats_of_photos_are_read(data):
    with pytest.raises(InvalidImageError) as raised:
        decode(data, "a", LIMITS)
    assert "JPEG" in raised.value.remedy


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"]), st.data())
def test_a_damaged_file_is_no_image_or_one_within_the_limits(format, data):
    file = bytearray(photo(format=format))
    for position, value in data.draw(st.lists(st.tuples(st.integers(0, len(file) - 1), st.integers(0, 255)))):
        file[position] = value
    with contextlib.suppress(InvalidImageError):
        height, width, _ = decode(bytes(file), "a", LIMITS).pixels.shape
        assert height * width <= LIMITS.pixels


def test_every_format_named_in_the_remedy_is_read():
    for format in FORMATS:
        assert decode(photo(format=format), "a", LIMITS).pixels.shape == (30, 40, 3), format
