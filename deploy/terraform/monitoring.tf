locals {
  # Lines that services log (the test finds each in the code), counted; one alert may have several.
  log_metrics = {
    messages_parked = {
      lines  = ["message parked: see `parked list`", "dead letters parked: see `parked list`", "events could not be published and were parked: see `parked list`"]
      filter = ""
    }
    consumers_halted      = { lines = ["consumer halted, it takes no more messages"], filter = "" }
    relay_waits           = { lines = ["relay waits"], filter = "" }
    processes_crashed     = { lines = ["background work crashed; the process stops"], filter = "" }
    credentials_closed    = { lines = ["data keys do not open", "a credential that was asked for does not open", "a connected credential does not open", "a refresh token does not open"], filter = "" }
    providers_away        = { lines = ["a model provider counts as away"], filter = "" }
    logs_unsealed         = { lines = ["an audit log cannot be sealed"], filter = "" }
    erasures_slow         = { lines = ["an erasure is not done by the third business day"], filter = "" }
    workspaces_disagree   = { lines = ["message parked: see `parked list`"], filter = "jsonPayload.reason=~\"workspace\"" }
    drains_failed         = { lines = [], filter = "resource.type=\"cloud_scheduler_job\" AND severity>=ERROR" }
    keyset_read_by_others = { lines = [], filter = "protoPayload.methodName=\"google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion\" AND protoPayload.resourceName=~\"/secrets/vault-keyset/\" AND protoPayload.authenticationInfo.principalEmail!=\"${google_service_account.service["credential-vault"].email}\"" }
  }

  # metric: its type; filter: beyond the type; above: what is too much, of what is added up over `window`; below instead, where too little is.
  alerts = {
    messages_parked       = { runbook = "parked-messages", metric = "logging.googleapis.com/user/messages_parked", filter = "", above = 0, window = "300s", reduce = "ALIGN_DELTA" }
    consumers_halted      = { runbook = "parked-messages", metric = "logging.googleapis.com/user/consumers_halted", filter = "", above = 0, window = "300s", reduce = "ALIGN_DELTA" }
    messages_wait         = { runbook = "stuck-outbox", metric = "pubsub.googleapis.com/subscription/oldest_unacked_message_age", filter = "resource.type=\"pubsub_subscription\"", above = 900, window = "300s", reduce = "ALIGN_MAX" }
    outbox_waits          = { runbook = "stuck-outbox", metric = "prometheus.googleapis.com/callmine_outbox_oldest_seconds/gauge", filter = "resource.type=\"prometheus_target\"", above = 120, window = "300s", reduce = "ALIGN_MEAN" }
    lease_lost            = { runbook = "stuck-outbox", metric = "prometheus.googleapis.com/callmine_relay_lease_lost/counter", filter = "resource.type=\"prometheus_target\"", above = 5, window = "600s", reduce = "ALIGN_DELTA" }
    loop_late             = { runbook = "slow-service", metric = "prometheus.googleapis.com/callmine_loop_lag_seconds/gauge", filter = "resource.type=\"prometheus_target\"", above = 1, window = "300s", reduce = "ALIGN_MIN" }
    memory_fills          = { runbook = "slow-service", metric = "prometheus.googleapis.com/callmine_memory_bytes/gauge", filter = "resource.type=\"prometheus_target\"", above = 805306368, window = "300s", reduce = "ALIGN_MIN" }
    egress_refused        = { runbook = "suspected-leak", metric = "prometheus.googleapis.com/callmine_egress_refused/counter", filter = "resource.type=\"prometheus_target\"", above = 0, window = "300s", reduce = "ALIGN_DELTA" }
    relay_waits           = { runbook = "stuck-outbox", metric = "logging.googleapis.com/user/relay_waits", filter = "", above = 10, window = "600s", reduce = "ALIGN_DELTA" }
    drains_failed         = { runbook = "stuck-outbox", metric = "logging.googleapis.com/user/drains_failed", filter = "", above = 3, window = "600s", reduce = "ALIGN_DELTA" }
    processes_crashed     = { runbook = "roll-back-one-service", metric = "logging.googleapis.com/user/processes_crashed", filter = "", above = 2, window = "600s", reduce = "ALIGN_DELTA" }
    requests_failed       = { runbook = "roll-back-one-service", metric = "run.googleapis.com/request_count", filter = "resource.type=\"cloud_run_revision\" AND metric.labels.response_code_class=\"5xx\"", above = 20, window = "300s", reduce = "ALIGN_DELTA" }
    front_door_down       = { runbook = "roll-back-one-service", metric = "monitoring.googleapis.com/uptime_check/check_passed", filter = "resource.type=\"uptime_url\"", below = 0.5, window = "300s", reduce = "ALIGN_FRACTION_TRUE" }
    credentials_closed    = { runbook = "vault-key-rotation", metric = "logging.googleapis.com/user/credentials_closed", filter = "", above = 0, window = "300s", reduce = "ALIGN_DELTA" }
    providers_away        = { runbook = "provider-outage", metric = "logging.googleapis.com/user/providers_away", filter = "", above = 0, window = "600s", reduce = "ALIGN_DELTA" }
    database_down         = { runbook = "restore", metric = "cloudsql.googleapis.com/database/up", filter = "resource.type=\"cloudsql_database\"", below = 1, window = "300s", reduce = "ALIGN_MIN" }
    database_fills        = { runbook = "restore", metric = "cloudsql.googleapis.com/database/disk/utilization", filter = "resource.type=\"cloudsql_database\"", above = 0.85, window = "300s", reduce = "ALIGN_MAX" }
    logs_unsealed         = { runbook = "restore", metric = "logging.googleapis.com/user/logs_unsealed", filter = "", above = 0, window = "300s", reduce = "ALIGN_DELTA" }
    erasures_slow         = { runbook = "erasure-late", metric = "logging.googleapis.com/user/erasures_slow", filter = "", above = 0, window = "300s", reduce = "ALIGN_DELTA" }
    workspaces_disagree   = { runbook = "suspected-leak", metric = "logging.googleapis.com/user/workspaces_disagree", filter = "", above = 0, window = "60s", reduce = "ALIGN_DELTA" }
    keyset_read_by_others = { runbook = "suspected-leak", metric = "logging.googleapis.com/user/keyset_read_by_others", filter = "", above = 0, window = "60s", reduce = "ALIGN_DELTA" }
  }
}

