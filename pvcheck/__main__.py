"""``python -m pvcheck``."""

import sys

from pvcheck.cli.main import main

sys.exit(main())
