"""Small measurements of single parts; each module says how it is run."""
