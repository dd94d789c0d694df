"""GPUs: what the driver reports, where a job runs, and evidence of what it used."""
