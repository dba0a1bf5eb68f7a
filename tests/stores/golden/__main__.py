# SPDX-License-Identifier: Apache-2.0
"""python -m tests.stores.golden ENGINE URL: write the file of one engine again."""

import sys

from tests.stores.golden import write

if __name__ == "__main__":
    write(*sys.argv[1:3])
