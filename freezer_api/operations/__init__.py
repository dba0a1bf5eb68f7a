# SPDX-License-Identifier: Apache-2.0
"""Operations of callers within a scope, independent of HTTP, API version and store."""
