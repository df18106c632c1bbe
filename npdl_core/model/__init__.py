"""Models: a chain of layers, a graph of layers, and the loop that trains both."""

from npdl_core.model.graph import Graph
from npdl_core.model.history import History
from npdl_core.model.model import Model
from npdl_core.model.network import Network

__all__ = ["Graph", "History", "Model", "Network"]
