# SPDX-License-Identifier: Apache-2.0
"""The operations of the API: bodies, parameters, responses and errors of each route.

Routes, schemas of bodies and policy rules are those of the service. Only statuses are listed here; tests compare
them with recorded requests.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from oslo_policy.policy import RuleDefault

from freezer_api import policies
from freezer_api.api.v1 import V1
from freezer_api.api.v2 import V2
from freezer_api.documents import actions, backups, clients, fields, jobs, sessions
from freezer_api.documents.fields import Field, Schema
from freezer_api.documents.kind import Kind
from freezer_api.documents.registry import KINDS
from freezer_api.documents.schedules import RESULTS
from freezer_api.routes import Route

VERSIONS = (V1, V2)
KIND_OF = {kind.name: kind for kind in KINDS}
RULES: Mapping[str, RuleDefault] = {rule.name: rule for rule in policies.list_rules()}

KEPT_UNDER = {"backups": "backup_metadata.", "clients": "client."}
"""By kind: the path in the stored document of the properties in a body, if it is not the root."""

_TAG: Schema = {"type": ["integer", "string"]}


def _one_of(*words: str) -> Schema:
    """Return the schema of an object with exactly one of these keys."""
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
        "properties": dict.fromkeys(words, fields.ANY),
    }


def _request(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


EVENT = _one_of(*jobs.EVENTS)
ACTION: Schema = {
    **_one_of(),
    "properties": {
        "start": _request(job_id=fields.STRING, current_tag=_TAG),
        "end": _request(job_id=fields.STRING, current_tag=_TAG, result={"enum": list(RESULTS)}),
    },
}
_PAIRS: Schema = {"type": "array", "items": {"type": "object"}}
_BOUND: Schema = {"type": ["integer", "string"], "pattern": "^-?[0-9]+$"}
SEARCH: Schema = {"type": "object", "properties": {"match": _PAIRS, "match_not": _PAIRS}}
SEARCH_OF_BACKUPS: Schema = {
    **SEARCH,
    "properties": {**SEARCH["properties"], "time_after": _BOUND, "time_before": _BOUND},
}


def dropped_names(kind: Kind) -> list[str]:
    """Return the root properties that are ignored in a body, because clients send back what they received."""
    return [*sorted(kind.server_names), "_version"]


def _with(schema: Schema, *more: Field) -> Schema:
    """Return the schema of an object with additional properties."""
    added = {field.name: field.as_schema() for field in more}
    return {**schema, "properties": {**schema["properties"], **added}}


_DEFAULTS = Field("action_defaults", {"type": ["object", "null"]})
_STATUS = next(field for field in backups.BACKUPS.fields if field.name == "status")
_JOB_ID = Field("job_id", fields.ID_OR_EMPTY)


def _job(form: Schema, *more: Field) -> Schema:
    dropped = (Field(name, fields.ANY) for name in dropped_names(jobs.JOBS))
    return _with(form, *dropped, *more, _DEFAULTS)


_BODIES: Mapping[tuple[str, str], tuple[Schema | None, Schema]] = {
    ("backups", "create"): (backups.FORM.schema, _with(backups.FORM.schema, _STATUS)),
    ("backups", "patch"): (None, backups.PATCH_FORM.schema),
    ("clients", "create"): (clients.FORM.schema, clients.STRICT_FORM.schema),
    ("clients", "patch"): (clients.PATCH_FORM.schema, clients.PATCH_FORM.schema),
    ("jobs", "create"): (_job(jobs.FORM.schema), _job(jobs.STRICT_FORM.schema, _JOB_ID)),
    ("jobs", "put"): (_job(jobs.FORM.schema), _job(jobs.STRICT_FORM.schema)),
    ("jobs", "patch"): (_job(jobs.PATCH_FORM.schema), _job(jobs.STRICT_PATCH_FORM.schema)),
    ("jobs", "event"): (EVENT, EVENT),
    ("actions", "create"): (actions.FORM.schema, actions.STRICT_FORM.schema),
    ("actions", "put"): (actions.FORM.schema, actions.STRICT_FORM.schema),
    ("actions", "patch"): (actions.FORM.schema, actions.STRICT_PATCH_FORM.schema),
    ("sessions", "create"): (sessions.FORM.schema, sessions.STRICT_FORM.schema),
    ("sessions", "put"): (sessions.REPLACE_FORM.schema, sessions.STRICT_REPLACE_FORM.schema),
    ("sessions", "patch"): (sessions.FORM.schema, sessions.FORM.schema),
    ("sessions", "act"): (ACTION, ACTION),
}
"""Schemas of the bodies in v1 and v2, by resource and handler."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of the query string."""

    name: str
    schema: Schema
    meaning: str


_LIST = (
    Parameter("limit", {"type": "integer", "minimum": 1}, "Maximum number of documents; 10 by default."),
    Parameter("offset", {"type": "integer", "minimum": 0}, "Number of documents to skip."),
    Parameter("marker", fields.STRING, "Position to continue from, as in ``Link`` of the previous page."),
    Parameter("with_count", fields.BOOLEAN, "Adds ``count``, the number of all matching documents."),
    Parameter("search", fields.STRING, "The search document, for clients that cannot send a body with a GET."),
)
_ALL_PROJECTS = Parameter(
    "all_projects", fields.BOOLEAN, "Jobs of all projects if the policy allows it, else of the own project."
)

_ID_TAKEN = "A document that you cannot see has this id."
_BAD_BODY = "The body is invalid; the description names the property."
_NO_DOCUMENT = "The document does not exist, or you cannot see it."
_NO_CLIENT = "No action has this id, or the client does not support the job"

_OK, _CREATED, _ACCEPTED, _EMPTY = 200, 201, 202, 204


