"""How Label Studio, the backend and the queue's processes are started, and what Label Studio's guard lets through."""

import sys
from pathlib import Path
from urllib.parse import urlsplit

from backend.demo.credentials import Credentials
from backend.demo.installation import executable
from backend.demo.processes import Child, start

# Label Studio refuses backends on reserved addresses. Its default list is one switch, so the narrowest way to admit a
# backend on this machine is to turn the switch off and hand back every entry of the list but loopback.
_STILL_BANNED = (
    "0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,169.254.0.0/16,172.16.0.0/12,192.0.0.0/24,192.0.2.0/24,192.88.99.0/24,"
    "192.168.0.0/16,198.18.0.0/15,198.51.100.0/24,203.0.113.0/24,224.0.0.0/4,233.252.0.0/24,240.0.0.0/4,"
    "255.255.255.255/32,::/128,::1/128,::ffff:0:0/96,::ffff:0:0:0/96,64:ff9b::/96,64:ff9b:1::/48,100::/64,"
    "2001:0000::/32,2001:20::/28,2001:db8::/32,2002::/16,fc00::/7,fe80::/10,ff00::/8"
)


def start_label_studio(venv: Path, data: Path, log: Path, address: str, login: Credentials) -> Child:
    """Start Label Studio at `address` (http://HOST:PORT), its database and uploads in `data`.

    The first start creates the user; later ones find it. Nothing is reported to anybody.
    """
    env = {
        "LABEL_STUDIO_BASE_DATA_DIR": str(data),
        "LABEL_STUDIO_USERNAME": login.email,
        "LABEL_STUDIO_PASSWORD": login.password,
        "LABEL_STUDIO_USER_TOKEN": login.token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "USE_DEFAULT_BANNED_SUBNETS": "false",
        "USER_ADDITIONAL_BANNED_SUBNETS": _STILL_BANNED,
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }
    host, port = _host_and_port(address)
    argv = [str(executable(venv)), "start", "--no-browser", "--internal-host", host, "--port", port]
    return start("Label Studio", argv, env, log)


def start_backend(log: Path, address: str, environment: dict[str, str]) -> Child:
    """Start `squeezesam serve` at `address` (http://HOST:PORT)."""
    host, port = _host_and_port(address)
    return _squeezesam("The backend", "serve", {**environment, "SQUEEZESAM_HOST": host, "SQUEEZESAM_PORT": port}, log)


def start_worker(log: Path, environment: dict[str, str]) -> Child:
    """Start `squeezesam worker`."""
    return _squeezesam("The worker", "worker", environment, log)


def start_scheduler(log: Path, environment: dict[str, str]) -> Child:
    """Start `squeezesam scheduler`."""
    return _squeezesam("The scheduler", "scheduler", environment, log)


def environment(label_studio: str, login: Credentials, queue: str, versions: Path) -> dict[str, str]:
    """What the three know: where Label Studio is, the key to it, the queue's address, and the store of versions."""
    return {
        "LABEL_STUDIO_URL": label_studio,
        "LABEL_STUDIO_API_KEY": login.token,
        "REDIS_URL": queue,
        "SQUEEZESAM_WEIGHTS": str(versions),
    }


def _squeezesam(name: str, command: str, environment: dict[str, str], log: Path) -> Child:
    return start(name, [str(Path(sys.executable).with_name("squeezesam")), command], environment, log)


def _host_and_port(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return str(parts.hostname), str(parts.port)
