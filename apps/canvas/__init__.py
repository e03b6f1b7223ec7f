"""Canvas: chains, groups, chords and callbacks, seen as one tree, and chords whose body never comes.

Owns: a row for each chord. Adds to the result backend: it tells of chords, and names what fails with one.
Offers: `tree.tree_of(job)`, for the job page and `manage.py job show`.
Duties: `canvas.chords`, which settles stuck chords.
Listens to: nothing.
"""
