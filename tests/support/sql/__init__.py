# SPDX-License-Identifier: Apache-2.0
"""Real MariaDB and PostgreSQL servers on loopback, from Debian's packages."""


class Missing(Exception):
    """The server is not installed on this machine."""


class Failed(Exception):
    """A server did not start, or it ended unexpectedly."""
