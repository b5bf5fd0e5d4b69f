"""The small Label Studio, serving."""

import threading

import pytest

from tests.backend.doctor.studio import Studio


@pytest.fixture
def studio():
    studio = Studio()
    thread = threading.Thread(target=studio.server.serve_forever, args=(0.02,))
    thread.start()
    yield studio
    studio.server.shutdown()
    thread.join()
    studio.server.server_close()
