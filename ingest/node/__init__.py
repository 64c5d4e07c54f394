"""Several pipelines in one process, and the files that say which: pipelines.yml and logstash.yml."""
