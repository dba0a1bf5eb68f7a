# SPDX-License-Identifier: Apache-2.0
"""The driver for Elasticsearch and OpenSearch: one index and alias for each kind, REST calls that both have."""
