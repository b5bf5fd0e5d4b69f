"""Every environment variable of the backend, documented once; docs/backend.md prints this table and a test compares."""

from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from squeezesam_core.errors import SqueezeSAMError

MOST_PIXELS = 178_956_970
"""Above, Pillow itself refuses an image as a decompression bomb."""


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


class SettingsError(SqueezeSAMError):
    """An environment variable with a value that cannot be used."""


class Settings(BaseSettings):
    """Environment of `squeezesam serve`. A field's variable is SQUEEZESAM_ and its name, unless it has an alias."""

    model_config = SettingsConfigDict(
        env_prefix="SQUEEZESAM_", frozen=True, populate_by_name=True, extra="ignore", env_ignore_empty=True
    )

    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 in a container.")
    port: int = Field(default=9090, ge=0, le=65535, description="Port to listen on.")
    basic_auth_user: str | None = Field(
        default=None, description="User for HTTP basic authentication; without it there is none."
    )
    basic_auth_password: SecretStr | None = Field(default=None, description="Password for HTTP basic authentication.")
    label_studio_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("LABEL_STUDIO_URL"),
        description="Where this process reaches Label Studio, for example http://label-studio:8080.",
    )
    label_studio_api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("LABEL_STUDIO_API_KEY"),
        description="Legacy token or personal access token, from Account & Settings in Label Studio.",
    )
    label_studio_host: str | None = Field(
        default=None,
        validation_alias=AliasChoices("LABEL_STUDIO_HOST"),
        description="Label Studio's HOST, its address in the browser, if it differs from LABEL_STUDIO_URL: "
        "what tasks name there is read from LABEL_STUDIO_URL.",
    )
    private_image_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Hosts, addresses and networks that may be private and yet hold images, separated by commas "
        "(`minio,10.1.0.0/16`); Label Studio's own need not be named.",
    )
    local_files_root: Path | None = Field(
        default=None,
        description="Folder that is Label Studio's LOCAL_FILES_DOCUMENT_ROOT; "
        "without it such files are read through Label Studio.",
    )
    weights: Annotated[str | None, BeforeValidator(_as_text)] = Field(
        default=None,
        description="Store that `squeezesam models publish` fills: a folder or `s3://BUCKET/PREFIX`; or a folder with "
        "squeezesam/ and saliency/; without it, and for what it lacks, the weights that ship.",
    )
    rounds: Path | None = Field(
        default=None,
        description="Folder in which the worker works on rounds of fine-tuning; by default `rounds` in the store, if "
        "that is a folder.",
    )
    detector: Path | None = Field(
        default=None,
        description="Another saliency model: an ONNX file (U2-Netp, U2-Net, …) or a folder with a manifest.",
    )
    redis_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("REDIS_URL"),
        description="Redis or Valkey server of the queue, as redis://:PASSWORD@HOST:6379 or unix:///PATH; "
        "without it new tasks are not pre-annotated ahead.",
    )
    threads: int = Field(default=1, ge=1, description="Threads of one inference.")
    concurrency: int = Field(default=4, ge=1, description="Predictions computed at once; further requests wait.")
    max_body_bytes: int = Field(default=32 * 2**20, gt=0, description="Largest request accepted, in bytes.")
    max_image_bytes: int = Field(default=64 * 2**20, gt=0, description="Largest image file read, in bytes.")
    max_image_pixels: int = Field(
        default=80_000_000, gt=0, le=MOST_PIXELS, description="Largest image decoded, in pixels."
    )
    max_tasks: int = Field(default=1000, gt=0, description="Most tasks of one request.")
    max_prompts: int = Field(default=500, gt=0, description="Most clicks and boxes of one request.")
    cache_bytes: int = Field(
        default=256 * 2**20, ge=0, description="Memory for prepared images and saliency maps, in bytes."
    )

    @field_validator("private_image_hosts", mode="before")
    @classmethod
    def _by_commas(cls, value: object) -> object:
        return [entry.strip() for entry in value.split(",") if entry.strip()] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _user_and_password(self) -> "Settings":
        """One of the two alone would silently leave the backend open."""
        if (self.basic_auth_user is None) != (self.basic_auth_password is None):
            raise ValueError("SQUEEZESAM_BASIC_AUTH_USER and SQUEEZESAM_BASIC_AUTH_PASSWORD go together")
        return self


def load_settings() -> Settings:
    """Read the environment. Raises SettingsError, naming the variables."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"The environment has wrong settings: {wrong}.", "See docs/backend.md.") from error


def environment_variable(field: str) -> str:
    """The variable that sets a field of Settings."""
    alias = Settings.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return f"{Settings.model_config['env_prefix']}{field}".upper()


def environment_table() -> str:
    """The settings as a Markdown table: variable, default, meaning."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, ()) else f"`{field.default}`"
        rows.append(f"| `{environment_variable(name)}` | {default} | {field.description} |")
    return "\n".join(rows) + "\n"
