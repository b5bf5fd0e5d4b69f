"""What serves, and how another version takes its place while requests run.

A request takes `Serving.annotator` once and stays with it, so a reply holds nothing of two versions; the networks of
the old version go with the last request that has them. A version that cannot serve as well leaves the old one in place.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from backend.annotator import Annotator, Service
from backend.status import Refusal, explained
from squeezesam_core.errors import ModelFileError, SqueezeSAMError

LOOK_SECONDS = 2.0
"""Between two looks at a folder: two pointers and two manifests, a few kilobytes, on a thread of its own."""
BUCKET_LOOK_SECONDS = 15.0
"""Between two looks at a bucket: four requests, which a cloud charges for."""
AGAIN_SECONDS = 60.0
"""Before a version that was refused is tried again: a file may have been restored, a network disk be back."""
STOP_SECONDS = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """Where networks come from. named: the model_version that is to serve; load: what serves it; every: seconds from
    one look to the next.

    Both raise ModelFileError.
    """

    named: Callable[[], str]
    load: Callable[[], Service]
    every: float = LOOK_SECONDS


class Serving:
    """The annotator in service, `annotator`, and why the version that is to serve is another one: `refusal` or None.

    source: looked at from `start` to `stop`; None: the annotator stays.
    """

    def __init__(
        self, annotator: Annotator, source: Source | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.annotator = annotator
        self.refusal: Refusal | None = None
        self._source = source
        self._clock = clock
        self._refused_at = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="serving", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread, after the version at hand; a network disk that hangs holds nobody up."""
        self._ended.set()
        self._thread.join(STOP_SECONDS)

    def look(self) -> None:
        """Serve the version that is to serve, if it is another one and as sound; otherwise say why not."""
        if self._source is None:
            return
        named = ""
        try:
            named = self._source.named()
            old = self.annotator.service
            if named == old.model_version:
                self.refusal = None
            elif not self._refused_just_now(named):
                new = self._source.load()
                _require_as_sound(new, old)
                self.annotator = self.annotator.with_service(new)
                self.refusal = None
                log.info("%s serves, in place of %s.", new.model_version, old.model_version)
        except Exception as error:  # whatever is wrong with the new version, the old one goes on, and so do the looks
            self._refuse(named, error)

    def _watch(self) -> None:
        while self._source is not None and not self._ended.wait(self._source.every):
            self.look()

    def _refused_just_now(self, version: str) -> bool:
        same = self.refusal is not None and self.refusal.version == version
        return same and self._clock() - self._refused_at < AGAIN_SECONDS

    def _refuse(self, version: str, error: Exception) -> None:
        self._refused_at = self._clock()
        cause, remedy = explained(error)
        if self.refusal is not None and (self.refusal.version, self.refusal.cause) == (version, cause):
            return
        self.refusal = Refusal(datetime.now(UTC).isoformat(timespec="seconds"), version, cause, remedy)
        serves = self.annotator.service.model_version
        log.warning(
            "%s is to serve, and %s goes on: %s %s",
            version or "Another version",
            serves,
            cause,
            remedy,
            exc_info=None if isinstance(error, SqueezeSAMError) else error,
        )


def _require_as_sound(new: Service, old: Service) -> None:
    """Raises ModelFileError if int8 fails its self-check in the new version, where that of the old one passes."""
    checks = {
        "segmenter": (old.segmenter_precision, new.segmenter_precision),
        "saliency detector": (old.detector_precision, new.detector_precision),
    }
    for network, precisions in checks.items():
        if precisions == ("int8", "fp32"):
            raise ModelFileError(
                f"The {network} of {new.model_version} fails int8's self-check on this CPU, and that of "
                f"{old.model_version} passes it.",
                "Export it again, or roll back. A restart would serve it in fp32, at about twice the time a click.",
            )
