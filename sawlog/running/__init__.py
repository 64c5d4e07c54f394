"""What puts shipper, ingest, store and page together into running programs; it knows them all."""
