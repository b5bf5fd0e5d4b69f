"""Checks of Label Studio itself: reachable, its version, our key."""

import httpx

from backend.doctor.finding import Finding, doubtful, failed, ok, wrong
from backend.images import LOOPBACK_NAMES
from backend.label_studio import LabelStudio
from squeezesam_core.errors import SqueezeSAMError

TESTED = "1.23"
"""The release that the tests run against."""


def reachable(label_studio: LabelStudio, client: httpx.Client, container: bool) -> Finding:
    """Something answers at LABEL_STUDIO_URL, and it is Label Studio. container: this process runs in one."""
    check, url = "Label Studio reachable", label_studio.address("/health")
    remedy = "Start Label Studio, and set LABEL_STUDIO_URL to an address that this process can reach."
    try:
        response = client.get(url, timeout=10.0)
    except httpx.HTTPError as error:
        cause = f"{label_studio.url} does not answer: {error or type(error).__name__}."
        if container and label_studio.url.host in LOOPBACK_NAMES:
            cause += " This is a container, and its localhost is the container itself."
            remedy = (
                "Start Label Studio, and use its service's name (http://label-studio:8080), or host.docker.internal if "
                "it runs on the host."
            )
        return wrong(check, cause, remedy)
    if not response.is_success or b"UP" not in response.content:
        return wrong(check, f"{url} gave {response.status_code}, not Label Studio's answer.", remedy)
    return ok(check, str(label_studio.url))


def version(label_studio: LabelStudio) -> Finding:
    """The release is the one that this project is tested with."""
    check = "Label Studio's version"
    try:
        release = str(label_studio.call("GET", "/api/version").get("release", "unknown"))
    except SqueezeSAMError as error:
        return failed(check, error)
    if not release.startswith(f"{TESTED}."):
        return doubtful(check, f"It is {release}; this project is tested with {TESTED}.", "Report what does not work.")
    return ok(check, release)


def key(label_studio: LabelStudio) -> Finding:
    """Label Studio accepts the key."""
    check = "Label Studio accepts the key"
    try:
        user = label_studio.call("GET", "/api/current-user/whoami")
    except SqueezeSAMError as error:
        return failed(check, error)
    return ok(check, f"It is the key of user {user.get('username') or user.get('email') or user.get('id')}.")
