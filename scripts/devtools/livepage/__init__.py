"""CloudWatch's part in the local stack: metrics out of logs and queues, alarms, and a page that shows the dashboard."""
