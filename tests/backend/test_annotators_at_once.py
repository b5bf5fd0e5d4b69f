"""Eight annotators at once, over HTTP: every reply is the one that the annotator gets alone."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import httpx
import numpy as np
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.annotator import Annotator
from backend.app import web_app
from backend.benchmarks.bodies import CONFIG
from backend.cache import ByteCache
from backend.images import Photo
from backend.settings import Settings

SIZE = (200, 150)
POSITIONS = st.integers(5, 95)
DIALOGUES = st.lists(st.tuples(POSITIONS, POSITIONS, st.booleans()), min_size=1, max_size=4)
EIGHT = st.lists(st.tuples(st.integers(0, 2), DIALOGUES), min_size=8, max_size=8)
"""For each annotator the photo, which others may have as well, and the clicks."""


def load(url):
    """Slow enough for requests to meet, and another photo for another address."""
    time.sleep(0.01)
    return Photo.of(np.full((SIZE[1], SIZE[0], 3), len(url), np.uint8))


@contextmanager
def server(service):
    """Two photos' worth of cache, so that they push each other out."""
    app = web_app(Settings(concurrency=4), Annotator(service, load, ByteCache(400_000)))
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # at once: who comes before the server does waits for it
        running = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join(10)


def dialogue(address, task, photo, clicks):
    """The replies to a dialogue, click by click; each request holds all clicks so far."""
    frame = {"original_width": SIZE[0], "original_height": SIZE[1], "image_rotation": 0}
    marks = [
        {
            **frame,
            "id": f"{task}-{index}",
            "type": "keypointlabels",
            "from_name": "kp",
            "is_positive": positive,
            "value": {"x": x, "y": y, "width": 0.2, "keypointlabels": ["Object"]},
        }
        for index, (x, y, positive) in enumerate(clicks)
    ]
    about = {"id": task, "data": {"image": f"photo{'.' * photo}"}}
    replies = []
    with httpx.Client(base_url=address, timeout=30, trust_env=False) as client:
        for count in range(1, len(marks) + 1):
            body = {"tasks": [about], "label_config": CONFIG, "params": {"context": {"result": marks[:count]}}}
            reply = client.post("/predict", json=body)
            assert reply.status_code == 200, reply.text
            replies.append(reply.json())
    return replies


def test_no_answer_is_crossed(service):
    with server(service) as together, server(service) as alone:
        numbers = iter(range(1, 10**6))

        @settings(max_examples=10)
        @given(EIGHT)
        def replies_are_those_of_one_annotator(eight):
            people = [(next(numbers), photo, clicks) for photo, clicks in eight]
            with ThreadPoolExecutor(8) as pool:
                at_once = list(pool.map(lambda person: dialogue(together, *person), people))
            assert at_once == [dialogue(alone, *person) for person in people]

        replies_are_those_of_one_annotator()
