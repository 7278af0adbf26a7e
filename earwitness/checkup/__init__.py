"""What would stop the pipeline, and what it would take: known in seconds, before hours."""
