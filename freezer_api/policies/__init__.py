# SPDX-License-Identifier: Apache-2.0
"""The default policy rules: a module for each kind of document, and ``roles`` with the shared rules."""

import itertools

from oslo_config import cfg
from oslo_policy.policy import Enforcer, RuleDefault

from freezer_api.policies import actions, backups, clients, jobs, roles, sessions


def list_rules() -> list[RuleDefault]:
    """Return all rules with their defaults, for the service and the tools of oslo.policy."""
    modules = (roles, backups, clients, jobs, actions, sessions)
    return list(itertools.chain.from_iterable(module.RULES for module in modules))


def enforcer() -> Enforcer:
    """Return an enforcer with the operator's files for the tools of oslo.policy, which set up ``cfg.CONF``."""
    enforcer = Enforcer(cfg.CONF)
    enforcer.register_defaults(list_rules())
    return enforcer
