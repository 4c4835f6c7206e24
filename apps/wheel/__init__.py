"""The programs of ArmoRM. There is no Python interface: run them by name, or as `python -m armorm PROGRAM`."""

from armorm._build import VERSION as __version__

__all__ = ["__version__"]
