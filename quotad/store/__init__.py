"""The only package that speaks Redis. ``interface`` is the contract, ``memory_store`` its reference."""
