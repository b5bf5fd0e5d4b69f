"""A task's image as upright RGB: fetched from Label Studio, its local files or a plain address, then decoded.

The size is the one the page shows: EXIF orientation applied, as browsers do.
"""

import io
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from errno import ENOENT
from math import ceil
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from backend.addresses import AddressPolicy, ImageFetchError, Resolve, resolve
from backend.label_studio import KEY_REMEDY, LabelStudio
from backend.stages import stage
from squeezesam_core.errors import InvalidImageError
from squeezesam_core.fusion import DETAIL_SIDE
from squeezesam_core.geometry import Size

LOCAL_FILES = "/data/local-files/"
LABEL_STUDIO_PATHS = (LOCAL_FILES, "/data/upload/")
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})
MAX_REDIRECTS = 5
FETCH_SECONDS = 60.0
"""For the whole file: a server that sends a byte now and then must not hold a thread; Label Studio waits 100 s."""

SIXTEEN_BIT_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I")

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""What a browser or a camera writes. Pillow's other readers, of which one starts Ghostscript, are never reached."""
PORTABLE = {"JPEG": ".jpg", "WEBP": ".webp", "PNG": ".png"}
"""Formats that data sets are read in, and how their files end."""

TURNED = (5, 6, 7, 8)
"""EXIF orientations of photos that lie on their side."""


@dataclass(frozen=True)
class Photo:
    """An upright photo.

    pixels: (h, w, 3) uint8 RGB, the whole photo, its longer side at least DETAIL_SIDE unless the photo's own is less;
    size: (width, height) of the photo itself.
    """

    pixels: NDArray[np.uint8]
    size: Size

    @classmethod
    def of(cls, image: NDArray[np.uint8]) -> "Photo":
        """image: (H, W, 3) uint8 RGB at the photo's size."""
        return cls(image, (image.shape[1], image.shape[0]))


@dataclass(frozen=True)
class ImageLimits:
    """The largest file in bytes and the largest image in pixels that are read."""

    file_bytes: int
    pixels: int


