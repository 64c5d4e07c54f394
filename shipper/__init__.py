"""shipper: the agent on each machine; finds log files, reads them, frames events, sends, remembers offsets."""
