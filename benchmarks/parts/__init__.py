"""Parts of the table: each module has `rows(bench)`, and `NOTE`, which says what they mean."""