class ImageSource:
    """Reads images by the URL that a task gives."""

    def __init__(
        self,
        client: httpx.Client,
        limits: ImageLimits,
        label_studio: LabelStudio | None = None,
        local_files_root: Path | None = None,
        policy: AddressPolicy | None = None,
        resolve: Resolve = resolve,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self._client = client
        self._label_studio = label_studio
        self._root = local_files_root
        self._policy = policy or AddressPolicy()
        self._resolve = resolve
        self._clock = clock

    def load(self, url: str) -> Photo:
        """The photo, upright.

        Raises ImageFetchError if the file cannot be had, InvalidImageError if it is no image or exceeds a limit.
        """
        with stage("fetch"):
            data = self.read(url)
        with stage("decode"):
            return decode(data, url, self.limits)

    def read(self, url: str) -> bytes:
        """The file's bytes. Raises as `load`."""
        try:
            parsed = httpx.URL(url)
            path = self._label_studio_path(parsed)
            ours = None if path is None or self._label_studio is None else self._label_studio.address(path)
        except httpx.InvalidURL as error:
            raise ImageFetchError(f"The task's image address {url!r} is not one: {error}.", "Mend the task.") from error
        if path is not None and self._root is not None and parsed.path == LOCAL_FILES:
            return self._read_file(self._root, parsed.params.get("d", ""))
        if ours is not None and self._label_studio is not None:
            return self._download(ours, self._label_studio.headers())
        if parsed.scheme in ("http", "https"):
            return self._download(parsed, {})
        if not parsed.scheme:
            raise ImageFetchError(
                f"The task's image is {url}, a file of Label Studio, and its address is not set.",
                "Set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY.",
            )
        raise ImageFetchError(
            f"The task's image is {url}, which is neither http nor https.",
            "Turn on pre-signed URLs in the storage's settings in Label Studio, or import http addresses.",
        )

    def _label_studio_path(self, url: httpx.URL) -> str | None:
        """Path and query if the file is Label Studio's.

        Label Studio writes its own address as the browser sees it (HOST), often localhost, where from a container
        nothing listens: its two kinds of paths on such a host, and every path on LABEL_STUDIO_HOST, are asked of
        LABEL_STUDIO_URL instead.
        """
        path = url.raw_path.decode()
        if not url.scheme:
            return path if path.startswith("/") and not url.host else None
        if self._label_studio is not None and (self._label_studio.serves(url) or self._label_studio.is_shown_as(url)):
            return path
        return path if url.host in LOOPBACK_NAMES and path.startswith(LABEL_STUDIO_PATHS) else None

    def _read_file(self, root: Path, name: str) -> bytes:
        path = (root / name).resolve()
        if not path.is_relative_to(root.resolve()):
            raise ImageFetchError(f"The local file {name!r} lies outside {root}.", "Mend the task's ?d= path.")
        try:
            if not path.is_file():  # a named pipe would block for ever
                raise FileNotFoundError(ENOENT, "no such file")
            if path.stat().st_size > self.limits.file_bytes:
                raise self._too_large(name)
            return path.read_bytes()
        except OSError as error:
            remedy = "Make SQUEEZESAM_LOCAL_FILES_ROOT the folder that Label Studio has as LOCAL_FILES_DOCUMENT_ROOT."
            raise ImageFetchError(f"The local file {path} cannot be read: {error.strerror}.", remedy) from error

    def _download(self, url: httpx.URL, key: dict[str, str]) -> bytes:
        """GET with redirects followed by hand: each hop's address is checked, and none but the first gets the key.

        key: the header for Label Studio; empty for other servers.
        """
        deadline = self._clock() + FETCH_SECONDS
        for _ in range(MAX_REDIRECTS + 1):
            requests = self._requests(url, key)
            try:
                response = self._send(requests)
                try:
                    if not response.is_redirect:
                        return self._body(url, response, deadline)
                    url = url.join(response.headers["location"])
                finally:
                    response.close()
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                cause = f"The image at {_shown(url)} cannot be fetched: {error or type(error).__name__}."
                remedy = "Check the address from this machine; LABEL_STUDIO_URL must be reachable from this process."
                raise ImageFetchError(cause, remedy) from error
            key = {}
        raise ImageFetchError(
            f"The image at {_shown(url)} redirects more than {MAX_REDIRECTS} times.", "Mend the task's address."
        )

    def _requests(self, url: httpx.URL, key: dict[str, str]) -> list[httpx.Request]:
        """Requests to the very addresses that were checked: a name may resolve to others a moment later.

        Label Studio's own address is the administrator's choice and is not checked. Only there the key goes, whatever
        led here. Raises ImageFetchError.
        """
        if url.scheme not in ("http", "https") or not url.host:
            raise ImageFetchError(f"{_shown(url)} is neither http nor https.", "Mend the task's address.")
        plain = {"Accept-Encoding": "identity"}  # a photo does not compress, a bomb does
        if self._label_studio is not None and self._label_studio.serves(url):
            return [self._client.build_request("GET", url, headers={**plain, **key})]
        # Certificates are checked for the name (sni_hostname). A connection is not used again: the pool knows it by its
        # address, and another name at that address must prove itself anew.
        pinned = {**plain, "Host": url.netloc.decode("ascii"), "Connection": "close"}
        extensions = {"sni_hostname": url.raw_host.decode("ascii")}
        return [
            self._client.build_request("GET", url.copy_with(host=address), headers=pinned, extensions=extensions)
            for address in self._policy.admitted(url.host, self._resolve)
        ]

    def _send(self, requests: Sequence[httpx.Request]) -> httpx.Response:
        """The reply to the first request whose address can be connected to."""
        for request in requests[:-1]:
            with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return self._client.send(request, stream=True, follow_redirects=False)
        return self._client.send(requests[-1], stream=True, follow_redirects=False)

    def _body(self, url: httpx.URL, response: httpx.Response, deadline: float) -> bytes:
        if response.status_code in (401, 403) and self._label_studio is not None and self._label_studio.serves(url):
            raise ImageFetchError(f"Label Studio gave {response.status_code} for {_shown(url)}.", KEY_REMEDY)
        if response.status_code in (401, 403):
            cause = f"{_shown(url)} gave {response.status_code}; only Label Studio itself is sent a key."
            raise ImageFetchError(
                cause, "If this is Label Studio, set LABEL_STUDIO_URL or LABEL_STUDIO_HOST to it; else make it public."
            )
        if not response.is_success:
            cause = f"{_shown(url)} gave {response.status_code}."
            raise ImageFetchError(cause, "Check that the file is still there.")
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > self.limits.file_bytes:
                raise self._too_large(_shown(url))
            if self._clock() > deadline:
                cause = f"The image at {_shown(url)} did not arrive within {FETCH_SECONDS:.0f} s."
                raise ImageFetchError(cause, "Check the network, or import a smaller copy.")
        return bytes(body)

    def _too_large(self, name: str) -> InvalidImageError:
        return InvalidImageError(
            f"{name} is larger than {self.limits.file_bytes} bytes.", "Raise SQUEEZESAM_MAX_IMAGE_BYTES or shrink it."
        )


def decode(data: bytes, name: str, limits: ImageLimits) -> Photo:
    """Image file -> photo, upright; `name` is for the message. Of an animation, the first frame.

    A large JPEG is decoded at a half, a quarter or an eighth, no smaller than DETAIL_SIDE: its blocks hold those sizes,
    at a fraction of the time and memory.

    The size is read from the header and checked before anything is decoded. Raises InvalidImageError.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > limits.pixels:
                cause = f"{name} has {image.width}x{image.height} pixels, more than {limits.pixels}."
                raise InvalidImageError(cause, "Raise SQUEEZESAM_MAX_IMAGE_PIXELS or shrink it.")
            size = image.size
            if image.format == "JPEG":
                shrink = min(1.0, DETAIL_SIDE / max(size))
                image.draft(None, (ceil(size[0] * shrink), ceil(size[1] * shrink)))
            upright = ImageOps.exif_transpose(image)
            if image.getexif().get(ExifTags.Base.Orientation) in TURNED:
                size = (size[1], size[0])
            if upright.mode in SIXTEEN_BIT_MODES:  # Pillow's own conversion clips at 255
                upright = Image.fromarray((np.asarray(upright).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
            return Photo(np.asarray(upright.convert("RGB")), size)
    except InvalidImageError:
        raise
    except Exception as error:  # on a damaged file Pillow's readers raise whatever their parsing stumbles over
        reason = "it is none of the known formats" if isinstance(error, UnidentifiedImageError) else str(error)
        remedy = f"Use {', '.join(FORMATS)}; if it should be one, the file is damaged or was cut off."
        raise InvalidImageError(f"{name} cannot be read as an image: {reason}.", remedy) from error


def portable(data: bytes, name: str, limits: ImageLimits) -> tuple[bytes, str]:
    """An image file that every reader of data sets knows, and its suffix: JPEG, WebP and 8-bit PNG as they are, the
    rest as PNG, upright. `name` is for the message. Raises InvalidImageError, as decode.
    """
    pixels = decode(data, name, limits).pixels
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if image.format in PORTABLE and image.mode not in SIXTEEN_BIT_MODES:
            return data, PORTABLE[image.format]
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue(), PORTABLE["PNG"]


def _shown(url: httpx.URL) -> str:
    """The address for a message: a query may hold a signature."""
    return str(url.copy_with(query=None, userinfo=b""))
