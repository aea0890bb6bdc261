"""The version, here and nowhere else: the build, the package and the command line read it from this line."""

__version__ = "0.1.0"
