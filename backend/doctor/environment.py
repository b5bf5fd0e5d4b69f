"""Checks of the settings by themselves, before anything is asked over the network."""

from pathlib import Path

from backend.doctor.finding import Finding, doubtful, ok, wrong
from backend.images import LOOPBACK_NAMES
from backend.label_studio import KEY_REMEDY
from backend.settings import Settings

CONTAINER_FILES = (Path("/.dockerenv"), Path("/run/.containerenv"))


def in_container() -> bool:
    """Whether this process runs in a container of Docker or Podman."""
    return any(file.exists() for file in CONTAINER_FILES)


def address(settings: Settings) -> Finding:
    """LABEL_STUDIO_URL is set."""
    if settings.label_studio_url is None:
        return wrong(
            "LABEL_STUDIO_URL",
            "It is not set: uploaded photos cannot be read.",
            "Set it to where this process reaches Label Studio, for example http://label-studio:8080.",
        )
    return ok("LABEL_STUDIO_URL", settings.label_studio_url)


def key(settings: Settings) -> Finding:
    """LABEL_STUDIO_API_KEY is set."""
    if settings.label_studio_api_key is None:
        return wrong("LABEL_STUDIO_API_KEY", "It is not set: Label Studio answers 401 for every photo.", KEY_REMEDY)
    personal = settings.label_studio_api_key.get_secret_value().count(".") == 2
    return ok("LABEL_STUDIO_API_KEY", f"A {'personal access' if personal else 'legacy'} token.")


def local_files(settings: Settings) -> Finding:
    """SQUEEZESAM_LOCAL_FILES_ROOT, if set, is a folder."""
    check, root = "SQUEEZESAM_LOCAL_FILES_ROOT", settings.local_files_root
    if root is None:
        return ok(check, "Not set: local files are read through Label Studio.")
    if not root.is_dir():
        remedy = "Make it the folder that Label Studio has as LOCAL_FILES_DOCUMENT_ROOT; in a container, mount it."
        return wrong(check, f"{root} is no folder here.", remedy)
    return ok(check, str(root))


def password(settings: Settings) -> Finding:
    """A backend that listens to the network asks for a password."""
    check = "basic authentication"
    if settings.basic_auth_user is not None:
        return ok(check, "Set.")
    if settings.host in LOOPBACK_NAMES - {"0.0.0.0"}:
        return ok(check, f"Not set, and only this machine can reach {settings.host}.")
    cause = f"The backend listens on {settings.host} without a password: whoever reaches it can use it."
    return doubtful(check, cause, "Set SQUEEZESAM_BASIC_AUTH_USER and _PASSWORD, then run `squeezesam connect` again.")
