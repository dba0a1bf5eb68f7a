"""Who may do what: the defaults of oslo.policy, one module for each kind, with the rules that they share."""

import itertools

from oslo_policy.policy import RuleDefault

from freezer_api.policies import actions, backups, clients, jobs, roles, sessions


def list_rules() -> list[RuleDefault]:
    """Every rule with its default, for the service and for the tools of oslo.policy."""
    modules = (roles, backups, clients, jobs, actions, sessions)
    return list(itertools.chain.from_iterable(module.RULES for module in modules))
