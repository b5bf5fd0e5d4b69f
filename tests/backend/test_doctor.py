"""`squeezesam doctor` against a small Label Studio over real HTTP; tests/e2e has the real one."""

import io
import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from PIL import Image
from typer.testing import CliRunner

from backend import cli
from backend.auth import basic_authorization
from backend.doctor import environment, installation, project, server
from backend.doctor.examination import examine_label_studio
from backend.label_studio import LabelStudio
from backend.labeling_config import mend
from backend.networks import named_version
from backend.settings import Settings, environment_variable
from squeezesam_core.registry import default_weights

BACKEND = "http://127.0.0.1:9090"
CONNECTED = {"id": 1, "url": BACKEND, "state": "CO", "readable_state": "Connected", "is_interactive": True}
HOOK = {"id": 1, "url": f"{BACKEND}/webhook", "is_active": True, "headers": {}}
GUARD = {"detail": "URL resolves to a reserved network address (block: 127.0.0.0/8)"}


def photo(width=40, height=30):
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


class Studio:
    """The part of Label Studio's API that the doctor asks for; what a test changes is its fault."""

    def __init__(self):
        self.key = "key"
        self.release = "1.23.2"
        self.project = {"label_config": mend("<View/>"), "show_collab_predictions": True}
        self.backends = [CONNECTED]
        self.hooks = [HOOK]
        self.tasks = [{"id": 5, "data": {"image": "/data/upload/a.png"}}]
        self.file = photo()
        self.health = {"status": "UP"}
        self.refuses = False
        self.created = []
        studio = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(*studio.get(self.path.partition("?")[0], self.headers["authorization"]))

            def do_POST(self):
                sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self.answer(*studio.post(self.path, sent))

            def answer(self, status, content):
                body = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def get(self, path, authorization):
        if path == "/health":
            return 200, self.health
        if authorization != f"Token {self.key}":
            return 401, {"detail": "Invalid token."}
        return 200, {
            "/api/current-user/whoami": {"username": "lead"},
            "/api/version": {"release": self.release},
            "/api/projects/7/": self.project,
            "/api/ml": self.backends,
            "/api/webhooks/": self.hooks,
            "/api/tasks": {"tasks": self.tasks},
            "/data/upload/a.png": self.file,
        }[path]

    def post(self, path, sent):
        if self.refuses:
            return 403, GUARD
        if path == "/api/token/refresh":
            return 401, {"detail": "Token is invalid"}
        if path == "/api/ml" and sent.get("auth_method") == "BASIC_AUTH" and "basic_auth_user" not in sent:
            return 400, {"detail": "Authentication username and password is required"}
        if path == "/api/webhooks/" and sent["actions"] == ["NO_SUCH_ACTION"]:
            return 400, {"actions": ["not a valid choice"]}
        self.created.append(sent)
        return 201, {}


@pytest.fixture
def studio():
    studio = Studio()
    thread = threading.Thread(target=studio.server.serve_forever, args=(0.02,))
    thread.start()
    yield studio
    studio.server.shutdown()
    thread.join()
    studio.server.server_close()


def examine(studio, **settings):
    settings = {"label_studio_url": studio.url, "label_studio_api_key": "key"} | settings
    return list(examine_label_studio(Settings(**settings), 7, BACKEND))


def test_nothing_is_wrong_with_a_project_that_works(studio):
    findings = examine(studio)
    assert [finding for finding in findings if finding.state != "ok"] == []
    assert len(findings) == 8
    assert studio.created == []


def set_(**values):
    """A change of the stub."""
    return lambda studio: [setattr(studio, name, value) for name, value in values.items()]


NO_SMART = (
    '<View><Image name="i" value="$image"/><BrushLabels name="b" toName="i"><Label value="A"/></BrushLabels></View>'
)
ELSEWHERE = "https://labels.example/data/local-files/?d=a.png"


