# SPDX-License-Identifier: Apache-2.0
"""Sessions of jobs that start together: the state machine of their runs, and membership.

A run begins when the start of a member increments ``session_tag``, and ends when every member has ended it.
``EARLIER`` lists the members that have not joined the current run: their entries are those of an earlier run.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from freezer_api.documents.fields import (
    ANY,
    EPOCH_OR_EMPTY,
    ID,
    INTEGER,
    LONG_MAX,
    LONG_MIN,
    STRING,
    TEXT_OR_NULL,
    Document,
    Field,
    Index,
)
from freezer_api.documents.json_codec import size
from freezer_api.documents.kind import OWNERS, Kind, dropped, object_at
from freezer_api.documents.schedules import COMPLETED, RESULTS, SCHEDULE_FIELDS, triggers
from freezer_api.documents.search_index import is_digits
from freezer_api.documents.validation import Form
from freezer_api.errors import Invalid

DEFAULT_HOLD_OFF = 30
"""The default hold-off of new sessions, in seconds."""
STORED_HOLD_OFF = 60
"""The hold-off of stored sessions without one, in seconds."""
NEVER_STARTED = 0
"""A session whose ``time_start`` is not above this has never started."""
MAX_CLOCK_DIFFERENCE = 300
"""Seconds that ``time_start`` may be in the future, because clocks of processes differ or are set back."""
EARLIER = "_earlier"
"""The ids of members that have not joined the current run; never shown."""
RUNNING = "running"
FAILED = "fail"
SUCCESS = "success"

_ENTRY_FIELDS = (
    Field("client_id", STRING),
    Field("status", STRING),
    Field("result", TEXT_OR_NULL),
    Field("time_started", EPOCH_OR_EMPTY),
    Field("time_ended", EPOCH_OR_EMPTY),
)
_ENTRY_NAMES = frozenset(field.name for field in _ENTRY_FIELDS)
_ENTRIES = {"type": "object", "additionalProperties": Field("entry", fields=_ENTRY_FIELDS).as_schema()}

_ADDED = ("session_tag", "hold_off", "time_start", "time_end", "time_started", "time_ended")
MAX_ENTRY_SIZE = 1024
"""Bytes of an entry, with the member's id, that the service itself may write."""


def _sent(session: Document) -> Document:
    entries = {key: entry for key, entry in members(session).items() if not _is_added(key, entry)}
    return {**dropped(session, (*SESSIONS.server_names, *_ADDED)), "jobs": entries}


def _is_added(key: str, entry: Document) -> bool:
    """Return whether the service itself may have written the entry."""
    return _ENTRY_NAMES.issuperset(entry) and size({key: entry}) <= MAX_ENTRY_SIZE


SESSIONS = Kind(
    name="sessions",
    title="Session",
    id_field="session_id",
    fields=(
        Field("session_id", ID, server=True),
        Field("user_id", ID, server=True),
        Field("project_id", ID, server=True, hidden=True),
        Field("session_tag", INTEGER, Index.LONG),
        Field("schedule", fields=SCHEDULE_FIELDS, closed=True),
        Field("description", TEXT_OR_NULL, Index.TEXT),
        Field("hold_off", {**INTEGER, "minimum": 0}, Index.LONG),
        Field("status", STRING),
        Field("result", TEXT_OR_NULL),
        Field("time_start", INTEGER, Index.LONG),
        Field("time_end", INTEGER, Index.LONG),
        Field("time_started", INTEGER, Index.LONG),
        Field("time_ended", INTEGER, Index.LONG),
        Field("last_start", STRING),
        Field("jobs", _ENTRIES, Index.MEMBERS),
        Field(EARLIER, ANY, Index.OFF, server=True, hidden=True),
    ),
    levels=(("",), ("", "schedule")),
    hot=OWNERS,
    sent=_sent,
    counted=("jobs", "jobs", "max_session_jobs"),
)

FORM = Form(SESSIONS.fields)
STRICT_FORM = Form(SESSIONS.fields, required=("schedule",))
REPLACE_FORM = Form(SESSIONS.fields, required=("session_tag",))
STRICT_REPLACE_FORM = Form(SESSIONS.fields, required=("session_tag", "schedule"))
_DROPPED = (*SESSIONS.server_names, "_version")


