"""Faults of the settings and of the machine."""

import pytest

from backend.doctor import environment, installation
from backend.settings import Settings


@pytest.mark.parametrize(
    ("check", "settings", "cause", "remedy"),
    [
        (environment.address, {}, "not set", "label-studio:8080"),
        (environment.key, {}, "401", "Account & Settings"),
        (environment.local_files, {"local_files_root": "/no/such/folder"}, "no folder", "LOCAL_FILES_DOCUMENT_ROOT"),
        (environment.password, {"host": "0.0.0.0"}, "without a password", "SQUEEZESAM_BASIC_AUTH_USER"),
        (lambda s: installation.threads(s, 2), {"threads": 3}, "2 cores", "at most"),
        (lambda s: installation.self_check("segmenter", "fp32"), {}, "wrongly", "CPU"),
    ],
    ids=[
        *("no-address", "no-key", "local-files", "open-backend", "threads", "self-check"),
    ],
)
def test_faults_of_settings_and_machine(check, settings, cause, remedy):
    finding = check(Settings(**settings))
    assert finding.state != "ok"
    assert cause in finding.says
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    ("settings", "check"),
    [
        ({"label_studio_url": "http://localhost:8080"}, environment.address),
        ({"label_studio_api_key": "a.b.c"}, environment.key),
        ({}, environment.password),
        ({}, environment.local_files),
        ({"threads": 2}, lambda s: installation.threads(s, 2)),
    ],
    ids=["address", "key", "loopback-without-password", "no-root", "threads"],
)
def test_right_settings_are_not_complained_of(settings, check):
    assert check(Settings(**settings)).state == "ok"
