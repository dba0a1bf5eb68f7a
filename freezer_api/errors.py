# SPDX-License-Identifier: Apache-2.0
"""The errors of the service, independent of HTTP: ``api/errors.py`` maps each class to a status.

The text of an error is for the caller: one short line without secrets, class names or messages of the store.
Details for the operator are logged where the error occurs.
"""


class FreezerError(Exception):
    """The base class of all errors that the service raises."""


class Invalid(FreezerError):
    """A request body is invalid; the text names the property."""


class InvalidParameter(Invalid):
    """A parameter of the query string is invalid."""


class Malformed(Invalid):
    """A text is not JSON, or has values that cannot be stored exactly."""


class LimitReached(FreezerError):
    """A request exceeds a configured limit. The text names the limit and its option.

    Every subclass is logged once a minute for each project, see :class:`freezer_api.api.refusals.RefusalLog`.
    """


class TooLarge(LimitReached):
    """A body or the resulting document has too many bytes."""


TOO_LARGE = "The store refuses a document of this size"
"""The text of ``TooLarge`` if the store, or a proxy in front of it, has a lower limit than the service."""


class TooMany(LimitReached):
    """A document would have too many items."""


class UnsupportedEncoding(FreezerError):
    """The body has a ``Content-Encoding``."""

    def __init__(self) -> None:
        super().__init__("The header Content-Encoding is not supported; send the body without encoding")


class TooManyLists(LimitReached):
    """The project has too many concurrent lists in a worker."""


class SearchTooLong(LimitReached):
    """The store stopped a search after ``seconds``, the limit of ``options``."""

    def __init__(self, seconds: float, options: str = "[api] max_search_time") -> None:
        super().__init__(f"The search took longer than {seconds:g} s, the limit set by {options}. Search for less")


class NotFound(FreezerError):
    """The document does not exist or belongs to another owner, deliberately indistinguishable."""

    def __init__(self, key: str) -> None:
        super().__init__(f"No document found with ID {key}")


class AlreadyExists(FreezerError):
    """The id is taken, maybe by another owner."""


class Conflict(AlreadyExists):
    """The document was changed or deleted since it was read: the token is not current."""


class RequestTimeout(FreezerError):
    """The body of a request did not arrive in time."""


class Unprocessable(FreezerError):
    """A valid document refers to something that does not exist or does not support the request."""


class Undelegable(FreezerError):
    """The rights that a job needs cannot be delegated."""


class Forbidden(FreezerError):
    """The policy forbids the request."""

    def __init__(self) -> None:
        super().__init__("You are not allowed to access this resource")


class Unauthorized(FreezerError):
    """The request has no confirmed identity."""


class Unavailable(FreezerError):
    """The store cannot be reached or does not answer in time; a retry may succeed."""

    def __init__(self, text: str = "The store is not available, try again later") -> None:
        super().__init__(text)


class StoreFailed(FreezerError):
    """The store reported an error that a retry does not fix."""

    def __init__(self) -> None:
        super().__init__("The store reported an error")


class CommandError(FreezerError):
    """A command, or the start of the service, failed; the message is one line for the operator."""


class ConfigurationError(CommandError):
    """The configuration is invalid; the message names the group, the option and the file."""
