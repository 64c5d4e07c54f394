"""``filebeat.autodiscover``: inputs for containers, made when they appear, of templates or of their labels."""
