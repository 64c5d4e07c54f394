"""Logs of OpenTelemetry's protocol (OTLP): how requests are read, and which fields of ECS their records become."""
