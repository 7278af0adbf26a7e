"""Training: one loop for every model, resumable and reproducible."""
