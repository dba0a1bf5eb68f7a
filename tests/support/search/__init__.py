# SPDX-License-Identifier: Apache-2.0
"""Real Elasticsearch and OpenSearch servers on loopback, assembled from Maven artefacts. See README.rst."""


class Missing(Exception):
    """No suitable JDK, no Maven, or no access to the artefacts on this machine."""


class Failed(Exception):
    """A server failed to start, or it ended unexpectedly."""