resource "google_logging_metric" "counted" {
  for_each    = local.log_metrics
  name        = each.key
  description = "Counted for the alert of the same name"
  filter = join(" AND ", compact([
    length(each.value.lines) > 0 ? "(${join(" OR ", [for line in each.value.lines : "jsonPayload.message=\"${line}\""])})" : "",
    each.value.filter,
  ]))
  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }
}

# Each service tells its own traces and metrics (docs/decisions/0015), and reads none.
resource "google_project_iam_member" "tells_traces" {
  for_each = local.services
  project  = var.project
  role     = "roles/telemetry.tracesWriter"
  member   = google_service_account.service[each.key].member
}

resource "google_project_iam_member" "tells_metrics" {
  for_each = local.services
  project  = var.project
  role     = "roles/telemetry.metricsWriter"
  member   = google_service_account.service[each.key].member
}

resource "google_monitoring_notification_channel" "email" {
  display_name = "callmine ${var.environment}"
  type         = "email"
  labels       = { email_address = var.alert_email }
}

# A public page that needs no session, and the certificate with it.
resource "google_monitoring_uptime_check_config" "front_door" {
  display_name = "front door"
  timeout      = "10s"
  period       = "60s"
  http_check {
    path         = "/sub-processors"
    port         = 443
    use_ssl      = true
    validate_ssl = true
  }
  monitored_resource {
    type   = "uptime_url"
    labels = { project_id = var.project, host = var.domain }
  }
}

resource "google_monitoring_alert_policy" "alert" {
  for_each     = local.alerts
  display_name = "${var.environment}: ${replace(each.key, "_", " ")}"
  combiner     = "OR"
  conditions {
    display_name = replace(each.key, "_", " ")
    condition_threshold {
      filter          = join(" AND ", compact(["metric.type=\"${each.value.metric}\"", each.value.filter]))
      comparison      = can(each.value.below) ? "COMPARISON_LT" : "COMPARISON_GT"
      threshold_value = try(each.value.below, each.value.above)
      duration        = "0s"
      aggregations {
        alignment_period   = each.value.window
        per_series_aligner = each.value.reduce
      }
    }
  }
  documentation {
    mime_type = "text/markdown"
    content   = "What to do: docs/runbooks/${each.value.runbook}.md"
  }
  notification_channels = [google_monitoring_notification_channel.email.id]
  depends_on            = [google_logging_metric.counted]
}

# The metrics that alerts watch, one chart each, in the order in which they are named.
resource "google_monitoring_dashboard" "callmine" {
  dashboard_json = jsonencode({
    displayName = "Callmine ${var.environment}"
    mosaicLayout = {
      columns = 12
      tiles = [
        for position, name in keys(local.alerts) : {
          xPos   = (position % 3) * 4
          yPos   = floor(position / 3) * 4
          width  = 4
          height = 4
          widget = {
            title = replace(name, "_", " ")
            xyChart = {
              dataSets = [{
                plotType = "LINE"
                timeSeriesQuery = {
                  timeSeriesFilter = {
                    filter = join(" AND ", compact(["metric.type=\"${local.alerts[name].metric}\"", local.alerts[name].filter]))
                    aggregation = {
                      alignmentPeriod  = local.alerts[name].window
                      perSeriesAligner = local.alerts[name].reduce
                    }
                  }
                }
              }]
            }
          }
        }
      ]
    }
  })
}
