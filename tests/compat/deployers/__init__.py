from pathlib import Path

DEPLOYERS = Path(__file__).parent
