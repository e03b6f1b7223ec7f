"""Imports, syncs and pipelines: rows of files and of other sites, kept as records of datasets.

Owns: Dataset, Record, Import, RowError, Source, and the file formats.
Offers: batch_import_task, sync_data_task, download_task, process_task, upload_task; start_pipeline.
Listens to: nothing; it publishes data.import.finished.
Reads: IMPORT_MAX_BYTES, IMPORT_LARGE_BYTES, SYNC_ALLOWED_HOSTS.
"""
