"""What stands behind ``import npdl``: NumpyDL's interface, mapped onto npdl's components."""
