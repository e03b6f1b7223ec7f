"""The ledger's stream in Redis: every change of a job's state, in the order Redis accepted it.

Written by the result backend (`scripts`), by publishers (`noting`) and read by the recorder. It lies in
the database of the results, so that one script can store a result and append to it.
"""