@pytest.mark.parametrize(
    ("fault", "settings", "check", "cause", "remedy"),
    [
        (set_(key="another"), {}, "accepts the key", "401", "LABEL_STUDIO_API_KEY"),
        (set_(), {"label_studio_api_key": "a.b.c"}, "accepts the key", "personal access token", "LABEL_STUDIO_API_KEY"),
        (set_(), {"label_studio_url": "http://127.0.0.1:9"}, "reachable", "does not answer", "Start Label Studio"),
        (set_(release="1.12.0"), {}, "version", "1.12.0", "Report"),
        (set_(project={"label_config": NO_SMART}), {}, "labeling configuration", "KeyPointLabels", 'smart="true"'),
        (set_(project={"label_config": mend("<View/>")}), {}, "predictions are shown", "no predictions", "prelabel"),
        (set_(backends=[]), {}, "backend in the project", "no backend", "squeezesam connect"),
        (set_(backends=[], refuses=True), {}, "SSRF", "reserved", "USE_DEFAULT_BANNED_SUBNETS=false"),
        (set_(refuses=True), {}, "SSRF", "reserved", "USE_DEFAULT_BANNED_SUBNETS=false"),
        (
            set_(backends=[{**CONNECTED, "state": "DI", "readable_state": "Disconnected"}]),
            {},
            "backend in the project",
            "Disconnected",
            "/health",
        ),
        (
            set_(backends=[{**CONNECTED, "state": "ER", "readable_state": "Error", "error_message": "boom"}]),
            {},
            "backend in the project",
            "boom",
            "/health",
        ),
        (set_(backends=[{**CONNECTED, "is_interactive": False}]), {}, "smart tools", "not interactive", "Interactive"),
        (set_(hooks=[]), {}, "webhook", "no webhook", "squeezesam connect"),
        (set_(hooks=[{**HOOK, "is_active": False}]), {}, "webhook", "turned off", "Webhooks"),
        (set_(), {"basic_auth_user": "u", "basic_auth_password": "p"}, "webhook", "without", "squeezesam connect"),
        (
            set_(hooks=[{**HOOK, "headers": {"Authorization": "Basic eDp5"}}]),
            {"basic_auth_user": "u", "basic_auth_password": "p"},
            "webhook",
            "another",
            "squeezesam connect",
        ),
        (set_(tasks=[]), {}, "tasks", "no tasks", "Import"),
        (set_(tasks=[{"id": 5, "data": {"photo": "x"}}]), {}, "image of task 5", 'field "image"', "Import"),
        (set_(file=b"<svg/>"), {}, "image of task 5", "cannot be read", "JPEG"),
        (set_(file=photo(400, 300)), {"max_image_pixels": 1000}, "image of task 5", "400x300", "MAX_IMAGE_PIXELS"),
        (set_(), {"max_image_bytes": 10}, "image of task 5", "larger than 10 bytes", "MAX_IMAGE_BYTES"),
        (set_(tasks=[{"id": 5, "data": {"image": "s3://b/a"}}]), {}, "image of task 5", "s3://", "pre-signed"),
        (set_(tasks=[{"id": 5, "data": {"image": ELSEWHERE}}]), {}, "image of task 5", "its HOST", "LABEL_STUDIO_HOST"),
        (
            set_(tasks=[{"id": 5, "data": {"image": "http://127.0.0.1:9/a.png"}}]),
            {},
            "image of task 5",
            "private address",
            "PRIVATE_IMAGE_HOSTS",
        ),
    ],
    ids=[
        *("wrong-key", "wrong-personal-token", "unreachable", "old-release", "no-smart-control", "predictions-hidden"),
        *("no-backend", "refused-before-connecting", "refused", "disconnected", "setup-failed", "not-interactive"),
        *("no-webhook", "webhook-off", "webhook-without-password", "webhook-with-another", "no-tasks", "no-image"),
        *("unreadable-image", "too-many-pixels", "too-many-bytes", "storage-address", "other-host", "private-host"),
    ],
)
def test_each_fault_is_found_with_cause_and_remedy(studio, fault, settings, check, cause, remedy):
    fault(studio)
    faults = [finding for finding in examine(studio, **settings) if finding.state != "ok"]
    [finding] = [finding for finding in faults if check in finding.check]
    assert cause in finding.says
    assert remedy in finding.remedy
    assert studio.created == []


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


