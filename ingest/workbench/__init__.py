"""The grok workbench: from sample lines to an expression, and to a filter that is tried before it is saved."""
