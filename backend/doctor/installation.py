"""Checks of this machine: the model files, int8 on this CPU, threads."""

import os
from pathlib import Path

import httpx

from backend.doctor.finding import Finding, doubtful, failed, ok, wrong
from backend.networks import named, named_version
from backend.settings import Settings
from squeezesam_core.errors import ModelFileError
from squeezesam_core.ort_session import load_detector, load_segmenter
from squeezesam_core.registry import load_whole


def model_files(folder: Path) -> list[Finding]:
    """Every file of a version is there and is the one that its manifest hashes."""
    check = f"model files, {folder.name}"
    try:
        manifest = load_whole(folder)
    except ModelFileError as error:
        return [failed(check, error)]
    return [ok(check, f"{manifest.version}: {len(manifest.files)} files have the right hash.")]


def self_check(network: str, precision: str) -> Finding:
    """int8 computes on this CPU what it should. precision: the one that serves."""
    check = f"int8 self-check, {network}"
    if precision == "fp32":
        cause = "int8 computes wrongly on this CPU, so fp32 serves, at about twice the time."
        return doubtful(check, cause, "Report the CPU's model, or serve on another one.")
    return ok(check, "int8 computes as it should on this CPU." if precision == "int8" else "Not of this project.")


def networks(settings: Settings) -> list[Finding]:
    """The networks that the settings name: their files, then whether they load and compute rightly."""
    try:
        to_serve = named(settings)
    except ModelFileError as error:
        return [failed("model files", error)]
    segmenter, detector = to_serve.segmenter, to_serve.detector
    found = model_files(segmenter) + ([] if detector.is_file() else model_files(detector))
    if any(finding.state == "wrong" for finding in found):
        return found
    try:
        loaded = {"segmenter": load_segmenter(segmenter).precision, "saliency": load_detector(detector).precision}
    except ModelFileError as error:
        return [*found, failed("loading the networks", error)]
    return [*found, *(self_check(network, precision) for network, precision in loaded.items())]


def in_service(settings: Settings, address: str) -> Finding:
    """The backend at an address, if one answers there, serves the version that the settings name."""
    check = "version in service"
    try:
        served = httpx.get(f"{address.rstrip('/')}/health", timeout=10.0, trust_env=False).json()["model_version"]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError):
        return ok(check, f"No backend answers at {address} from here.")
    try:
        to_serve = named_version(settings)
    except ModelFileError as error:
        return wrong(check, f"The backend at {address} goes on with {served}: {error.cause}", error.remedy)
    if served != to_serve:
        cause = f"The backend at {address} serves {served}, and {to_serve} is to serve."
        return wrong(check, cause, f"If it was published seconds ago, ask again; otherwise {address}/status says why.")
    return ok(check, f"{served}, at {address}.")


def threads(settings: Settings, cores: int | None = None) -> Finding:
    """One inference does not ask for more threads than there are cores; cores: for tests."""
    cores = cores or available_cores()
    if settings.threads > cores:
        cause = f"SQUEEZESAM_THREADS is {settings.threads}, and this process may use {cores} cores."
        return wrong("threads", cause, f"Set it to {cores} at most: threads that share a core are slower than one.")
    return ok("threads", f"{settings.threads} for an inference, {cores} cores.")


def available_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