class Start(NamedTuple):
    """The request of a member to start; ``current_tag``: the tag of the last run that the member knows."""

    job_id: str
    current_tag: int


class End(NamedTuple):
    """The end of a member in the run ``current_tag`` with ``result``, one of ``RESULTS``."""

    job_id: str
    result: str
    current_tag: int | None = None


def new(body: Document, form: Form = FORM) -> Document:
    """Validate a body, and return a new session without id and owner."""
    given = dropped(body, (*_DROPPED, "jobs", "status", "last_start"))
    form.check(given)
    filled = {"session_tag": 0, "hold_off": DEFAULT_HOLD_OFF, "schedule": {}, **given}
    return {**filled, "status": "active", "last_start": "", "jobs": {}}


def replacement(body: Document, old: Document | None = None, form: Form = REPLACE_FORM) -> Document:
    """Validate a body, and return the session that replaces ``old``; only ``EARLIER`` is kept."""
    document = dropped(body, _DROPPED)
    if isinstance(document.get("jobs"), list):
        document["jobs"] = {}
    form.check(document)
    filled = {"hold_off": DEFAULT_HOLD_OFF, "status": "active", "schedule": {}, "jobs": {}, **document}
    return _with_earlier(filled, _earlier(old or {}) & filled["jobs"].keys())


def patch_of(body: Document) -> Document:
    """Validate a PATCH. Return it without properties that only the service sets and without a list in ``jobs``."""
    patch = dropped(body, _DROPPED)
    if isinstance(patch.get("jobs"), list):
        del patch["jobs"]
    FORM.check(patch)
    return patch


def members(session: Document) -> Document:
    """Return the entries of the session by job id."""
    return object_at(session, "jobs")


def tag_of(session: Document) -> int:
    """Return the tag of the session's current run."""
    return _integer_at(session, "session_tag", 0)


def _integer_at(session: Document, name: str, default: int) -> int:
    value = session.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def with_member(session: Document, job: Document) -> Document:
    """Return the session with a new or updated entry of the job.

    A job that was completed before it became a member does not join the current run.
    """
    job_id, schedule = job["job_id"], object_at(job, "job_schedule")
    seen = {key: schedule.get(key, "") for key in ("status", "result", "time_started", "time_ended")}
    entry = {"client_id": job.get("client_id", ""), **seen}
    new = {**session, "jobs": {**members(session), job_id: entry}}
    had_ended = members(session).get(job_id, {}).get("status") == COMPLETED
    if session.get("status") == RUNNING and entry["status"] == COMPLETED and not had_ended:
        return _with_earlier(new, _earlier(session) | {job_id})
    return new


def without_member(session: Document, job_id: str, now: int) -> Document:
    """Return the session without the job's entry; the run ends if all others have. ``now`` in epoch seconds."""
    if job_id not in members(session):
        return session
    jobs = dropped(members(session), (job_id,))
    left = _with_earlier({**session, "jobs": jobs}, _earlier(session) - {job_id})
    return _settled(left, now) if jobs and session.get("status") == RUNNING else left


def retriggers(old: Document, new: Document) -> bool:
    """Return whether the triggers of the session's jobs change from ``old`` to ``new``."""
    return triggers(object_at(old, "schedule")) != triggers(object_at(new, "schedule"))


def started(session: Document, request: Start, now: int) -> tuple[Document, str]:
    """Return the session after a member's start, and the result for the response. ``now``: epoch seconds.

    After the hold-off window a start with the current tag begins a new run, and one with an older tag is out of
    sync. Within the window a start with the current tag is held off, and one with an older tag joins the run.
    Raises ``Invalid`` if the job is not a member or the tag is higher than the session's.
    """
    _check_member(session, request.job_id)
    tag = tag_of(session)
    if request.current_tag > tag:
        shown = request.current_tag if request.current_tag <= LONG_MAX else "beyond 64 bits"
        raise Invalid(f"requested tag value too high. Session Tag: {tag} Job Tag: {shown}")
    is_current = request.current_tag == tag
    if not _in_window(session, now):
        return (_new_run(session, request.job_id, now), "success") if is_current else (session, "out-of-sync")
    return (session, "hold-off") if is_current else (_joined_run(session, request.job_id, now), "success")


