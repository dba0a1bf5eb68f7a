# SPDX-License-Identifier: Apache-2.0
"""`make bench`: compare the cost of requests with a Falcon hello-world and with bare calls to the store."""
