"""The run forms: from a task's signature and types to a form, and from the form to a job.

`shapes` (what an argument looks like) -> `fields` (how it is typed in) -> `arguments` (one argument
of the form) -> `calling` (args and kwargs) -> `forms`. Beside them `docstrings` and `wording`.
"""
