output "alarms" {
  description = "The alarms by name: the tier, which is warning, critical, or page for what critical ones set off, and where they publish."
  value = merge(
    {
      for short_name, alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name => {
        tier       = contains(local.criticals, short_name) ? "critical" : "warning"
        actions    = alarm.alarm_actions
        ok_actions = alarm.ok_actions
      }
    },
    {
      for page in local.page_resources : page.alarm_name => {
        tier       = "page"
        actions    = page.alarm_actions
        ok_actions = page.ok_actions
      }
    },
  )
}

output "dashboard_name" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "saved_query_names" {
  description = "Names of the saved Logs Insights queries."
  value       = [for query in aws_cloudwatch_query_definition.this : query.name]
}
