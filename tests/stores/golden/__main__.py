"""python -m tests.stores.golden ENGINE VERSION URL: writes the file of one server anew."""

import sys

from tests.stores.golden import write

if __name__ == "__main__":
    write(*sys.argv[1:4])
