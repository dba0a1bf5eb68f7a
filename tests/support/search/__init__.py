"""Real Elasticsearch and OpenSearch servers on loopback, assembled from Maven artefacts. See README.rst."""


class Missing(Exception):
    """This machine lacks what the server needs: a JDK, Maven, or the way to download the artefacts."""


class Failed(Exception):
    """A server did not do what it was started for."""
