# SPDX-License-Identifier: Apache-2.0
"""OpenStack Freezer's REST service: clients, jobs, actions, sessions and backup metadata."""

from importlib import metadata

__version__ = metadata.version("freezer-api")
