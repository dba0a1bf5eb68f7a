# SPDX-License-Identifier: Apache-2.0
"""The five kinds of document: one definition of each, and pure functions that change documents.

Nothing here reads a clock, generates an id or does I/O.
"""
