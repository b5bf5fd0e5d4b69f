"""A small Label Studio over real HTTP, for the doctor; tests/e2e has the real one."""

import io
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

from backend.labeling_config import mend

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
