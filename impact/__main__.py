"""`python -m impact`, the same as the command `impact`."""

import sys

from impact.commands import main

sys.exit(main())
