# The watchdog of the outbox: should the relay have died with its process, this starts one and publishes what waits. It also says how much does.
resource "google_cloud_scheduler_job" "drain" {
  for_each         = local.services
  name             = "drain-${each.key}"
  region           = var.region
  schedule         = "* * * * *"
  time_zone        = "Etc/UTC"
  attempt_deadline = "60s"
  retry_config {
    retry_count = 1
  }
  http_target {
    http_method = "POST"
    uri         = "${local.urls[each.key]}/operator/drain"
    oidc_token {
      service_account_email = google_service_account.operator.email
      audience              = local.urls[each.key]
    }
  }
  depends_on = [google_project_service.used]
}

# The vault notes which keys each nightly backup needs, right before it is taken (database.tf): they cannot be disabled while it is kept.
resource "google_cloud_scheduler_job" "backup_taken" {
  name             = "backup-taken"
  region           = var.region
  schedule         = "45 1 * * *"
  time_zone        = "Etc/UTC"
  attempt_deadline = "60s"
  retry_config {
    retry_count = 3
  }
  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/${google_cloud_run_v2_job.operate["credential-vault"].id}:run"
    headers     = { "content-type" = "application/json" }
    body        = base64encode(jsonencode({ overrides = { containerOverrides = [{ args = ["keys", "backup-taken"] }] } }))
    oauth_token {
      service_account_email = google_service_account.backup.email
    }
  }
  depends_on = [google_project_service.used]
}

resource "google_cloud_run_v2_job_iam_member" "backup" {
  name     = google_cloud_run_v2_job.operate["credential-vault"].name
  location = var.region
  role     = "roles/run.jobsExecutorWithOverrides"
  member   = google_service_account.backup.member
}
