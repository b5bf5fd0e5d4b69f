"""`squeezesam doctor` as a command."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from backend import cli
from backend.auth import basic_authorization
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
