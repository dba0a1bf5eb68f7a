# SPDX-License-Identifier: Apache-2.0
"""The driver for Elasticsearch and OpenSearch. It has one index and alias for each kind of document."""
