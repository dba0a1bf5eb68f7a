# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

DEPLOYERS = Path(__file__).parent
