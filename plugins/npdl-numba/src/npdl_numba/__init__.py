"""npdl-numba: compiled kernels in place of npdl's NumPy references; numba is imported when one first runs."""

__all__: list[str] = []
