"""A question comes in; its corrected, whole, routed, scoped and rewritten forms go out."""
