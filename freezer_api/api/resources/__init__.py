# SPDX-License-Identifier: Apache-2.0
"""What each route does: read the body, ask the operation, show the outcome. Shared by all versions."""
