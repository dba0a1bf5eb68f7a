# SPDX-License-Identifier: Apache-2.0
"""Import of documents that the original service stored: read, repair, and write to the store."""
