"""Protocols, one a file: how a model is asked about the photos of a folder, and which figures come of it.

docs/evaluation.md says of each where it comes from and what its figures must not be compared with.
"""

from squeezesam_core.evaluation.protocols.box import BOX
from squeezesam_core.evaluation.protocols.detections import DETECTIONS
from squeezesam_core.evaluation.protocols.detector import DETECTOR
from squeezesam_core.evaluation.protocols.empty_crops import EMPTY_CROPS
from squeezesam_core.evaluation.protocols.error_clicks import ERROR_CLICKS
from squeezesam_core.evaluation.protocols.flawed_mask import FLAWED_MASK
from squeezesam_core.evaluation.protocols.from_mask import FROM_MASK
from squeezesam_core.evaluation.protocols.jittered_clicks import JITTERED_CLICKS
from squeezesam_core.evaluation.protocols.noc import NOC
from squeezesam_core.evaluation.protocols.person import PERSON
from squeezesam_core.evaluation.protocols.protocol import Protocol
from squeezesam_core.evaluation.protocols.random_clicks import RANDOM_CLICKS
from squeezesam_core.evaluation.protocols.saliency import SALIENCY
from squeezesam_core.evaluation.protocols.saliency_maps import SALIENCY_MAPS
from squeezesam_core.evaluation.protocols.salient_object import SALIENT_OBJECT

__all__ = ["PROTOCOLS", "Protocol"]

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        RANDOM_CLICKS,
        ERROR_CLICKS,
        JITTERED_CLICKS,
        BOX,
        DETECTIONS,
        SALIENCY,
        PERSON,
        SALIENT_OBJECT,
        NOC,
        FROM_MASK,
        FLAWED_MASK,
        EMPTY_CROPS,
        DETECTOR,
        SALIENCY_MAPS,
    )
}
