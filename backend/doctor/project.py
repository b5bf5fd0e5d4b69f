"""Checks of one project in Label Studio: its configuration, the backend and webhook in it, a few tasks' images."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

from backend.auth import basic_authorization
from backend.doctor.finding import Finding, doubtful, failed, ok, wrong
from backend.images import LABEL_STUDIO_PATHS, LOOPBACK_NAMES, Photo
from backend.label_studio import LabelStudio, LabelStudioError
from backend.labeling_config import LabelingConfig, check, parse
from squeezesam_core.errors import SqueezeSAMError

SAMPLED_TASKS = 5
CONNECTED = "CO"
SSRF = "reserved network address"

CONNECT = "Run `squeezesam connect --project {project}`, with --backend ADDRESS if Label Studio needs another one."


def labeling_configuration(project: Mapping[str, Any]) -> Finding:
    """It has all controls that the smart tools need; the remedy is the mended configuration."""
    name = "labeling configuration"
    try:
        check(project["label_config"])
    except SqueezeSAMError as error:
        return failed(name, error)
    return ok(name, "It has all controls that are needed.")


def shown_predictions(project: Mapping[str, Any]) -> Finding:
    """Predictions are shown to annotators."""
    name = "predictions are shown"
    if project.get("show_collab_predictions"):
        return ok(name, "Annotators see the predicted masks.")
    remedy = "Turn on Settings, Annotation, Use predictions to prelabel tasks."
    return doubtful(name, "The project shows no predictions to annotators.", remedy)


def backend(
    label_studio: LabelStudio, project: int, known: Sequence[Mapping[str, Any]], address: str
) -> tuple[list[Finding], str | None]:
    """The project has a backend that Label Studio reaches and that answers clicks.

    known: the project's backends as Label Studio lists them, which asks each whether it is there; address: where ours
    should be. Returns the findings and the address of ours in the project.
    """
    name = "backend in the project"
    ours = next((entry for entry in known if _same(entry["url"], address)), known[0] if known else None)
    url = address if ours is None else str(ours["url"]).rstrip("/")
    refused = refusal(label_studio, project, url)
    if ours is None:
        remedy = CONNECT.format(project=project)
        found = [wrong(name, "The project has no backend, so the smart tools do nothing.", remedy)]
        return (found if refused is None else [refused, *found]), None
    if refused is not None:
        return [refused], url
    if ours["state"] != CONNECTED:
        said = f" ({ours['error_message']})" if ours.get("error_message") else ""
        cause = f"Label Studio cannot use the backend at {url}: it is {ours.get('readable_state')}{said}."
        return [wrong(name, cause, _unreachable(url, label_studio))], url
    found = [ok(name, f"Label Studio reaches it at {url}.")]
    if not ours.get("is_interactive"):
        remedy = "Turn on Interactive preannotations in the backend's settings, or connect it again."
        found.append(wrong("smart tools use the backend", "Clicks are not sent to it: it is not interactive.", remedy))
    return found, url


def refusal(label_studio: LabelStudio, project: int, url: str) -> Finding | None:
    """Label Studio's guard against requests into its own network (SSRF) lets the backend and its webhook through.

    Asked with a backend without a password and a webhook of an unknown action: the guard looks at the address first,
    and what it lets through is refused for the other reason, so that nothing is ever created.
    """
    backend = {"project": project, "url": url, "auth_method": "BASIC_AUTH"}
    webhook = {"project": project, "url": f"{url}/webhook", "actions": ["NO_SUCH_ACTION"]}
    for path, body in (("/api/ml", backend), ("/api/webhooks/", webhook)):
        try:
            label_studio.call("POST", path, body)
        except LabelStudioError as error:
            if SSRF in error.cause:
                cause = f"Label Studio refuses {body['url']}: a reserved network address."
                return wrong("SSRF guard of Label Studio", cause, error.remedy)
    return None


def webhook(
    project: int, hooks: Sequence[Mapping[str, Any]], url: str, user: str | None, password: str | None
) -> Finding:
    """The backend is told of submitted annotations, with its password: Label Studio does not send that by itself."""
    name = "webhook"
    remedy = CONNECT.format(project=project)
    hook = next((hook for hook in hooks if _same(hook["url"], f"{url}/webhook")), None)
    if hook is None:
        cause = f"The project has no webhook to {url}/webhook, so corrections are never seen."
        return wrong(name, cause, "Remove the backend in the project's settings. " + remedy)
    if not hook.get("is_active"):
        return wrong(name, "The webhook is turned off.", "Turn it on in the project's settings, Webhooks.")
    if user is not None and password is not None:
        sent = (hook.get("headers") or {}).get("Authorization")
        if sent != basic_authorization(user, password):
            how = "without" if sent is None else "with another than"
            return wrong(name, f"It is sent {how} the backend's password: it gets 401 and is lost.", remedy)
    return ok(name, hook["url"])


def images(
    tasks: Sequence[Mapping[str, Any]], label_config: str, load: Callable[[str], Photo], label_studio: LabelStudio
) -> list[Finding]:
    """The first few tasks have an image that this process can fetch and decode. load: as ImageSource.load."""
    try:
        config = parse(label_config)
    except SqueezeSAMError:
        return []  # labeling_configuration says so
    if not tasks:
        return [doubtful("tasks", "The project has no tasks, so no image was tried.", "Import some, then ask again.")]
    return [_image(task, config, load, label_studio) for task in tasks[:SAMPLED_TASKS]]


def _image(
    task: Mapping[str, Any], config: LabelingConfig, load: Callable[[str], Photo], label_studio: LabelStudio
) -> Finding:
    name = f"image of task {task['id']}"
    url = task["data"].get(config.data_key)
    if not isinstance(url, str) or not url:
        cause = f'The task has no image address in its field "{config.data_key}".'
        return wrong(name, cause, "Import tasks with that field, or name another in the Image control.")
    try:
        width, height = load(url).size
    except SqueezeSAMError as error:
        confused = _confused_host(url, label_studio)
        return failed(name, error) if confused is None else wrong(name, f"{confused} {error.cause}", HOST_REMEDY)
    return ok(name, f"{width}x{height} pixels.")


HOST_REMEDY = (
    "Set LABEL_STUDIO_HOST of the backend to Label Studio's HOST: what tasks name there is then read from "
    "LABEL_STUDIO_URL, with the key."
)


def _confused_host(url: str, label_studio: LabelStudio) -> str | None:
    """Label Studio writes its HOST into the addresses of local files; from here it may have another name."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return None
    ours = label_studio.serves(parsed) or label_studio.is_shown_as(parsed) or parsed.host in LOOPBACK_NAMES
    if not parsed.host or ours or not parsed.path.startswith(LABEL_STUDIO_PATHS):
        return None
    shown = f"{parsed.scheme}://{parsed.netloc.decode()}"
    return f"The task names Label Studio as {shown} (its HOST), and LABEL_STUDIO_URL is {label_studio.url}."


def _unreachable(url: str, label_studio: LabelStudio) -> str:
    if httpx.URL(url).host in LOOPBACK_NAMES and label_studio.url.host not in LOOPBACK_NAMES:
        return (
            "For Label Studio, localhost is its own container or machine: connect with the backend's name there, "
            "`squeezesam connect --project N --backend http://backend:9090`."
        )
    return (
        f"See that the backend runs, and that {url}/health answers from Label Studio's machine or container; "
        "if it asks for a password, connect it again."
    )


def _same(url: str, other: str) -> bool:
    return url.rstrip("/") == other.rstrip("/")
