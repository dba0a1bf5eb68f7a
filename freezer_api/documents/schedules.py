"""The schedule of a job, which is also that of a session."""

from freezer_api.documents.fields import (
    DATE,
    INTEGER,
    INTERVAL,
    STRING,
    YEAR,
    Document,
    Field,
    Index,
    Schema,
    enum,
)

COMPLETED = "completed"
JOB_STATUSES = ("", COMPLETED, "stop", "scheduled", "running", "aborting", "removed")
JOB_EVENTS = ("", "stop", "start", "abort", "remove")
RESULTS = ("success", "fail", "aborted")

MAX_LENGTH = 1024
"""Characters of a text in a schedule, as a session's schedule is copied into each of its jobs."""


def _short(schema: Schema) -> Schema:
    return {**schema, "maxLength": MAX_LENGTH}


SCHEDULE_FIELDS = (
    Field("status", enum(*JOB_STATUSES)),
    Field("event", enum(*JOB_EVENTS)),
    Field("result", enum("", *RESULTS)),
    Field("time_created", INTEGER, Index.LONG),
    Field("time_started", INTEGER, Index.LONG),
    Field("time_ended", INTEGER, Index.LONG),
    Field("current_pid", INTEGER, Index.LONG),
    Field("schedule_date", _short(DATE), Index.DATE),
    Field("schedule_start_date", _short(DATE), Index.DATE),
    Field("schedule_end_date", _short(DATE), Index.DATE),
    Field("schedule_interval", _short(INTERVAL)),
    Field("schedule_year", YEAR),
    *(
        Field(f"schedule_{unit}", _short(STRING))
        for unit in ("month", "day", "week", "day_of_week", "hour", "minute", "second")
    ),
)

_TRIGGER = "schedule_"
_WISHES = ("status", "event", "result")


def triggers(schedule: Document) -> Document:
    """The part of a schedule that says when: its ``schedule_*`` keys."""
    return {key: value for key, value in schedule.items() if key.startswith(_TRIGGER)}


def retriggered(schedule: Document, source: Document) -> Document:
    """The schedule with all its triggers replaced by those of ``source``, all else kept."""
    kept = {key: value for key, value in schedule.items() if not key.startswith(_TRIGGER)}
    return {**kept, **triggers(source)}


def adopted(schedule: Document, source: Document) -> Document:
    """:func:`retriggered`, and with the ``status``, ``event`` and ``result`` that ``source`` has."""
    return {**retriggered(schedule, source), **{key: source[key] for key in _WISHES if key in source}}
