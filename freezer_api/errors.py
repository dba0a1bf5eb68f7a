"""What can go wrong, in Freezer's words. Nothing here knows HTTP: ``api/errors.py`` gives each class its status.

The text of every error is for the caller: one short line without secrets, store text or class names.
What the operator needs beyond it is logged where it happens.
"""


class FreezerError(Exception):
    """The root of everything that this service raises on purpose; ``str(error)`` is one line for the caller."""


class Invalid(FreezerError):
    """The caller sent something that breaks a rule; the text names the field."""


class InvalidParameter(Invalid):
    """A parameter of the query string breaks a rule."""


class Malformed(Invalid):
    """A text that should be JSON is none, or holds what cannot be kept as it came."""


class LimitReached(FreezerError):
    """A request goes beyond a configured limit. The text names the limit and its option.

    Every subclass is logged once a minute for each project, see :class:`freezer_api.api.refusals.RefusalLog`.
    """


class TooLarge(LimitReached):
    """A body, or the document that it would make, has more bytes than allowed."""


TOO_LARGE = "The store refuses a document of this size"
"""The text of ``TooLarge`` if the store, or a proxy in front of it, has a lower limit than this service."""


class TooMany(LimitReached):
    """A document would have more parts than allowed."""


class UnsupportedEncoding(FreezerError):
    """The body is compressed or otherwise encoded."""

    def __init__(self) -> None:
        super().__init__("The header Content-Encoding is not supported; send the body as it is")


class TooManyLists(LimitReached):
    """The project's share of a worker is in use."""


class SearchTooLong(LimitReached):
    """The store stopped a search after ``seconds``, a limit that ``options`` set. The store has not failed."""

    def __init__(self, seconds: float, options: str = "[api] max_search_time") -> None:
        super().__init__(f"The search took longer than {seconds:g} s, the limit set by {options}. Search for less")


class NotFound(FreezerError):
    """The document does not exist or belongs to another owner. The two cases are indistinguishable on purpose."""

    def __init__(self, key: str) -> None:
        super().__init__(f"No document found with ID {key}")


class AlreadyExists(FreezerError):
    """The id is taken, by the caller or by a stranger."""


class Conflict(AlreadyExists):
    """The document changed or vanished since it was read: the token is not the current one."""


class RequestTimeout(FreezerError):
    """The body of a request did not arrive in time."""


class Unprocessable(FreezerError):
    """A well-formed document refers to something that does not exist or cannot do what is asked."""


class Undelegable(FreezerError):
    """The rights that a job needs cannot be delegated to it."""


class Forbidden(FreezerError):
    """The policy refuses."""

    def __init__(self) -> None:
        super().__init__("You are not allowed to access this resource")


class Unauthorized(FreezerError):
    """Nobody vouches for the caller."""


class Unavailable(FreezerError):
    """The store cannot be reached or does not answer in time; trying again later may help."""

    def __init__(self, text: str = "The store is not available, try again later") -> None:
        super().__init__(text)


class StoreFailed(FreezerError):
    """The store answered with an error that trying again does not cure."""

    def __init__(self) -> None:
        super().__init__("The store could not do this")


class CommandError(FreezerError):
    """A command, or the start of the service, failed; the message is the one line that the operator reads."""


class ConfigurationError(CommandError):
    """The configuration is invalid; the message names the group, the option and the file."""
