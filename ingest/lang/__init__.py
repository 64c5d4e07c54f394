"""The Logstash pipeline language: field references, sprintf, grammar, conditions."""
