"""Servers that do not reach each other."""

import httpx
import pytest

from backend.doctor import project, server
from backend.label_studio import LabelStudio
from tests.backend.doctor.studio import BACKEND, CONNECTED


def away(status=400):
    """Label Studio on another machine."""
    client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(status)))
    return LabelStudio("http://label-studio:8080", "key", client)


def test_a_localhost_that_is_label_studios_own_container_is_explained():
    lost = [{**CONNECTED, "state": "DI", "readable_state": "Disconnected"}]
    [finding], _ = project.backend(away(), 7, lost, BACKEND)
    assert "localhost is its own container" in finding.remedy


@pytest.mark.parametrize("container", [True, False], ids=["in-a-container", "outside"])
def test_a_localhost_that_is_our_own_container_is_explained(container):
    with httpx.Client() as client:
        finding = server.reachable(LabelStudio("http://localhost:9", None, client), client, container)
    assert finding.state == "wrong"
    assert ("container itself" in finding.says) == container
    assert ("host.docker.internal" in finding.remedy) == container


def test_another_server_is_not_taken_for_label_studio():
    studio = away(404)
    finding = server.reachable(studio, studio._client, False)
    assert "404" in finding.says
