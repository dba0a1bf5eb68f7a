# SPDX-License-Identifier: Apache-2.0
"""The default policy rules: those to which others refer, and one for each operation."""

from oslo_config import cfg
from oslo_policy.policy import DocumentedRuleDefault, Enforcer, RuleDefault

from freezer_api.routes import ROUTES, ROUTES_OF_V2

ADMIN_OR_MEMBER = "rule:admin_or_owner"
ADMIN_OR_MEMBER_OR_SERVICE = "rule:admin_or_owner_or_service"
ADMIN_OR_READER_OR_SERVICE = "rule:admin_or_reader_or_service"
ADMIN_OR_SERVICE = "rule:admin_or_service"

OTHER_PROJECTS = "projects:any"
"""Checked in addition to the rule of the route if the URL names another project than the token."""

_V1, _V2 = "/v1", "/v2/{project_id}"


def _rule(name: str, check: str, description: str, *others: tuple[str, str]) -> DocumentedRuleDefault:
    """Return the rule of the routes that name it, or of ``others``: each a method and a path below v2."""
    paths = [
        (route.method, prefix + route.path)
        for route in ROUTES_OF_V2
        if route.rule == name
        for prefix in ((_V1, _V2) if route in ROUTES else (_V2,))
    ]
    paths += [(method, _V2 + path) for method, path in others]
    return DocumentedRuleDefault(
        name,
        check,
        description,
        [{"method": method, "path": path} for method, path in paths],
        scope_types=["project"],
    )


_RULES = (
    RuleDefault("context_is_admin", "role:admin", "Administrators of the cloud."),
    RuleDefault("project_member", "role:member and project_id:%(project_id)s", "Members of the project."),
    RuleDefault("project_reader", "role:reader and project_id:%(project_id)s", "Readers of the project."),
    RuleDefault("admin_or_service", "role:admin or role:service", "Administrators and service accounts."),
    RuleDefault(
        "admin_or_owner", "rule:context_is_admin or rule:project_member", "Users who may change documents."
    ),
    RuleDefault(
        "admin_or_owner_or_service",
        "rule:admin_or_service or rule:project_member",
        "Users who may change the backups that agents report.",
    ),
    RuleDefault(
        "admin_or_reader_or_service",
        "rule:admin_or_owner_or_service or rule:project_reader",
        "Users who may read documents.",
    ),
    _rule(
        OTHER_PROJECTS,
        ADMIN_OR_SERVICE,
        "Use the URL of another project than the token's. Required in addition to the rule of the operation.",
        ("*", "/*"),
    ),
    _rule("backups:get_all", ADMIN_OR_READER_OR_SERVICE, "List backups."),
    _rule("backups:create", ADMIN_OR_MEMBER_OR_SERVICE, "Report a backup."),
    _rule("backups:get", ADMIN_OR_READER_OR_SERVICE, "Show a backup."),
    _rule("backups:update", ADMIN_OR_MEMBER_OR_SERVICE, "Change a backup."),
    _rule("backups:delete", ADMIN_OR_MEMBER_OR_SERVICE, "Delete a backup."),
    _rule("clients:get_all", ADMIN_OR_READER_OR_SERVICE, "List clients."),
    _rule("clients:create", ADMIN_OR_MEMBER, "Register a client."),
    _rule(
        "clients:create_central",
        ADMIN_OR_SERVICE,
        "Register a client that runs jobs of all projects. Required in addition to clients:create.",
        ("POST", "/clients"),
    ),
    _rule("clients:get", ADMIN_OR_READER_OR_SERVICE, "Show a client."),
    _rule("clients:update", ADMIN_OR_MEMBER, "Change a client."),
    _rule("clients:delete", ADMIN_OR_MEMBER, "Delete a client."),
    _rule("jobs:get_all", ADMIN_OR_READER_OR_SERVICE, "List jobs."),
    _rule(
        "jobs:get_all_projects",
        ADMIN_OR_SERVICE,
        "List and show jobs of all projects. Without this right, users see the jobs of their project.",
        ("GET", "/jobs"),
        ("GET", "/jobs/{job_id}"),
    ),
    _rule("jobs:create", ADMIN_OR_MEMBER, "Create a job, or replace it."),
    _rule("jobs:get", ADMIN_OR_READER_OR_SERVICE, "Show a job."),
    _rule("jobs:update", ADMIN_OR_MEMBER, "Change a job."),
    _rule("jobs:delete", ADMIN_OR_MEMBER, "Delete a job."),
    _rule("jobs:event:create", ADMIN_OR_MEMBER, "Send a start, stop or abort event to a job."),
    _rule("actions:get_all", ADMIN_OR_READER_OR_SERVICE, "List actions."),
    _rule("actions:create", ADMIN_OR_MEMBER, "Create an action."),
    _rule("actions:get", ADMIN_OR_READER_OR_SERVICE, "Show an action."),
    _rule("actions:update", ADMIN_OR_MEMBER, "Change an action."),
    _rule("actions:replace", ADMIN_OR_MEMBER, "Create an action, or replace it."),
    _rule("actions:delete", ADMIN_OR_MEMBER, "Delete an action."),
    _rule("sessions:get_all", ADMIN_OR_READER_OR_SERVICE, "List sessions."),
    _rule("sessions:create", ADMIN_OR_MEMBER, "Create a session."),
    _rule("sessions:get", ADMIN_OR_READER_OR_SERVICE, "Show a session."),
    _rule("sessions:update", ADMIN_OR_MEMBER, "Change a session."),
    _rule("sessions:replace", ADMIN_OR_MEMBER, "Create a session, or replace it."),
    _rule("sessions:delete", ADMIN_OR_MEMBER, "Delete a session."),
    _rule("sessions:action:create", ADMIN_OR_MEMBER, "Start or end a job of a session."),
    _rule("sessions:job:add", ADMIN_OR_MEMBER, "Add a job to a session."),
    _rule("sessions:job:remove", ADMIN_OR_MEMBER, "Remove a job from a session."),
)


def list_rules() -> list[RuleDefault]:
    """Return all rules with their defaults, for the service and the tools of oslo.policy."""
    return list(_RULES)


def enforcer() -> Enforcer:
    """Return an enforcer with the operator's files for the tools of oslo.policy, which set up ``cfg.CONF``."""
    enforcer = Enforcer(cfg.CONF)
    enforcer.register_defaults(list_rules())
    return enforcer
