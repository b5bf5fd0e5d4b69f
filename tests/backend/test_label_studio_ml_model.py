"""The class without either package: a stand-in of each one's base class, called as that package calls it."""

import importlib
import logging
import sys
from types import ModuleType

import pytest

from backend.serving import Serving
from tests.backend.test_app import CONFIG, VERSION, click, task


class Base109:
    def __init__(self, label_config=None, train_output=None, **kwargs) -> None:
        self.label_config = label_config


class Base2:
    def __init__(self, project_id=None, label_config=None) -> None:
        self.project_id = project_id

    @property
    def label_config(self) -> str:
        raise AssertionError("the package's storage is not used")


@pytest.fixture(params=[Base109, Base2], ids=["1.0.9", "2.x"])
def model(request, annotator, photos, monkeypatch: pytest.MonkeyPatch):
    package, module = ModuleType("label_studio_ml"), ModuleType("label_studio_ml.model")
    module.LabelStudioMLBase = request.param
    monkeypatch.setitem(sys.modules, "label_studio_ml", package)
    monkeypatch.setitem(sys.modules, "label_studio_ml.model", module)
    monkeypatch.delitem(sys.modules, "backend.label_studio_ml_model", raising=False)
    ours = importlib.import_module("backend.label_studio_ml_model")
    monkeypatch.setattr(ours, "_serving", lambda: Serving(annotator))
    photos["a"] = (80, 60)
    more = {"train_output": {}, "access_token": "x"} if request.param is Base109 else {"project_id": "1"}
    yield ours.SqueezeSAM(label_config=CONFIG, **more)
    sys.modules.pop("backend.label_studio_ml_model", None)


def test_each_task_has_a_result(model) -> None:
    replies = model.predict([task(1), task(2, "nowhere"), task(3)], login=None, password=None, context=None)
    assert [bool(reply["result"]) for reply in replies] == [True, False, True]
    assert {reply["model_version"] for reply in replies} == {VERSION}


def test_a_prompt_is_refined(model) -> None:
    (predicted,) = model.predict([task()])
    (refined,) = model.predict([{**task(), "predictions": [predicted]}], context=click())
    assert refined["result"][0]["id"] == predicted["result"][0]["id"]


@pytest.mark.parametrize("by_name", [True, False], ids=["1.0.9", "2.x"])
def test_events_are_noted(model, by_name: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    data = {"project": {"id": 7}}
    answer = model.fit((), event="PROJECT_UPDATED", data=data) if by_name else model.fit("PROJECT_UPDATED", data)
    assert answer is None
    assert "project=7" in caplog.text
