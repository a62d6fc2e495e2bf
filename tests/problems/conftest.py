"""The module of a user's own models can be imported, here and by the training process."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
