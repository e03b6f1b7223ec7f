"""How the engine's history is browsed in the admin: lists that stay fast on millions of rows.

`lists` has the parts of a list, `columns` what stands in it; `admin` puts them together.
"""
