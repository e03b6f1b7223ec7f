"""Forms of a task's arguments, made from its signature and types; no table, no page.

Owns: the way from shapes to fields to arguments to forms, and back to args and kwargs (calling).
Offers: forms.ArgumentsForm, calling, docstrings, wording, to apps with pages where people run tasks.
Listens to: nothing.
Reads: nothing.
"""
