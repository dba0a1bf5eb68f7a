# SPDX-License-Identifier: Apache-2.0
"""Start the servers for tests: real processes on loopback, each on its own port."""
