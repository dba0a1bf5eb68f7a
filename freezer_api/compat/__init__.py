# SPDX-License-Identifier: Apache-2.0
"""Support for the names and the data of older releases: paste files (:mod:`paste`), databases (:mod:`legacy`)."""
