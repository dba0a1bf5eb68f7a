# SPDX-License-Identifier: Apache-2.0
"""Rules for jobs, which clients run."""

from freezer_api.policies.roles import (
    ADMIN_OR_MEMBER,
    ADMIN_OR_READER_OR_SERVICE,
    ADMIN_OR_SERVICE,
    V2,
    rule,
)

RULES = (
    rule("jobs:get_all", ADMIN_OR_READER_OR_SERVICE, "List jobs.", ("GET", "/jobs")),
    rule(
        "jobs:get_all_projects",
        ADMIN_OR_SERVICE,
        "List and show jobs of all projects. Without this right, users see the jobs of their project.",
        ("GET", "/jobs"),
        ("GET", "/jobs/{job_id}"),
        versions=(V2,),
    ),
    rule(
        "jobs:create",
        ADMIN_OR_MEMBER,
        "Create a job, or replace it.",
        ("POST", "/jobs"),
        ("POST", "/jobs/{job_id}"),
    ),
    rule("jobs:get", ADMIN_OR_READER_OR_SERVICE, "Show a job.", ("GET", "/jobs/{job_id}")),
    rule("jobs:update", ADMIN_OR_MEMBER, "Change a job.", ("PATCH", "/jobs/{job_id}")),
    rule("jobs:delete", ADMIN_OR_MEMBER, "Delete a job.", ("DELETE", "/jobs/{job_id}")),
    rule(
        "jobs:event:create",
        ADMIN_OR_MEMBER,
        "Send a start, stop or abort event to a job.",
        ("POST", "/jobs/{job_id}/event"),
    ),
)
