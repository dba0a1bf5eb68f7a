# SPDX-License-Identifier: Apache-2.0
"""How the servers that tests talk to are started: real processes on loopback, each on a port of its own."""
