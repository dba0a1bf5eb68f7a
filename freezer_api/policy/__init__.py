"""oslo.policy: the enforcer and the policy files of the operator."""
