"""All checks in the order in which they depend on one another: what cannot work after a failure is not tried."""

from collections.abc import Iterator

import httpx

from backend.app import access, image_source
from backend.doctor import environment, installation, project, server
from backend.doctor.finding import Finding, failed
from backend.label_studio import LabelStudio
from backend.settings import Settings, SettingsError, load_settings
from squeezesam_core.errors import SqueezeSAMError


def examine(number: int | None = None, address: str | None = None) -> Iterator[Finding]:
    """Findings as they are made. number: the project's; address: the backend's as Label Studio reaches it."""
    try:
        settings = load_settings()
    except SettingsError as error:
        yield failed("settings", error)
        return
    yield from installation.networks(settings)
    yield installation.in_service(settings, address or f"http://{settings.host}:{settings.port}")
    yield installation.threads(settings)
    yield environment.address(settings)
    yield environment.key(settings)
    yield environment.local_files(settings)
    yield environment.password(settings)
    yield from examine_label_studio(settings, number, address)


def examine_label_studio(settings: Settings, number: int | None, address: str | None) -> Iterator[Finding]:
    """The findings over the network; none without LABEL_STUDIO_URL."""
    label_studio, client = access(settings)
    with client:
        if label_studio is not None:
            yield from _server(settings, label_studio, client, number, address)


def _server(
    settings: Settings, label_studio: LabelStudio, client: httpx.Client, number: int | None, address: str | None
) -> Iterator[Finding]:
    found = server.reachable(label_studio, client, environment.in_container())
    yield found
    if found.state == "wrong" or settings.label_studio_api_key is None:
        return
    found = server.key(label_studio)
    yield found
    if found.state == "wrong":
        return
    yield server.version(label_studio)
    if number is not None:
        try:
            yield from _project(settings, label_studio, client, number, address)
        except SqueezeSAMError as error:
            yield failed(f"project {number}", error)


def _project(
    settings: Settings, label_studio: LabelStudio, client: httpx.Client, number: int, address: str | None
) -> Iterator[Finding]:
    described = label_studio.project(number)
    yield project.labeling_configuration(described)
    yield project.shown_predictions(described)
    backends = label_studio.call("GET", f"/api/ml?project={number}")
    expected = address or f"http://{settings.host}:{settings.port}"
    found, url = project.backend(label_studio, number, backends, expected)
    yield from found
    if url is not None:
        secret = settings.basic_auth_password
        hooks = label_studio.call("GET", f"/api/webhooks/?project={number}")
        password = None if secret is None else secret.get_secret_value()
        yield project.webhook(number, hooks, url, settings.basic_auth_user, password)
    listed = label_studio.call("GET", f"/api/tasks?project={number}&page_size={project.SAMPLED_TASKS}")
    load = image_source(settings, label_studio, client).load
    yield from project.images(listed["tasks"], described["label_config"], load, label_studio)
