import json

import httpx
import pytest

from backend.auth import basic_authorization
from backend.connect import connect
from backend.label_studio import LabelStudio, LabelStudioError
from backend.labeling_config import ConfigurationError, mend

CONFIG = mend("<View/>")
BACKEND = "http://backend:9090"


class Studio:
    """The part of Label Studio's API that connecting needs."""

    def __init__(self, backends=(), label_config=CONFIG, refusal=None):
        self.backends, self.label_config, self.refusal = list(backends), label_config, refusal
        self.webhooks = {1: {"id": 1, "url": f"{BACKEND}/webhook"}, 2: {"id": 2, "url": "http://other/webhook"}}
        self.changes = []

    def __call__(self, request):
        assert request.headers["authorization"] == "Token key"
        path, body = request.url.path, json.loads(request.content or b"null")
        if request.method == "GET":
            replies = {
                "/api/projects/7/": {"label_config": self.label_config},
                "/api/ml": self.backends,
                "/api/webhooks/": list(self.webhooks.values()),
            }
            return httpx.Response(200, json=replies[path]) if path in replies else httpx.Response(404)
        if self.refusal is not None:
            return self.refusal
        self.changes.append((request.method, path, body))
        return httpx.Response(200, json=body)


def run(studio, **auth):
    client = httpx.Client(transport=httpx.MockTransport(studio))
    return connect(LabelStudio("http://studio:8080", "key", client), 7, BACKEND, **auth)


PLAIN = {"url": BACKEND, "project": 7, "title": "SqueezeSAM", "is_interactive": True}


def test_a_backend_is_added():
    studio = Studio()
    run(studio)
    assert studio.changes == [("POST", "/api/ml", PLAIN)]


def test_a_backend_that_is_there_is_brought_up_to_date():
    studio = Studio([{"id": 3, "url": "http://else"}, {"id": 4, "url": f"{BACKEND}/"}])
    run(studio)
    assert studio.changes == [("PATCH", "/api/ml/4", PLAIN)]


def test_the_password_goes_to_the_backend_and_to_its_own_webhook_only():
    studio = Studio()
    run(studio, user="us", password="secret")
    assert studio.changes == [
        (
            "POST",
            "/api/ml",
            {**PLAIN, "auth_method": "BASIC_AUTH", "basic_auth_user": "us", "basic_auth_pass": "secret"},
        ),
        ("PATCH", "/api/webhooks/1/", {"headers": {"Authorization": basic_authorization("us", "secret")}}),
    ]


def test_a_configuration_that_lacks_a_control_is_not_connected():
    studio = Studio(label_config="<View/>")
    with pytest.raises(ConfigurationError):
        run(studio)
    assert studio.changes == []


@pytest.mark.parametrize(
    ("refusal", "remedy"),
    [
        (httpx.Response(401), "LABEL_STUDIO_API_KEY"),
        (
            httpx.Response(403, json={"detail": "URL resolves to a reserved network address"}),
            "USE_DEFAULT_BANNED_SUBNETS",
        ),
        (httpx.Response(500, text="oops"), "Check"),
    ],
    ids=["key", "private-address", "failure"],
)
def test_refusals_say_what_to_do(refusal, remedy):
    with pytest.raises(LabelStudioError) as raised:
        run(Studio(refusal=refusal))
    assert remedy in raised.value.remedy
