"""Storage of documents: the guarantees (``protocol``), the queries (``query``), and the drivers."""
