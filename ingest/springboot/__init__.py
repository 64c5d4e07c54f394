"""What Spring Boot writes: the parts of its log lines, each read by one module."""
