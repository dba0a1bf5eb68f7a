# SPDX-License-Identifier: Apache-2.0
"""Schedules of jobs and sessions."""

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
"""Maximum characters of a string in a schedule, because a session's schedule is copied into each of its jobs."""


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
_STATE = ("status", "event", "result")


def triggers(schedule: Document) -> Document:
    """Return the ``schedule_*`` keys of a schedule."""
    return {key: value for key, value in schedule.items() if key.startswith(_TRIGGER)}


def retriggered(schedule: Document, source: Document) -> Document:
    """Return the schedule with its triggers replaced by those of ``source``."""
    kept = {key: value for key, value in schedule.items() if not key.startswith(_TRIGGER)}
    return {**kept, **triggers(source)}


def adopted(schedule: Document, source: Document) -> Document:
    """Return :func:`retriggered` with the ``status``, ``event`` and ``result`` that ``source`` has."""
    return {**retriggered(schedule, source), **{key: source[key] for key in _STATE if key in source}}
