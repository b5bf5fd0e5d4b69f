"""The presets: sizes as published, shapes, and that every prompt reaches the masks."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from squeezesam_core.errors import ModelFileError
from squeezesam_core.model.presets import PRESETS, build, paper, serving


def inputs(channels: int, side: int, batch: int = 2) -> tuple[torch.Tensor, ...]:
    image = torch.randn(batch, channels, side, side)
    return (image,) if channels == 3 else (image, torch.rand(batch, 3, 2), torch.tensor([[1, 0, -1]] * batch))


def test_paper_has_the_published_size() -> None:
    with torch.device("meta"):
        network = paper().eval()
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, 5, 1024, 1024), torch.empty(1, 5, 2), torch.empty(1, 5, dtype=torch.long))
    assert 12.4e6 < sum(p.numel() for p in network.parameters()) < 12.6e6
    assert counter.get_total_flops() / 2 < 27e9  # multiply-accumulates


def test_paper_reaches_one_by_one_at_1024_px() -> None:
    network = paper()
    assert network.encoder.stride == network.spec.side
    assert network.encoder.channels[-1] == 256
    assert max(network.encoder.channels) == 256


@pytest.mark.parametrize(
    ("preset", "side"),
    [("paper", 128), ("paper", 1024), ("serving", 64), ("serving", 96), ("saliency", 64)],
    ids=["paper-small", "paper-full", "serving", "serving-odd-bottom", "saliency"],
)
def test_output_has_a_quarter_of_the_input(preset: str, side: int) -> None:
    network = build(preset).eval()
    with torch.no_grad():
        output = network(*inputs(network.spec.channels, side, batch=1))
    masks = output if preset == "saliency" else output[0]
    assert masks.shape[-2:] == (side // 4, side // 4)


def test_serving_takes_any_aspect() -> None:
    with torch.no_grad():
        logits, iou = serving().eval()(torch.randn(1, 7, 64, 160), torch.rand(1, 1, 2), torch.tensor([[1]]))
    assert logits.shape == (1, 4, 16, 40)
    assert iou.shape == (1, 4)


@pytest.mark.parametrize("channel", [3, 4, 5, 6], ids=["click", "box", "background click", "previous mask"])
def test_each_prompt_channel_changes_the_masks(channel: int) -> None:
    torch.manual_seed(0)
    network = serving().eval()
    image, points, labels = inputs(7, 64, batch=1)
    with torch.no_grad():
        before = network(image, points, labels)[0]
        image[:, channel, 20:30, 20:30] += 1
        after = network(image, points, labels)[0]
    assert not torch.allclose(before, after)


def test_point_labels_change_the_masks() -> None:
    torch.manual_seed(0)
    network = serving().eval()
    image, points, _ = inputs(7, 64, batch=1)
    with torch.no_grad():
        added = network(image, points[:, :1], torch.tensor([[1]]))[0]
        removed = network(image, points[:, :1], torch.tensor([[0]]))[0]
    assert not torch.allclose(added, removed)


def test_paper_with_two_more_channels_is_a_switch() -> None:
    assert paper(channels=7).encoder.stem[0].in_channels == 7
    assert paper().encoder.stem[0].in_channels == 5


@pytest.mark.parametrize(
    ("preset", "switches", "channels", "bottom"),
    [
        ("paper", {}, 5, 1),
        ("paper", {"channels": 7, "depth": 6}, 7, 8),
        ("paper", {"depth": 5}, 5, 16),
        ("serving", {"channels": 5}, 5, 32),
    ],
    ids=["paper", "8x8 bottom", "16x16 bottom", "serving with the paper's channels"],
)
def test_switches(preset: str, switches: dict[str, int], channels: int, bottom: int) -> None:
    network = build(preset, 1024, switches).eval()
    assert network.spec.channels == channels
    assert network.spec.side == bottom * network.encoder.stride
    assert network.switches == switches
    with torch.no_grad():
        assert network(*inputs(channels, 128, batch=1))[0].shape == (1, 4, 32, 32)


@pytest.mark.parametrize(
    ("preset", "switches"),
    [("serving", {"depth": 5}), ("saliency", {"channels": 5}), ("paper", {"depth": 1}), ("paper", {"channels": 6})],
    ids=["no depth", "no channels", "too shallow", "unknown channels"],
)
def test_impossible_switches_name_a_remedy(preset: str, switches: dict[str, int]) -> None:
    with pytest.raises(ModelFileError, match=r"depth|channels") as caught:
        build(preset, switches=switches)
    assert caught.value.remedy


def test_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(ModelFileError) as caught:
        build("huge")
    assert "huge" in caught.value.cause
    assert all(name in caught.value.remedy for name in PRESETS)


def test_padding_of_a_batch_changes_no_answer() -> None:
    torch.manual_seed(0)
    network = serving().eval()
    image, points, _ = inputs(7, 64, batch=3)
    labels = torch.tensor([[1, -1, -1], [1, 0, 1], [-1, -1, -1]])
    with torch.no_grad():
        together = network(image, points, labels)
        for index, count in enumerate((1, 3, 1)):
            one = slice(index, index + 1)
            alone = network(image[one], points[one, :count], labels[one, :count])
            torch.testing.assert_close(together[0][one], alone[0], rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(together[1][one], alone[1], rtol=1e-4, atol=1e-4)
