# SPDX-License-Identifier: Apache-2.0
"""Rules for clients, the machines that run jobs."""

from freezer_api.policies.roles import (
    ADMIN_OR_MEMBER,
    ADMIN_OR_READER_OR_SERVICE,
    ADMIN_OR_SERVICE,
    V2,
    rule,
)

RULES = (
    rule("clients:get_all", ADMIN_OR_READER_OR_SERVICE, "List clients.", ("GET", "/clients")),
    rule("clients:create", ADMIN_OR_MEMBER, "Register a client.", ("POST", "/clients")),
    rule(
        "clients:create_central",
        ADMIN_OR_SERVICE,
        "Register a client that runs jobs of all projects. Required in addition to clients:create.",
        ("POST", "/clients"),
        versions=(V2,),
    ),
    rule("clients:get", ADMIN_OR_READER_OR_SERVICE, "Show a client.", ("GET", "/clients/{client_id}")),
    rule("clients:update", ADMIN_OR_MEMBER, "Change a client.", ("PATCH", "/clients/{client_id}")),
    rule("clients:delete", ADMIN_OR_MEMBER, "Delete a client.", ("DELETE", "/clients/{client_id}")),
)
