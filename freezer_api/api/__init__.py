# SPDX-License-Identifier: Apache-2.0
"""The Falcon application, which maps HTTP requests to operations and their results to responses."""
