"""`squeezesam doctor` as a command."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from backend import cli
from backend.auth import basic_authorization
from backend.doctor import installation
from backend.networks import named_version
from backend.settings import Settings, environment_variable
from squeezesam_core.registry import default_weights
from tests.backend.doctor.studio import BACKEND, HOOK


@pytest.fixture
def weights(tmp_path):
    folder = tmp_path / "weights"
    shutil.copytree(default_weights(), folder, ignore=shutil.ignore_patterns("*.pt"))
    for manifest in folder.glob("*/manifest.json"):
        document = json.loads(manifest.read_text())
        document["files"].pop("checkpoint", None)
        manifest.write_text(json.dumps(document))
    return folder


def run(monkeypatch, *arguments, **settings):
    for name in Settings.model_fields:
        monkeypatch.delenv(environment_variable(name), raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(environment_variable(name), str(value))
    return CliRunner().invoke(cli.app, ["doctor", *arguments])


def test_a_model_file_that_fails_its_hash_is_found(monkeypatch, studio, weights):
    damaged = weights / "squeezesam/squeezesam.int8.onnx"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    reply = run(monkeypatch, "--json", weights=weights)
    report = json.loads(reply.stdout)
    [finding] = [finding for finding in report["findings"] if finding["check"] == "model files, squeezesam"]
    assert reply.exit_code == 1
    assert "SHA-256 differs" in finding["says"]
    assert "restore it" in finding["remedy"]


@pytest.mark.parametrize(
    ("health", "state", "says"),
    [
        (lambda right: {"model_version": right}, "ok", "squeezesam-"),
        (lambda right: {"model_version": "squeezesam-0+saliency-0"}, "wrong", "serves squeezesam-0+saliency-0, and"),
        (lambda right: {"status": "UP"}, "ok", "No backend answers"),
    ],
    ids=["the one to serve", "another", "not a backend"],
)
def test_a_backend_that_serves_another_version_is_found(studio, weights, health, state, says):
    settings = Settings(weights=weights)
    studio.health = health(named_version(settings))
    finding = installation.in_service(settings, studio.url)
    assert finding.state == state
    assert says in finding.says


def test_a_store_with_a_damaged_pointer_is_found_beside_a_backend_that_goes_on(monkeypatch, studio, weights):
    (weights / "squeezesam.current").write_text("squeezesam-gone\n")
    studio.health = {"model_version": "squeezesam-0+saliency-0"}
    reply = run(monkeypatch, "--json", "--backend", studio.url, weights=weights)
    wrong = {f["check"]: f["says"] for f in json.loads(reply.stdout)["findings"] if f["state"] == "wrong"}
    assert "has no squeezesam-gone" in wrong["model files"]
    assert "serves squeezesam-0+saliency-0, and squeezesam-gone+saliency-" in wrong["version in service"]


def test_the_command_ends_with_0_where_nothing_is_wrong(monkeypatch, studio, weights):
    password = {"basic_auth_user": "u", "basic_auth_password": "p"}
    studio.hooks = [{**HOOK, "headers": {"Authorization": basic_authorization("u", "p")}}]
    access = {"label_studio_url": studio.url, "label_studio_api_key": "key"}
    reply = run(monkeypatch, "--project", "7", "--backend", BACKEND, weights=weights, **access, **password)
    assert reply.exit_code == 0, reply.stdout
    assert "✓ int8 self-check, segmenter" in reply.stdout
    assert "Nothing is wrong." in reply.stdout


def test_wrong_settings_are_a_finding(monkeypatch):
    reply = run(monkeypatch, port="many")
    assert reply.exit_code == 1
    assert "✗ settings" in reply.stdout
    assert "port" in reply.stdout
