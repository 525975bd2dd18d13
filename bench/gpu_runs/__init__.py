"""What bench/gpu.py runs: models, data and sides, the steps, the page."""
