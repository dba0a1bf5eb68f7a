# SPDX-License-Identifier: Apache-2.0
"""The five kinds of document: one definition of each, and pure functions that change documents.

The functions read no clock, generate no ids and do no I/O.
"""
