"""Readers of file formats: bounded, strict, and free of pickles."""

from __future__ import annotations

__all__: list[str] = []
