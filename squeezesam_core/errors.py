"""The one error type that users see: what is wrong, and what to do about it."""


class SqueezeSAMError(Exception):
    """A failure a person can mend.

    `cause` says what is wrong, in one sentence that names the file, field or value; `remedy` says what to do.
    HTTP replies, job results and the command line all print the two, and nothing else.
    """

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"{cause} {remedy}")
        self.cause = cause
        self.remedy = remedy


class InvalidPromptError(SqueezeSAMError):
    """A click or box that cannot be used (not finite, outside the image, empty)."""


class InvalidImageError(SqueezeSAMError):
    """An image that cannot be read, or exceeds a limit."""


class InvalidDatasetError(SqueezeSAMError):
    """A folder of images and masks that is not laid out as expected."""


class ModelFileError(SqueezeSAMError):
    """A model version whose files are missing, damaged or of the wrong kind."""


class ParityError(ModelFileError):
    """A file that draws visibly other masks than the network that it was made of."""