@dataclass(frozen=True)
class Answer:
    """The status of a successful response, and the errors that only this route returns."""

    status: int
    errors: Mapping[int, str]


_ANSWERS: Mapping[str, Answer] = {
    "search": Answer(_OK, {400: "A parameter or the search is invalid."}),
    "get": Answer(_OK, {404: _NO_DOCUMENT}),
    "delete": Answer(_EMPTY, {}),
    "create": Answer(_CREATED, {400: _BAD_BODY}),
    "put": Answer(_CREATED, {400: _BAD_BODY, 409: _ID_TAKEN}),
    "patch": Answer(_OK, {400: _BAD_BODY, 404: _NO_DOCUMENT}),
    "event": Answer(_ACCEPTED, {400: "The body is not one event.", 404: _NO_DOCUMENT}),
    "act": Answer(
        _ACCEPTED,
        {400: "The body is not one action, the job is not a member, or the tag is too high.", 404: _NO_DOCUMENT},
    ),
    "add_job": Answer(_EMPTY, {404: _NO_DOCUMENT}),
    "remove_job": Answer(_EMPTY, {404: "The session does not exist, or you cannot see it."}),
}
"""Status and errors by handler."""

_FURTHER_ERRORS: Mapping[tuple[str, str], Mapping[int, str]] = {
    ("backups", "delete"): {404: f"v2: {_NO_DOCUMENT}"},
    ("clients", "create"): {409: "A client with this id is already registered."},
    ("actions", "create"): {409: _ID_TAKEN},
    ("jobs", "create"): {409: _ID_TAKEN, 422: f"{_NO_CLIENT}; v2: the client does not exist."},
    ("jobs", "put"): {422: f"{_NO_CLIENT}; v2: the client does not exist."},
    ("jobs", "patch"): {422: f"{_NO_CLIENT}; v2: the client does not exist."},
}
"""Further errors by resource and handler."""

GENERAL_ERRORS: Mapping[int, str] = {
    401: "The token is missing or invalid.",
    403: "The policy does not allow this, or not in this project.",
    404: "The path does not exist.",
    405: "Method not allowed; ``Allow`` lists the supported methods.",
    406: "The client does not accept JSON.",
    409: "A change: other requests changed the same document repeatedly. Try again.",
    413: "The body is larger than ``[api] max_body_size``, or the document than ``[api] max_document_size``.",
    500: "The service or its store failed; see the log of the service.",
    503: "The store or Keystone does not answer. Retry after the seconds in ``Retry-After``.",
}
"""Errors that every route may return."""


@dataclass(frozen=True)
class Operation:
    """A route of one version.

    ``body`` is the schema of the request body, ``answer`` that of the response; None if there is no body.
    """

    version: str
    path: str
    route: Route
    body: Schema | None
    parameters: tuple[Parameter, ...]
    status: int
    errors: Mapping[int, str]

    @property
    def kind(self) -> Kind:
        return KIND_OF[self.route.resource]

    @property
    def rule(self) -> RuleDefault:
        return RULES[self.route.rule]

    @property
    def answer(self) -> Schema | None:
        """Return the schema of the response body, or None."""
        if (self.route.resource, self.route.handler) == ("backups", "patch"):
            return _document(self.kind)
        return _ANSWERED[self.route.handler](self.kind)


def _document(kind: Kind) -> Schema:
    return {"type": "object", "required": [kind.id_field] if kind.keyed_by_id else ["client"]}


def _page(kind: Kind) -> Schema:
    items = {"type": "array", "items": _document(kind)}
    return {
        "type": "object",
        "required": [kind.name],
        "properties": {kind.name: items, "count": fields.INTEGER},
        "additionalProperties": False,
    }


def _named(kind: Kind) -> Schema:
    return _request(**{kind.id_field: fields.STRING})


def _versioned(kind: Kind) -> Schema:
    return _request(**{kind.id_field: fields.STRING, "version": fields.INTEGER})


_ANSWERED: Mapping[str, Callable[[Kind], Schema | None]] = {
    "search": _page,
    "get": _document,
    "delete": lambda _kind: None,
    "create": _named,
    "put": _versioned,
    "patch": _versioned,
    "event": lambda _kind: _request(result=fields.STRING),
    "act": lambda _kind: _request(result=fields.STRING, session_tag=fields.INTEGER),
    "add_job": lambda _kind: None,
    "remove_job": lambda _kind: None,
}
"""Functions from a kind to the schema of the response, by handler."""


def operations() -> Iterator[Operation]:
    """Yield every route of every version."""
    for number, version in enumerate(VERSIONS):
        for route in version.routes:
            yield _operation(version.mount[1:], version.prefix, number, route)


def _operation(version: str, prefix: str, number: int, route: Route) -> Operation:
    key = (route.resource, route.handler)
    answer = _ANSWERS[route.handler]
    made = Operation(
        version=version,
        path=prefix + route.path,
        route=route,
        body=_BODIES[key][number] if key in _BODIES else None,
        parameters=(),
        status=answer.status,
        errors={**answer.errors, **_FURTHER_ERRORS.get(key, {})},
    )
    return _as_list(made) if route.handler == "search" else made


def _as_list(operation: Operation) -> Operation:
    of_all = (_ALL_PROJECTS,) if (operation.version, operation.route.resource) == ("v2", "jobs") else ()
    search = SEARCH_OF_BACKUPS if operation.kind.epoch_path else SEARCH
    return replace(operation, body=search, parameters=_LIST + of_all)


def find(method: str, path: str) -> dict[str, Operation]:
    """Return the operations of a method and a path by version. Raise ``LookupError`` if there is none."""
    found = {one.version: one for one in operations() if (one.route.method, one.route.path) == (method, path)}
    if not found:
        raise LookupError(f"no route {method} {path}")
    return found
