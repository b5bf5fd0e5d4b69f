"""Which data a recipe draws from, and how often: the table of a model card."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

from squeezesam_core.records import MaskReference
from training.datasets.corpus import Corpus, Photo
from training.datasets.teacher import MapMask

Kind = Literal["people", "teacher", "map"]
"""Who drew a mask: people, a network that was shown a box, or a detector's map that is sure of itself."""


@dataclass
class Share:
    """Photos and masks of one source and kind, and the share 0..1 of the drawn items that ask for one of them."""

    source: str
    kind: Kind
    photos: int = 0
    masks: int = 0
    share: float = 0.0


def kind_of(mask: MaskReference) -> Kind:
    """Annotations by a teacher carry its name (docs/data.md)."""
    if isinstance(mask, MapMask):
        return "map"
    return "people" if getattr(mask, "teacher", None) is None else "teacher"


def shares(corpus: Corpus) -> list[Share]:
    """One row for each source and kind, in the recipe's order; the shares add up to 1.

    A photo's masks are drawn evenly. A photo without masks is learnt from its map.
    """
    found: dict[tuple[str, Kind], Share] = {}
    for photo, chance in zip(corpus.photos, corpus.chances(), strict=True):
        for kind, count in _kinds(photo).items():
            row = found.setdefault((photo.source, kind), Share(photo.source, kind))
            row.photos += 1
            row.masks += count
            row.share += float(chance) * count / max(len(photo.masks), 1)
    return list(found.values())


def by_kind(rows: list[Share]) -> dict[Kind, float]:
    """The share of each kind of mask over all sources."""
    totals: dict[Kind, float] = defaultdict(float)
    for row in rows:
        totals[row.kind] += row.share
    return dict(totals)


def _kinds(photo: Photo) -> dict[Kind, int]:
    counts: dict[Kind, int] = defaultdict(int)
    for mask in photo.masks:
        counts[kind_of(mask)] += 1
    return counts or {"map": 1}
