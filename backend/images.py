"""A task's image as upright RGB: fetched from Label Studio, its local files or a plain address, then decoded.

The size is the one the page shows: EXIF orientation applied, as browsers do.
"""

import io
import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from backend.label_studio import KEY_REMEDY, LabelStudio
from squeezesam_core.errors import InvalidImageError, SqueezeSAMError

LOCAL_FILES = "/data/local-files/"
LABEL_STUDIO_PATHS = (LOCAL_FILES, "/data/upload/")
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})
METADATA_ADDRESSES = frozenset({"100.100.100.200", "fd00:ec2::254"})
"""Cloud metadata services outside the link-local range 169.254.0.0/16."""

MAX_REDIRECTS = 5
SIXTEEN_BIT_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I")


class ImageFetchError(SqueezeSAMError):
    """An image that cannot be fetched."""


Resolve = Callable[[str], Iterable[str]]
"""Host name -> its IP addresses."""


def resolve(host: str) -> set[str]:
    """The addresses of a host. Raises OSError if it has none."""
    return {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}


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
        resolve: Resolve = resolve,
    ) -> None:
        self.limits = limits
        self._client = client
        self._label_studio = label_studio
        self._root = local_files_root
        self._resolve = resolve

    def load(self, url: str) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB, upright.

        Raises ImageFetchError if the file cannot be had, InvalidImageError if it is no image or exceeds a limit.
        """
        return decode(self.read(url), url, self.limits)

    def read(self, url: str) -> bytes:
        """The file's bytes. Raises as `load`."""
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ImageFetchError(f"The task's image address {url!r} is not one: {error}.", "Mend the task.") from error
        path = self._label_studio_path(parsed)
        if path is not None and self._root is not None and parsed.path == LOCAL_FILES:
            return self._read_file(self._root, parsed.params.get("d", ""))
        if path is not None and self._label_studio is not None:
            return self._download(httpx.URL(self._label_studio.address(path)), self._label_studio.headers())
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

        Label Studio writes its own address as the browser sees it, often localhost, where from a container nothing
        listens: its two kinds of paths on such a host are asked of LABEL_STUDIO_URL instead.
        """
        path = url.raw_path.decode()
        if not url.scheme:
            return path if path.startswith("/") and not url.host else None
        if self._label_studio is not None and self._label_studio.serves(url):
            return path
        return path if url.host in LOOPBACK_NAMES and path.startswith(LABEL_STUDIO_PATHS) else None

    def _read_file(self, root: Path, name: str) -> bytes:
        path = (root / name).resolve()
        if not path.is_relative_to(root.resolve()):
            raise ImageFetchError(f"The local file {name!r} lies outside {root}.", "Mend the task's ?d= path.")
        try:
            if path.stat().st_size > self.limits.file_bytes:
                raise self._too_large(name)
            return path.read_bytes()
        except OSError as error:
            remedy = "Make SQUEEZESAM_LOCAL_FILES_ROOT the folder that Label Studio has as LOCAL_FILES_DOCUMENT_ROOT."
            raise ImageFetchError(f"The local file {path} cannot be read: {error.strerror}.", remedy) from error

    def _download(self, url: httpx.URL, headers: dict[str, str]) -> bytes:
        """GET with redirects followed by hand: each hop's address is checked, and none but the first gets the key."""
        for _ in range(MAX_REDIRECTS + 1):
            self._refuse_metadata(url)
            try:
                with self._client.stream("GET", url, headers=headers, follow_redirects=False) as response:
                    if not response.is_redirect:
                        return self._body(url, response)
                    url = url.join(response.headers["location"])
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                cause = f"The image at {_shown(url)} cannot be fetched: {error or type(error).__name__}."
                remedy = "Check the address from this machine; LABEL_STUDIO_URL must be reachable from this process."
                raise ImageFetchError(cause, remedy) from error
            headers = {}
        raise ImageFetchError(
            f"The image at {_shown(url)} redirects more than {MAX_REDIRECTS} times.", "Mend the task's address."
        )

    def _body(self, url: httpx.URL, response: httpx.Response) -> bytes:
        if response.status_code in (401, 403) and self._label_studio is not None and self._label_studio.serves(url):
            raise ImageFetchError(f"Label Studio gave {response.status_code} for {_shown(url)}.", KEY_REMEDY)
        if response.status_code in (401, 403):
            cause = f"{_shown(url)} gave {response.status_code}; only Label Studio itself is sent a key."
            raise ImageFetchError(cause, "If this is Label Studio, set LABEL_STUDIO_URL to it; else make it public.")
        if not response.is_success:
            cause = f"{_shown(url)} gave {response.status_code}."
            raise ImageFetchError(cause, "Check that the file is still there.")
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > self.limits.file_bytes:
                raise self._too_large(_shown(url))
        return bytes(body)

    def _refuse_metadata(self, url: httpx.URL) -> None:
        """Raise if a host is link-local or a cloud's metadata service: a task must not read the machine's identity."""
        if url.scheme not in ("http", "https") or not url.host:
            raise ImageFetchError(f"{_shown(url)} is neither http nor https.", "Mend the task's address.")
        try:
            addresses = [ipaddress.ip_address(address.partition("%")[0]) for address in self._resolve(url.host)]
        except OSError as error:
            cause = f"The host {url.host} has no address: {error}."
            raise ImageFetchError(cause, "Check the name from this machine.") from error
        for address in addresses:
            plain = getattr(address, "ipv4_mapped", None) or address
            if plain.is_link_local or plain.is_multicast or str(plain) in METADATA_ADDRESSES:
                cause = f"{url.host} is at {plain}, an address of the machine's own network."
                raise ImageFetchError(cause, "Serve the images from an ordinary address.")

    def _too_large(self, name: str) -> InvalidImageError:
        return InvalidImageError(
            f"{name} is larger than {self.limits.file_bytes} bytes.", "Raise SQUEEZESAM_MAX_IMAGE_BYTES or shrink it."
        )


def decode(data: bytes, name: str, limits: ImageLimits) -> NDArray[np.uint8]:
    """Image file -> (H, W, 3) uint8 RGB, upright; `name` is for the message. Raises InvalidImageError."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > limits.pixels:
                cause = f"{name} has {image.width}x{image.height} pixels, more than {limits.pixels}."
                raise InvalidImageError(cause, "Raise SQUEEZESAM_MAX_IMAGE_PIXELS or shrink it.")
            upright = ImageOps.exif_transpose(image)
            if upright.mode in SIXTEEN_BIT_MODES:  # Pillow's own conversion clips at 255
                upright = Image.fromarray((np.asarray(upright).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
            return np.asarray(upright.convert("RGB"))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        remedy = "Use JPEG, PNG, WebP, TIFF or another format that Pillow reads."
        why = "its format is unknown" if isinstance(error, UnidentifiedImageError) else error
        raise InvalidImageError(f"{name} cannot be read as an image: {why}.", remedy) from error


def _shown(url: httpx.URL) -> str:
    """The address for a message: a query may hold a signature."""
    return str(url.copy_with(query=None, userinfo=b""))
