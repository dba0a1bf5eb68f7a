"""Who may do what: the defaults of oslo.policy, one module for each kind, with the rules that they share."""

import itertools

from oslo_config import cfg
from oslo_policy.policy import Enforcer, RuleDefault

from freezer_api.policies import actions, backups, clients, jobs, roles, sessions


def list_rules() -> list[RuleDefault]:
    """Every rule with its default, for the service and for the tools of oslo.policy."""
    modules = (roles, backups, clients, jobs, actions, sessions)
    return list(itertools.chain.from_iterable(module.RULES for module in modules))


def enforcer() -> Enforcer:
    """The rules with the operator's files, for the tools of oslo.policy; ``cfg.CONF`` is what those fill."""
    made = Enforcer(cfg.CONF)
    made.register_defaults(list_rules())
    return made
