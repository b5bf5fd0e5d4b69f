"""The bodies that Label Studio sends, checked as far as the code relies on them; what is not used passes unseen.

They stay plain dictionaries: a task holds every mask of its photo as long lists of numbers, which nobody wants copied.
"""

from typing import Annotated, Any

from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import TypedDict

from backend import bodies


def _writable(text: str) -> str:
    """Half a surrogate pair is text to JSON and to nothing after it."""
    if not text.isascii():
        text.encode()
    return text


Text = Annotated[str, AfterValidator(_writable)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Labels = list[Text] | None
Id = Annotated[int, Field(ge=0, lt=2**63)] | Text


class Value(TypedDict, total=False):
    """A region's form and labels; positions and sizes in percent of the image."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    x: Finite
    y: Finite
    width: Finite
    height: Finite
    rotation: Finite | None
    points: list[tuple[Finite, Finite]]
    rle: Any  # backend.bodies.RLEText where it is what Label Studio sends
    brushlabels: Labels
    keypointlabels: Labels
    polygonlabels: Labels
    rectanglelabels: Labels


class Result(TypedDict, total=False):
    """A region, or a relation or choice, which have no id or no value."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    id: Text | int
    type: Text
    from_name: Text
    original_width: int
    original_height: int
    image_rotation: Finite | None
    is_positive: bool | None
    value: Value | None


class Results(TypedDict, total=False):
    """An annotation, draft or prediction."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    result: list[Result] | None
    updated_at: Text | None
    was_cancelled: bool | None


class _Task(TypedDict):
    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    id: Id


class Task(_Task, total=False):
    """A photo to label and all that was labelled on it."""

    data: dict[str, Any] | None
    annotations: list[Results] | None
    drafts: list[Results] | None
    predictions: list[Results] | None


class Context(BaseModel):
    """The prompts drawn in the page."""

    result: list[Result] = []


class PredictParams(BaseModel):
    context: Context | None = None


class PredictRequest(BaseModel):
    """What Label Studio posts for predictions."""

    tasks: list[Task] = Field(min_length=1)
    label_config: Text
    params: PredictParams = PredictParams()


def predict_request(body: bytes) -> PredictRequest:
    """Raises MalformedBodyError, RequestValidationError."""
    try:
        return PredictRequest.model_validate(bodies.parse(body))
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from error


class SetupRequest(BaseModel):
    """What Label Studio posts when it looks whether the backend is there."""

    label_config: Text = Field(alias="schema")
