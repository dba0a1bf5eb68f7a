# SPDX-License-Identifier: Apache-2.0
"""The rules to which other rules refer."""

from oslo_policy.policy import DocumentedRuleDefault, RuleDefault

ADMIN_OR_MEMBER = "rule:admin_or_owner"
ADMIN_OR_MEMBER_OR_SERVICE = "rule:admin_or_owner_or_service"
ADMIN_OR_READER_OR_SERVICE = "rule:admin_or_reader_or_service"
ADMIN_OR_SERVICE = "rule:admin_or_service"

OTHER_PROJECTS = "projects:any"
"""Checked in addition to the rule of the route if the URL names another project than the token."""

RULES = (
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
    DocumentedRuleDefault(
        OTHER_PROJECTS,
        ADMIN_OR_SERVICE,
        "Use the URL of another project than the token's. Required in addition to the rule of the operation.",
        [{"method": "*", "path": "/v2/{project_id}/*"}],
        scope_types=["project"],
    ),
)

V1, V2 = "/v1", "/v2/{project_id}"


def rule(
    name: str,
    check: str,
    description: str,
    *operations: tuple[str, str],
    versions: tuple[str, ...] = (V1, V2),
) -> DocumentedRuleDefault:
    """Return a rule for operations: each is a method and a path below the version."""
    return DocumentedRuleDefault(
        name,
        check,
        description,
        [{"method": method, "path": prefix + path} for method, path in operations for prefix in versions],
        scope_types=["project"],
    )
