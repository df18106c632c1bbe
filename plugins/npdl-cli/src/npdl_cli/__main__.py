"""``python -m npdl_cli`` is ``npdl``."""

from __future__ import annotations

from npdl_cli.main import main

if __name__ == "__main__":
    main()
