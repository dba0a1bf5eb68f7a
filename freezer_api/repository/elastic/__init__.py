"""The driver for Elasticsearch and OpenSearch: an index per kind behind an alias, REST calls that both have."""
