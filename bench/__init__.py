"""Side-by-side measurements; each prints its figures and writes them to bench/results/. See docs/benchmarks.md."""
