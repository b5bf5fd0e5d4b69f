"""Each fault of a project is found, with its cause and remedy."""

import pytest

from backend.doctor.examination import examine_label_studio
from backend.labeling_config import mend
from backend.settings import Settings
from tests.backend.doctor.studio import BACKEND, CONNECTED, HOOK, photo


def examine(studio, **settings):
    settings = {"label_studio_url": studio.url, "label_studio_api_key": "key"} | settings
    return list(examine_label_studio(Settings(**settings), 7, BACKEND))


def test_nothing_is_wrong_with_a_project_that_works(studio):
    findings = examine(studio)
    assert [finding for finding in findings if finding.state != "ok"] == []
    assert len(findings) == 8
    assert studio.created == []


def set_(**values):
    """A change of the stub."""
    return lambda studio: [setattr(studio, name, value) for name, value in values.items()]


NO_SMART = (
    '<View><Image name="i" value="$image"/><BrushLabels name="b" toName="i"><Label value="A"/></BrushLabels></View>'
)
ELSEWHERE = "https://labels.example/data/local-files/?d=a.png"


@pytest.mark.parametrize(
    ("fault", "settings", "check", "cause", "remedy"),
    [
        (set_(key="another"), {}, "accepts the key", "401", "LABEL_STUDIO_API_KEY"),
        (set_(), {"label_studio_api_key": "a.b.c"}, "accepts the key", "personal access token", "LABEL_STUDIO_API_KEY"),
        (set_(), {"label_studio_url": "http://127.0.0.1:9"}, "reachable", "does not answer", "Start Label Studio"),
        (set_(release="1.12.0"), {}, "version", "1.12.0", "Report"),
        (set_(project={"label_config": NO_SMART}), {}, "labeling configuration", "KeyPointLabels", 'smart="true"'),
        (set_(project={"label_config": mend("<View/>")}), {}, "predictions are shown", "no predictions", "prelabel"),
        (set_(backends=[]), {}, "backend in the project", "no backend", "squeezesam connect"),
        (set_(backends=[], refuses=True), {}, "SSRF", "reserved", "USE_DEFAULT_BANNED_SUBNETS=false"),
        (set_(refuses=True), {}, "SSRF", "reserved", "USE_DEFAULT_BANNED_SUBNETS=false"),
        (
            set_(backends=[{**CONNECTED, "state": "DI", "readable_state": "Disconnected"}]),
            {},
            "backend in the project",
            "Disconnected",
            "/health",
        ),
        (
            set_(backends=[{**CONNECTED, "state": "ER", "readable_state": "Error", "error_message": "boom"}]),
            {},
            "backend in the project",
            "boom",
            "/health",
        ),
        (set_(backends=[{**CONNECTED, "is_interactive": False}]), {}, "smart tools", "not interactive", "Interactive"),
        (set_(hooks=[]), {}, "webhook", "no webhook", "squeezesam connect"),
        (set_(hooks=[{**HOOK, "is_active": False}]), {}, "webhook", "turned off", "Webhooks"),
        (set_(), {"basic_auth_user": "u", "basic_auth_password": "p"}, "webhook", "without", "squeezesam connect"),
        (
            set_(hooks=[{**HOOK, "headers": {"Authorization": "Basic eDp5"}}]),
            {"basic_auth_user": "u", "basic_auth_password": "p"},
            "webhook",
            "another",
            "squeezesam connect",
        ),
        (set_(tasks=[]), {}, "tasks", "no tasks", "Import"),
        (set_(tasks=[{"id": 5, "data": {"photo": "x"}}]), {}, "image of task 5", 'field "image"', "Import"),
        (set_(file=b"<svg/>"), {}, "image of task 5", "cannot be read", "JPEG"),
        (set_(file=photo(400, 300)), {"max_image_pixels": 1000}, "image of task 5", "400x300", "MAX_IMAGE_PIXELS"),
        (set_(), {"max_image_bytes": 10}, "image of task 5", "larger than 10 bytes", "MAX_IMAGE_BYTES"),
        (set_(tasks=[{"id": 5, "data": {"image": "s3://b/a"}}]), {}, "image of task 5", "s3://", "pre-signed"),
        (set_(tasks=[{"id": 5, "data": {"image": ELSEWHERE}}]), {}, "image of task 5", "its HOST", "LABEL_STUDIO_HOST"),
        (
            set_(tasks=[{"id": 5, "data": {"image": "http://127.0.0.1:9/a.png"}}]),
            {},
            "image of task 5",
            "private address",
            "PRIVATE_IMAGE_HOSTS",
        ),
    ],
    ids=[
        *("wrong-key", "wrong-personal-token", "unreachable", "old-release", "no-smart-control", "predictions-hidden"),
        *("no-backend", "refused-before-connecting", "refused", "disconnected", "setup-failed", "not-interactive"),
        *("no-webhook", "webhook-off", "webhook-without-password", "webhook-with-another", "no-tasks", "no-image"),
        *("unreadable-image", "too-many-pixels", "too-many-bytes", "storage-address", "other-host", "private-host"),
    ],
)
def test_each_fault_is_found_with_cause_and_remedy(studio, fault, settings, check, cause, remedy):
    fault(studio)
    faults = [finding for finding in examine(studio, **settings) if finding.state != "ok"]
    [finding] = [finding for finding in faults if check in finding.check]
    assert cause in finding.says
    assert remedy in finding.remedy
    assert studio.created == []
