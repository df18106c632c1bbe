"""Makes the modules with right and wrong components importable."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