@pytest.mark.parametrize(
    ("check", "settings", "cause", "remedy"),
    [
        (environment.address, {}, "not set", "label-studio:8080"),
        (environment.key, {}, "401", "Account & Settings"),
        (environment.local_files, {"local_files_root": "/no/such/folder"}, "no folder", "LOCAL_FILES_DOCUMENT_ROOT"),
        (environment.password, {"host": "0.0.0.0"}, "without a password", "SQUEEZESAM_BASIC_AUTH_USER"),
        (lambda s: installation.threads(s, 2), {"threads": 3}, "2 cores", "at most"),
        (lambda s: installation.self_check("segmenter", "fp32"), {}, "wrongly", "CPU"),
    ],
    ids=[
        *("no-address", "no-key", "local-files", "open-backend", "threads", "self-check"),
    ],
)
def test_faults_of_settings_and_machine(check, settings, cause, remedy):
    finding = check(Settings(**settings))
    assert finding.state != "ok"
    assert cause in finding.says
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    ("settings", "check"),
    [
        ({"label_studio_url": "http://localhost:8080"}, environment.address),
        ({"label_studio_api_key": "a.b.c"}, environment.key),
        ({}, environment.password),
        ({}, environment.local_files),
        ({"threads": 2}, lambda s: installation.threads(s, 2)),
    ],
    ids=["address", "key", "loopback-without-password", "no-root", "threads"],
)
def test_right_settings_are_not_complained_of(settings, check):
    assert check(Settings(**settings)).state == "ok"


@pytest.fixture
def weights(tmp_path):
    folder = tmp_path / "weights"
    shutil.copytree(default_weights(), folder, ignore=shutil.ignore_patterns("*.pt"))
    for manifest in folder.glob("*/manifest.json"):
        document = json.loads(manifest.read_text())
        document["files"].pop("checkpoint", None)
        manifest.write_text(json.dumps(document))
    return folder


def run(monkeypatch, *arguments, **settings):
    for name in Settings.model_fields:
        monkeypatch.delenv(environment_variable(name), raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(environment_variable(name), str(value))
    return CliRunner().invoke(cli.app, ["doctor", *arguments])


def test_a_model_file_that_fails_its_hash_is_found(monkeypatch, studio, weights):
    damaged = weights / "squeezesam/squeezesam.int8.onnx"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    reply = run(monkeypatch, "--json", weights=weights)
    report = json.loads(reply.stdout)
    [finding] = [finding for finding in report["findings"] if finding["check"] == "model files, squeezesam"]
    assert reply.exit_code == 1
    assert "SHA-256 differs" in finding["says"]
    assert "restore it" in finding["remedy"]


@pytest.mark.parametrize(
    ("health", "state", "says"),
    [
        (lambda right: {"model_version": right}, "ok", "squeezesam-"),
        (lambda right: {"model_version": "squeezesam-0+saliency-0"}, "wrong", "serves squeezesam-0+saliency-0, and"),
        (lambda right: {"status": "UP"}, "ok", "No backend answers"),
    ],
    ids=["the one to serve", "another", "not a backend"],
)
def test_a_backend_that_serves_another_version_is_found(studio, weights, health, state, says):
    settings = Settings(weights=weights)
    studio.health = health(named_version(settings))
    finding = installation.in_service(settings, studio.url)
    assert finding.state == state
    assert says in finding.says


def test_a_store_with_a_damaged_pointer_is_found_beside_a_backend_that_goes_on(monkeypatch, studio, weights):
    (weights / "squeezesam.current").write_text("squeezesam-gone\n")
    studio.health = {"model_version": "squeezesam-0+saliency-0"}
    reply = run(monkeypatch, "--json", "--backend", studio.url, weights=weights)
    wrong = {f["check"]: f["says"] for f in json.loads(reply.stdout)["findings"] if f["state"] == "wrong"}
    assert "no model version" in wrong["model files, squeezesam-gone"]
    assert "goes on with squeezesam-0+saliency-0" in wrong["version in service"]


def test_the_command_ends_with_0_where_nothing_is_wrong(monkeypatch, studio, weights):
    password = {"basic_auth_user": "u", "basic_auth_password": "p"}
    studio.hooks = [{**HOOK, "headers": {"Authorization": basic_authorization("u", "p")}}]
    access = {"label_studio_url": studio.url, "label_studio_api_key": "key"}
    reply = run(monkeypatch, "--project", "7", "--backend", BACKEND, weights=weights, **access, **password)
    assert reply.exit_code == 0, reply.stdout
    assert "✓ int8 self-check, segmenter" in reply.stdout
    assert "Nothing is wrong." in reply.stdout


def test_wrong_settings_are_a_finding(monkeypatch):
    reply = run(monkeypatch, port="many")
    assert reply.exit_code == 1
    assert "✗ settings" in reply.stdout
    assert "port" in reply.stdout
