"""Learning from preferences: pairs of a better and a worse answer, and the objectives that learn from them."""
