"""Features of texts and tables by hashing; names and parameters are scikit-learn's where it has them."""

from __future__ import annotations

from esker.feature_extraction.table_hasher import TableHasher

__all__ = ["TableHasher"]
