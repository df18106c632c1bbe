"""Attention for npdl: layers that the names ``dot_product_attention`` and ``multi_head_attention`` find."""

from npdl_attention.dot_product import DotProductAttention
from npdl_attention.multi_head import MultiHeadAttention

__all__ = ["DotProductAttention", "MultiHeadAttention"]
