# SPDX-License-Identifier: Apache-2.0
"""Real Elasticsearch and OpenSearch servers on loopback, assembled from Maven artefacts. See README.rst."""


class Missing(Exception):
    """This machine lacks a JDK, Maven, or access to the artefacts."""


class Failed(Exception):
    """A server failed to start, or it ended unexpectedly."""
