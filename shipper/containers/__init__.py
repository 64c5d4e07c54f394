"""What is known of containers: by the paths of their logs, by what Docker keeps beside these, by Kubernetes."""
