"""What Label Studio sends to /predict, about photos of 80 x 60."""

from tests.backend.label_studio_server import CONFIG

VERSION = "squeezesam-0123456789ab"


def body(*tasks, context=None, config=CONFIG):
    return {"tasks": tasks, "label_config": config, "project": "1.1", "params": {"context": context}}


def task(number=1, url="a"):
    return {"id": number, "data": {"image": url}}


def click(**more):
    value = {"x": 20, "y": 20, "width": 0.2, "keypointlabels": ["Object"]}
    frame = {"original_width": 80, "original_height": 60, "image_rotation": 0}
    return {"result": [{**frame, "type": "keypointlabels", "id": "k", "from_name": "kp", "value": value, **more}]}
