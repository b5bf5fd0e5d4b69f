"""What a click costs by preset, size, runtime and threads, beside MobileSAM: the second half of `bench --suite core`.

A click of SqueezeSAM runs the whole network. MobileSAM's first click on a photo runs its encoder and its decoder, each
later one its decoder. Every group of steps runs in turns with REFERENCE, so that all ratios are to one row.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from squeezesam_core.benchmark import PHOTOS, Row, Step, check_precision, click, measure, photograph
from squeezesam_core.fusion import fuse, prepare
from squeezesam_core.geometry import NetworkInput
from squeezesam_core.ort_session import load_segmenter
from squeezesam_core.registry import load_manifest

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from squeezesam_core.model.squeezesam import SqueezeSAM

REFERENCE = "click_serving_512_ort_fp32_1t"
SIDES = (512, 1024)
THREADS = (1, 2)

Makers = Mapping[str, Callable[[], Step]]


def clicks(weights: Path, repeats: int) -> Iterator[Row]:
    """Rows click_PRESET_SIDE_RUNTIME_THREADSt, then mobilesam_encoder_THREADSt and mobilesam_decoder_THREADSt.

    weights: a folder with the version squeezesam/, which stands for the serving preset. The paper preset's weights are
    random: they do not change its speed.
    """
    version = weights / "squeezesam"
    reference = {REFERENCE: partial(_serving, version, 512, "fp32", 1)}
    with TemporaryDirectory() as folder:
        for makers in _groups(version, Path(folder)):
            steps = dict(makers) | ({} if REFERENCE in makers else reference)
            yield from (row for row in measure(steps, repeats, REFERENCE) if row.name in makers)


def _groups(version: Path, folder: Path) -> Iterator[Makers]:
    for threads in THREADS:
        for side in SIDES:
            yield {
                f"click_serving_{side}_torch_{threads}t": partial(_serving_torch, version, side, threads),
                f"click_serving_{side}_ort_fp32_{threads}t": partial(_serving, version, side, "fp32", threads),
                f"click_serving_{side}_ort_int8_{threads}t": partial(_serving, version, side, "int8", threads),
            }
            yield {
                f"click_paper_{side}_torch_{threads}t": partial(_paper_torch, side, threads),
                f"click_paper_{side}_ort_fp32_{threads}t": partial(_paper, folder, side, "fp32", threads),
                f"click_paper_{side}_ort_int8_{threads}t": partial(_paper, folder, side, "int8", threads),
            }
        yield {
            f"mobilesam_encoder_{threads}t": partial(_mobilesam_encoder, threads),
            f"mobilesam_decoder_{threads}t": partial(_mobilesam_decoder, threads),
        }


def feeds(spec: NetworkInput) -> "tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]":
    """One click on a photo of 1 megapixel as Session.run takes it: fused, points, labels."""
    size = PHOTOS["1mpx"]
    prepared = prepare(photograph(size), spec)
    return fuse(prepared, click(size), spec), prepared.frame.to_unit(click(size).coordinates()), click(size).labels()


def _serving(version: Path, side: int, precision: str, threads: int) -> Step:
    session = load_segmenter(version, threads, precision)
    check_precision(session.precision, precision, version)
    return partial(session.run, *feeds(replace(session.spec, side=side)))


def _serving_torch(version: Path, side: int, threads: int) -> Step:
    from squeezesam_core.model.torch_session import load_checkpoint_session

    session = load_checkpoint_session(load_manifest(version).path("checkpoint"))
    return _torch(session.network, replace(session.spec, side=side), threads)


def _paper_torch(side: int, threads: int) -> Step:
    network = _paper_network(side)
    return _torch(network, network.spec, threads)


def _torch(network: "torch.nn.Module", spec: NetworkInput, threads: int) -> Step:
    """Eager, fp32, BatchNorm folded, channels last: torch at its best without a compiler."""
    import torch

    from export.fold import fold

    torch.set_num_threads(threads)
    folded = fold(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    fused, coordinates, kinds = feeds(spec)
    image = torch.from_numpy(fused)[None].contiguous(memory_format=torch.channels_last)
    points, labels = torch.from_numpy(coordinates)[None], torch.from_numpy(kinds)[None]

    @torch.inference_mode()
    def step() -> None:
        folded(image, points, labels)

    return step


def _paper(folder: Path, side: int, precision: str, threads: int) -> Step:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    path = _paper_file(folder, side, precision)
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return partial(session.run, None, _named(_paper_network(side).spec))


def _paper_file(folder: Path, side: int, precision: str) -> Path:
    """The paper preset's graph at a size, made when it is first asked for."""
    from export.onnx import to_onnx
    from export.quantize import quantize

    path = folder / f"paper_{side}.{precision}.onnx"
    if path.is_file():
        return path
    if precision == "fp32":
        to_onnx(_paper_network(side), path)
    else:
        quantize(_paper_file(folder, side, "fp32"), path, [_named(_paper_network(side).spec)], keep_float=None)
    return path


def _named(spec: NetworkInput) -> "dict[str, NDArray[np.generic]]":
    fused, points, labels = feeds(spec)
    return {"image": fused[None], "points": points[None], "labels": labels[None]}


def _paper_network(side: int) -> "SqueezeSAM":
    import torch

    from squeezesam_core.model.presets import paper

    torch.manual_seed(0)
    return paper(side=side)


def _mobilesam_encoder(threads: int) -> Step:
    import torch

    from squeezesam_core.evaluation.peers.mobilesam import MobileSam

    torch.set_num_threads(threads)
    model, photo = MobileSam.load(), photograph(PHOTOS["1mpx"])
    return lambda: model.embed(photo)


def _mobilesam_decoder(threads: int) -> Step:
    import torch

    from squeezesam_core.evaluation.peers.mobilesam import MobileSam

    torch.set_num_threads(threads)
    model, size = MobileSam.load(), PHOTOS["1mpx"]
    prompt = click(size)
    return partial(model.predict, model.embed(photograph(size)), prompt.coordinates(), prompt.labels())
