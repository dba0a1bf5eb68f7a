# SPDX-License-Identifier: Apache-2.0
"""Real MariaDB and PostgreSQL servers on loopback, from Debian's packages."""


class Missing(Exception):
    """This machine does not have the server."""


class Failed(Exception):
    """A server did not start, or ended."""
