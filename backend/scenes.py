"""Photo -> Scene: all that later clicks on a photo need, made once and kept while there is room."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.cache import ByteCache
from backend.images import Photo
from backend.stages import stage
from squeezesam_core.detector import detect
from squeezesam_core.fusion import PreparedImage, prepare
from squeezesam_core.geometry import NetworkInput
from squeezesam_core.session import DetectorSession


@dataclass(frozen=True)
class Scene:
    """All that is kept of a photo. saliency: (h, w) float32 0..1, showing the whole photo."""

    prepared: PreparedImage
    saliency: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        return self.prepared.nbytes + self.saliency.nbytes


class Scenes:
    """The scenes of photos by their address, within the cache's bound. Losing one costs time, never an answer.

    spec: of the segmenter; version: of both networks: a scene made for one is never given to another.
    """

    def __init__(
        self,
        load: Callable[[str], Photo],
        spec: NetworkInput,
        detector: DetectorSession,
        version: str,
        cache: ByteCache[Scene],
    ) -> None:
        self._load = load
        self._spec = spec
        self._detector = detector
        self._version = version
        self.cache = cache

    def seen_by(self, spec: NetworkInput, detector: DetectorSession, version: str) -> "Scenes":
        """Those of the same photos for other networks, in the same cache."""
        return Scenes(self._load, spec, detector, version, self.cache)

    def get(self, url: str) -> Scene:
        """The photo's scene; requests that ask for one photo at once share one decoding.

        Raises ImageFetchError, InvalidImageError (backend.images).
        """
        return self.cache.get((self._version, url), lambda: self._look(url))

    def _look(self, url: str) -> Scene:
        photo = self._load(url)
        with stage("decode"):
            prepared = prepare(photo.pixels, self._spec, photo.size)
        with stage("detect"):
            return Scene(prepared, detect(self._detector, prepared.detail))