def _in_window(session: Document, now: int) -> bool:
    begun = _integer_at(session, "time_start", NEVER_STARTED)
    age = now - begun
    if begun <= NEVER_STARTED or age < -MAX_CLOCK_DIFFERENCE:
        return False
    return max(age, 0) <= _integer_at(session, "hold_off", STORED_HOLD_OFF)


def _new_run(session: Document, job_id: str, now: int) -> Document:
    run = tag_of(session) + 1
    if run > LONG_MAX:
        raise Invalid("session_tag has reached its maximum")
    begun = {**session, "session_tag": run, "time_start": now, "status": RUNNING, "result": ""}
    return _joined_run(_with_earlier(begun, members(session).keys()), job_id, now)


def _joined_run(session: Document, job_id: str, now: int) -> Document:
    entries = members(session)
    entry = {**entries[job_id], "status": RUNNING, "result": "", "time_started": now}
    return _with_earlier({**session, "jobs": {**entries, job_id: entry}}, _earlier(session) - {job_id})


def ended(session: Document, request: End, now: int) -> Document:
    """Return the session after a member's end at ``now`` (epoch seconds). Raises ``Invalid`` if it is no member.

    A member of the current run ends it with any tag, another member only with the current tag: the late end of an
    earlier run does not affect the current one.
    """
    job_id, entries = request.job_id, members(session)
    _check_member(session, job_id)
    entry = {**entries[job_id], "status": COMPLETED, "result": request.result, "time_ended": now}
    new = {**session, "jobs": {**entries, job_id: entry}}
    if request.current_tag == tag_of(session):
        new = _with_earlier(new, _earlier(session) - {job_id})
    return _settled(new, now)


def _settled(session: Document, now: int) -> Document:
    """Complete the session if every member has ended the current run.

    A completed session stays completed; a later failure still changes its result from success to failure.
    """
    entries = members(session).values()
    if _earlier(session) or any(entry.get("status") != COMPLETED for entry in entries):
        return session
    result = SUCCESS if all(entry.get("result") == SUCCESS for entry in entries) else FAILED
    if session.get("status") != COMPLETED:
        return {**session, "time_end": now, "result": result, "status": COMPLETED}
    return {**session, "result": FAILED} if result == FAILED else session


def _earlier(session: Document) -> set[str]:
    return set(session.get(EARLIER, ()))


def _with_earlier(session: Document, job_ids: Collection[str]) -> Document:
    return {**session, EARLIER: sorted(job_ids)}


def _check_member(session: Document, job_id: str) -> None:
    if job_id not in members(session):
        raise Invalid("job_id not found in session")


BAD_ACTION = "Bad action request format"


def action_of(body: Document) -> Start | End:
    """Return the session action in a body, whose only key is ``start`` or ``end``."""
    if len(body) != 1:
        raise Invalid(BAD_ACTION)
    ((name, parameters),) = body.items()
    if name not in ("start", "end"):
        raise Invalid("Bad Action Method")
    if not isinstance(parameters, dict):
        raise Invalid(f"{BAD_ACTION}: '{name}' should be an object")
    job_id, tag = parameters.get("job_id"), _tag_of(parameters.get("current_tag"))
    if not isinstance(job_id, str):
        raise Invalid(f"{BAD_ACTION}: 'job_id' should be a string")
    if tag is None:
        raise Invalid(f"{BAD_ACTION}: 'current_tag' should be an integer")
    if name == "start":
        return Start(job_id, tag)
    if parameters.get("result") not in RESULTS:
        raise Invalid(f"{BAD_ACTION}: 'result' should be one of {', '.join(RESULTS)}")
    return End(job_id, parameters["result"], tag)


def _tag_of(value: Any) -> int | None:
    if isinstance(value, str) and is_digits(value.removeprefix("-")) and len(value) <= len(str(LONG_MIN)):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
