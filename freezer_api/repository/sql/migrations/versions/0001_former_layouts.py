# SPDX-License-Identifier: Apache-2.0
"""One version for all layouts before the first release; 0006 upgrades from each of them."""

revision = "0001"
down_revision = None


def upgrade():
    """Do nothing."""
