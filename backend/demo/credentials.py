"""The demo's login to Label Studio: drawn once, kept where only its owner can read it."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Credentials:
    """email and password for the page, token (40 hexadecimal digits) for the API."""

    email: str
    password: str
    token: str


def load_or_create(path: Path) -> Credentials:
    """Read `path` (JSON), or draw a password and a token and write them there with mode 0600."""
    if path.exists():
        return Credentials(**json.loads(path.read_text()))
    credentials = Credentials("demo@example.com", secrets.token_urlsafe(9), secrets.token_hex(20))
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(credentials), file)
    unfinished.replace(path)
    return credentials
