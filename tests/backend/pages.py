"""Photos at addresses, served from memory."""

import io

import httpx
from PIL import Image

from backend.addresses import AddressPolicy
from backend.images import ImageLimits, ImageSource
from backend.label_studio import LabelStudio

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
