"""Makes reports as files: from any app's `reports.py` to HTML, CSV and XLSX.

Owns: Report (one generated file with its state), the formats, the pages under /reports/.
Offers: the task generate_report_task, `contract.ReportDefinition`, the command generate_report.
Listens to: nothing; it publishes report.ready, and finds what apps list as REPORTS in their `reports.py`.
Reads: MEDIA_ROOT and STORAGES through Django's default storage, TIME_ZONE.
"""
