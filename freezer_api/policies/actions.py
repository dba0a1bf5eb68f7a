# SPDX-License-Identifier: Apache-2.0
"""Rules for actions, which jobs refer to."""

from freezer_api.policies.roles import ADMIN_OR_MEMBER, ADMIN_OR_READER_OR_SERVICE, rule

RULES = (
    rule("actions:get_all", ADMIN_OR_READER_OR_SERVICE, "List actions.", ("GET", "/actions")),
    rule("actions:create", ADMIN_OR_MEMBER, "Create an action.", ("POST", "/actions")),
    rule("actions:get", ADMIN_OR_READER_OR_SERVICE, "Show an action.", ("GET", "/actions/{action_id}")),
    rule("actions:update", ADMIN_OR_MEMBER, "Change an action.", ("PATCH", "/actions/{action_id}")),
    rule("actions:replace", ADMIN_OR_MEMBER, "Create an action, or replace it.", ("POST", "/actions/{action_id}")),
    rule("actions:delete", ADMIN_OR_MEMBER, "Delete an action.", ("DELETE", "/actions/{action_id}")),
)
