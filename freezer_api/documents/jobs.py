# SPDX-License-Identifier: Apache-2.0
"""Jobs: the actions of a client, and their schedule."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from freezer_api.documents import schedules
from freezer_api.documents.actions import DEFINITION_FIELDS, RETRY_FIELDS, STRICT_DEFINITION, sent
from freezer_api.documents.fields import (
    ANY,
    CLIENT_ID,
    ID,
    ID_OR_EMPTY,
    INTEGER,
    TEXT_OR_NULL,
    Document,
    Field,
    Index,
)
from freezer_api.documents.json_codec import size
from freezer_api.documents.kind import OWNERS, HotList, Kind, dropped, object_at
from freezer_api.documents.limits import Limits
from freezer_api.documents.schedules import COMPLETED, SCHEDULE_FIELDS
from freezer_api.documents.validation import Form
from freezer_api.errors import Invalid

EVENTS = ("start", "stop", "abort")

TRUST = "user_credentials.trust_id"
"""The path of the id of the Keystone trust with which a central client runs the job."""

PENDING = "_membership_pending"
"""The ids of the sessions that a change of the job's membership still has to update. Of these, the session in
``session_id`` has to get an entry of the job; the others have to lose theirs. Never shown.
"""

_SCHEDULE_FIELDS = tuple(
    replace(field, index=Index.ASIDE) if field.name == "current_pid" else field for field in SCHEDULE_FIELDS
)

_ADDED = ("session_id", "session_tag", "job_schedule")
"""The properties of bounded size that events, sessions and schedulers change."""


def _sent(job: Document) -> Document:
    document = dropped(job, (*JOBS.server_names, *_ADDED))
    if isinstance(job.get("job_actions"), list):
        document["job_actions"] = [sent(item) if isinstance(item, dict) else item for item in job["job_actions"]]
    return document


_NOT_COMPLETED = ("job_schedule.status", COMPLETED)

JOBS = Kind(
    name="jobs",
    title="Job",
    id_field="job_id",
    fields=(
        Field("job_id", ID, server=True),
        Field("user_id", ID, server=True),
        Field("project_id", ID, server=True, hidden=True),
        Field("client_id", CLIENT_ID),
        Field("description", TEXT_OR_NULL, Index.TEXT),
        Field("session_id", ID_OR_EMPTY),
        Field("session_tag", INTEGER, Index.LONG),
        Field("session_name", TEXT_OR_NULL),
        Field(
            "job_actions",
            fields=(
                Field("freezer_action", fields=DEFINITION_FIELDS),
                Field("action_id", ID_OR_EMPTY),
                *RETRY_FIELDS,
                Field("exit_status", ANY),
                Field("user_id", ANY),
                Field("project_id", ANY, server=True, hidden=True),
            ),
            many=True,
        ),
        Field("job_schedule", fields=_SCHEDULE_FIELDS, closed=True),
        Field(PENDING, server=True, hidden=True),
        Field(
            "user_credentials",
            fields=(
                Field("trust_id", server=True, hidden=True),
                Field("trustor_user_id", index=Index.OFF, server=True, hidden=True),
            ),
            server=True,
            hidden=True,
        ),
    ),
    levels=(("",), ("job_schedule",), ("job_actions", "job_actions.freezer_action")),
    hot=(
        HotList(()),
        *OWNERS,
        HotList(("user_id", "client_id"), excluded=_NOT_COMPLETED),
        HotList(("project_id", "client_id"), excluded=_NOT_COMPLETED),
        HotList(("client_id",), excluded=_NOT_COMPLETED),
    ),
    sent=_sent,
    counted=("job_actions", "actions", "max_job_actions"),
)

_REQUIRED = ("job_actions", "client_id")
FORM = Form(JOBS.fields, closed=True, required=_REQUIRED)
PATCH_FORM = Form(JOBS.fields, closed=True)


def _strictly(field: Field) -> Field:
    """Return the field with definitions as v2 accepts them."""
    if field.name == STRICT_DEFINITION.name:
        return STRICT_DEFINITION
    return replace(field, fields=tuple(map(_strictly, field.fields)))


_STRICT_FIELDS = tuple(map(_strictly, JOBS.fields))
STRICT_FORM = Form(_STRICT_FIELDS, closed=True, required=_REQUIRED)
STRICT_PATCH_FORM = Form(_STRICT_FIELDS, closed=True)
ID_FORM = Form((Field("job_id", ID),))

_DROPPED = (*JOBS.server_names, "_version", "interval_uint", "interval_value")
"""Properties that are dropped from bodies: set by the service, or sent by the web UI by mistake."""


def accepted(body: Document, form: Form = FORM) -> Document:
    """Validate a body after :func:`with_defaults`. Return it without properties that only the service sets."""
    document = dropped(body, _DROPPED)
    if isinstance(document.get("job_actions"), list):
        document["job_actions"] = [_without_nulls(item) for item in document["job_actions"]]
    form.check(document)
    for item in document.get("job_actions", ()):
        if "freezer_action" not in item and not item.get("action_id"):
            raise Invalid("'freezer_action' is a required property of an action without 'action_id'")
    return document


def accepted_with_id(body: Document) -> Document:
    """Validate the body of a new job as v2 does, where it may have an id."""
    job, id_ = accepted(body, STRICT_FORM), body.get("job_id")
    if id_ is None or id_ == "":
        return job
    ID_FORM.check({"job_id": id_})
    return {**job, "job_id": id_}


def _without_nulls(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    absent = [key for key in ("freezer_action", "action_id") if item.get(key) is None]
    return dropped(item, absent)


def with_defaults(document: Document, limits: Limits) -> Document:
    """Replace ``action_defaults`` by its values in each definition that lacks the key or has null.

    The size of the result is checked before anything is copied: a small body can result in a large job.
    """
    if "action_defaults" not in document:
        return document
    document = dict(document)
    defaults = document.pop("action_defaults")
    if defaults is None:
        return document
    if not isinstance(defaults, dict):
        raise Invalid("'action_defaults' should be an object")
    items = document.get("job_actions")
    if not isinstance(items, list):
        raise Invalid("'action_defaults' needs a list of 'job_actions'")
    limits.check_size(JOBS.size(document) + _growth(items, defaults), limits.max_document_size)
    document["job_actions"] = [_item_with_defaults(item, defaults) for item in items]
    return document


def _growth(items: list[Any], defaults: Document) -> int:
    """Return the number of bytes that the defaults add to the actions, without commas."""
    lengths = {key: size({key: value}) - len("{}") for key, value in defaults.items()}
    whole, growth = sum(lengths.values()), 0
    for item in items:
        growth += whole
        for key, value in _definition(item).items():
            if key in lengths:
                growth -= lengths[key] if value is not None else size({key: None})
    return growth


def _item_with_defaults(item: Any, defaults: Document) -> Document:
    definition = _definition(item)
    filled = {key: value for key, value in definition.items() if value is not None or key not in defaults}
    return {**item, "freezer_action": {**defaults, **filled}}


def _definition(item: Any) -> Document:
    definition = item.get("freezer_action") if isinstance(item, dict) else None
    if not isinstance(definition, dict):
        raise Invalid("'action_defaults' needs a 'freezer_action' in every one of 'job_actions'")
    return definition


def scheduled(job: Document, now: int, *, reset_times: bool) -> Document:
    """Return the job with a complete schedule; ``now`` in epoch seconds.

    Missing times are set; with ``reset_times`` all are. ``event`` is always set, because
    schedulers read it without a default.
    """
    schedule = object_at(job, "job_schedule")
    times = {"time_created": now, "time_started": -1, "time_ended": -1}
    complete = {**schedule, **times} if reset_times else {**times, **schedule}
    complete.setdefault("event", "")
    return {**job, "job_schedule": complete}


def definitions_of(job: Document) -> list[Document]:
    """Return the ``freezer_action`` of each action; an imported job may have none."""
    items = job.get("job_actions")
    definitions = (item.get("freezer_action") for item in items or () if isinstance(item, dict))
    return [definition for definition in definitions if isinstance(definition, dict)]


def process_of(job: Document) -> Any:
    """Return the id of the process that runs the job on its client, None if the job has none."""
    return object_at(job, "job_schedule").get("current_pid")


def without_process(job: Document) -> Document:
    return {**job, "job_schedule": dropped(object_at(job, "job_schedule"), ("current_pid",))}


BAD_EVENT = "Bad event request format"


def event_of(body: Document) -> str:
    """Return the event that a body requests, which is its only key."""
    if len(body) != 1:
        raise Invalid(BAD_EVENT)
    return next(iter(body))


def requested(job: Document, event: str) -> tuple[Document, str]:
    """Return the job with the event recorded, unchanged if it already is, and the result for the response."""
    if event not in EVENTS:
        raise Invalid("Bad Action Method")
    schedule = object_at(job, "job_schedule")
    if schedule.get("event") == event:
        return job, f"{event} already requested"
    cleared = {"status": "", "result": ""} if event == "start" else {}
    return {**job, "job_schedule": {**schedule, "event": event, **cleared}}, "success"


def joined(job: Document, session: Document) -> Document:
    """Return the job as a member of the session: with its id, tag and schedule."""
    return {
        **job,
        "session_id": session["session_id"],
        "session_tag": session.get("session_tag") or 0,
        "job_schedule": schedules.adopted(object_at(job, "job_schedule"), object_at(session, "schedule")),
    }


def retriggered(job: Document, session: Document) -> Document:
    """Return the job with the triggers of the session."""
    schedule = schedules.retriggered(object_at(job, "job_schedule"), object_at(session, "schedule"))
    return {**job, "job_schedule": schedule}


def is_bound_to(job: Document, session_id: str) -> bool:
    """Return whether the ``session_id`` of the job is this session."""
    return bool(job.get("session_id") == session_id)


def is_unbound(job: Document) -> bool:
    """Return whether the job has no ``session_id``."""
    return job.get("session_id") in ("", None)


def pending_sessions(job: Document) -> frozenset[str]:
    """Return the ids in ``PENDING``."""
    return frozenset(job.get(PENDING, ()))


def with_pending(job: Document, session_ids: Iterable[str]) -> Document:
    """Return the job with these ids in ``PENDING``."""
    pending = sorted(session_ids)
    return {**job, PENDING: pending} if pending else dropped(job, (PENDING,))


def named_sessions(job: Document) -> frozenset[str]:
    """Return a set with the ``session_id`` of the job, or an empty set."""
    session_id = job.get("session_id")
    return frozenset((session_id,)) if session_id and isinstance(session_id, str) else frozenset()


def removed_from_session(job: Document) -> Document:
    """Return the job after its removal from a session, with the event ``stop``."""
    schedule = {**object_at(job, "job_schedule"), "event": "stop"}
    return {**job, "session_id": "", "session_tag": 0, "job_schedule": schedule}


def released(job: Document) -> Document:
    """Return the job after the deletion of its session."""
    return dropped(job, ("session_id", "session_tag"))


def trust_of(job: Document) -> str | None:
    """Return the id of the job's trust, None if it has none."""
    trust_id = object_at(job, "user_credentials").get("trust_id")
    return trust_id if isinstance(trust_id, str) else None


def trustor_of(job: Document) -> Any:
    """Return the id of the user whose rights the job's trust delegates."""
    return object_at(job, "user_credentials").get("trustor_user_id")


def with_trust(job: Document, trust_id: str, trustor_user_id: str) -> Document:
    return {**job, "user_credentials": {"trust_id": trust_id, "trustor_user_id": trustor_user_id}}


def with_credentials_of(job: Document, other: Document) -> Document:
    """Return the job with the credentials of another job, or without if that has none."""
    bare = dropped(job, ("user_credentials",))
    return {**bare, "user_credentials": other["user_credentials"]} if "user_credentials" in other else bare


def with_actions(job: Document, items: Iterable[Document]) -> Document:
    return {**job, "job_actions": list(items)}
