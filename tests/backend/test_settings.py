from pathlib import Path

import pytest

from backend.settings import Settings, SettingsError, environment_table, environment_variable, load_settings

DOCS = Path(__file__).parents[2] / "docs/backend.md"


def test_the_documentation_holds_the_table_of_settings():
    assert environment_table() in DOCS.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("SQUEEZESAM_PORT", "9191", "port", 9191),
        ("LABEL_STUDIO_URL", "http://studio:8080", "label_studio_url", "http://studio:8080"),
        ("SQUEEZESAM_LOCAL_FILES_ROOT", "/photos", "local_files_root", Path("/photos")),
        ("SQUEEZESAM_DETECTOR", "u2netp.onnx", "detector", Path("u2netp.onnx")),
    ],
    ids=["port", "alias", "root", "detector"],
)
def test_variables_set_fields(monkeypatch, variable, value, field, expected):
    monkeypatch.setenv(variable, value)
    assert environment_variable(field) == variable
    assert getattr(load_settings(), field) == expected


@pytest.mark.parametrize(
    ("variable", "value"),
    [("SQUEEZESAM_PORT", "many"), ("SQUEEZESAM_THREADS", "0"), ("SQUEEZESAM_BASIC_AUTH_USER", "us")],
    ids=["text", "zero", "user-without-password"],
)
def test_wrong_values_are_named(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert variable.removeprefix("SQUEEZESAM_").lower() in raised.value.cause.lower()


def test_secrets_are_not_shown(monkeypatch):
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "hidden")
    monkeypatch.setenv("SQUEEZESAM_BASIC_AUTH_USER", "us")
    monkeypatch.setenv("SQUEEZESAM_BASIC_AUTH_PASSWORD", "hidden")
    assert "hidden" not in repr(load_settings())
    assert load_settings() == Settings()
