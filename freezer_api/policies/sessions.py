# SPDX-License-Identifier: Apache-2.0
"""Rules for sessions, which group jobs that start together."""

from freezer_api.policies.roles import ADMIN_OR_MEMBER, ADMIN_OR_READER_OR_SERVICE, rule

RULES = (
    rule("sessions:get_all", ADMIN_OR_READER_OR_SERVICE, "List sessions.", ("GET", "/sessions")),
    rule("sessions:create", ADMIN_OR_MEMBER, "Create a session.", ("POST", "/sessions")),
    rule("sessions:get", ADMIN_OR_READER_OR_SERVICE, "Show a session.", ("GET", "/sessions/{session_id}")),
    rule("sessions:update", ADMIN_OR_MEMBER, "Change a session.", ("PATCH", "/sessions/{session_id}")),
    rule(
        "sessions:replace", ADMIN_OR_MEMBER, "Create a session, or replace it.", ("POST", "/sessions/{session_id}")
    ),
    rule("sessions:delete", ADMIN_OR_MEMBER, "Delete a session.", ("DELETE", "/sessions/{session_id}")),
    rule(
        "sessions:action:create",
        ADMIN_OR_MEMBER,
        "Start or end a job of a session.",
        ("POST", "/sessions/{session_id}/action"),
    ),
    rule(
        "sessions:job:add",
        ADMIN_OR_MEMBER,
        "Add a job to a session.",
        ("PUT", "/sessions/{session_id}/jobs/{job_id}"),
    ),
    rule(
        "sessions:job:remove",
        ADMIN_OR_MEMBER,
        "Remove a job from a session.",
        ("DELETE", "/sessions/{session_id}/jobs/{job_id}"),
    ),
)
