# SPDX-License-Identifier: Apache-2.0
"""oslo.policy: the enforcer and the policy files of the operator."""
