"""The shipper's processors and conditions: Filebeat's ``processors`` as functions over lists of events."""
