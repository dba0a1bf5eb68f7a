# SPDX-License-Identifier: Apache-2.0
"""Storage of documents: the guarantees (``protocol``), the queries (``query``), and the drivers."""
