"""The command line of the suite; see `anymodal --help`."""

from anymodal.version import __version__

__all__ = ["__version__"]
