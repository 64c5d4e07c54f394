"""dashboards: Kibana saved objects, their provisioner, and the web page that draws them without Kibana."""
