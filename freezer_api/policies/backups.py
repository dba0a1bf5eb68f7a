# SPDX-License-Identifier: Apache-2.0
"""Rules for backups, whose metadata agents report."""

from freezer_api.policies.roles import ADMIN_OR_MEMBER_OR_SERVICE, ADMIN_OR_READER_OR_SERVICE, V2, rule

RULES = (
    rule("backups:get_all", ADMIN_OR_READER_OR_SERVICE, "List backups.", ("GET", "/backups")),
    rule("backups:create", ADMIN_OR_MEMBER_OR_SERVICE, "Report a backup.", ("POST", "/backups")),
    rule("backups:get", ADMIN_OR_READER_OR_SERVICE, "Show a backup.", ("GET", "/backups/{backup_id}")),
    rule(
        "backups:update",
        ADMIN_OR_MEMBER_OR_SERVICE,
        "Change a backup.",
        ("PATCH", "/backups/{backup_id}"),
        versions=(V2,),
    ),
    rule("backups:delete", ADMIN_OR_MEMBER_OR_SERVICE, "Delete a backup.", ("DELETE", "/backups/{backup_id}")),
)
