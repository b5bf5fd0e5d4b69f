import sys
from pathlib import Path

import pytest
from label_studio_sdk._extensions.label_studio_tools.core.label_config import parse_config

from backend import cli, configurations
from backend.labeling_config import check, mend

NAMES = sorted(path.stem for path in Path(configurations.__file__).parent.glob("*.xml"))


def test_every_file_is_described():
    assert sorted(configurations.ABOUT) == NAMES


@pytest.mark.parametrize(
    ("name", "output", "labels", "clicks"),
    [
        ("object", "brushlabels", ("Object",), ("Object",)),
        ("classes", "brushlabels", ("Person", "Animal", "Thing"), ("Person", "Animal", "Thing", "Background")),
        ("polygons", "polygonlabels", ("Object",), ("Object", "Background")),
        ("people", "brushlabels", ("Person",), ("Person", "Background")),
    ],
)
def test_each_has_every_tool(name, output, labels, clicks):
    config = check(configurations.read(name))
    assert [(one.type, one.labels) for one in config.outputs] == [(output, labels)]
    assert (config.keypoint.labels, config.rectangle.labels) == (clicks, labels)
    assert (config.data_key, config.others) == ("image", ())


@pytest.mark.parametrize("name", NAMES)
def test_each_is_whole(name):
    xml = configurations.read(name)
    assert check(mend(xml)) == check(xml)
    hotkeys = [part.partition('"')[0] for part in xml.split('hotkey="')[1:]]
    assert len(set(hotkeys)) == len(hotkeys)


@pytest.mark.parametrize("name", NAMES)
def test_label_studios_own_parser_reads_each(name):
    parsed = parse_config(configurations.read(name))
    assert {control["type"] for control in parsed.values()} >= {"KeyPointLabels", "RectangleLabels"}
    assert all(control["to_name"] == ["image"] for control in parsed.values())


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [([], "polygons  one class"), (["people"], configurations.read("people"))],
    ids=["list", "print"],
)
def test_the_command_lists_and_prints(monkeypatch, capsys, arguments, shown):
    monkeypatch.setattr(sys, "argv", ["squeezesam", "configurations", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert shown in capsys.readouterr().out


def test_an_unknown_name_is_told_what_there_is(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["squeezesam", "configurations", "nothing"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "polygons" in capsys.readouterr().err
