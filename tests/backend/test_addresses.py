"""Which addresses a photo may be fetched from."""

import httpx
import pytest

from backend.addresses import ImageFetchError
from tests.backend.pages import HOST, Web, image_page, source


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
