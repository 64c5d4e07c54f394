"""The shipper's configuration: Filebeat's ``filebeat.yml``, read into `shipper.settings`."""
