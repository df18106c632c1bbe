"""Compiled functions: importing a module of this folder imports numba."""
