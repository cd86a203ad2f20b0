locals {
  origin = "https://${var.domain}"

  # Where retention finds what was proven for the trust page: its bucket, mounted to be read.
  evidence_folder = "/evidence"

  # Where a service finds the secrets that it begins with. What reads the file fetches the latest version.
  secrets_folder = "/secrets"
  # A provider without a client id may have no secret either.
  mounted = {
    for name, secrets in local.facts.mounted : name => [
      for secret in secrets : secret if try(var.client_ids[trimsuffix(secret, "-oauth-client")], "of no provider") != ""
    ]
  }

  # What every service is told (libs/web/web/settings.py).
  shared_environment = {
    CALLMINE_PROJECT                  = var.project
    CALLMINE_BUCKET                   = google_storage_bucket.objects.name
    CALLMINE_PUBLIC_URL               = local.origin
    CALLMINE_SECRETS_FOLDER           = local.secrets_folder
    CALLMINE_CLERK_ISSUER             = var.clerk.issuer
    CALLMINE_CLERK_JWKS_URL           = var.clerk.jwks_url
    CALLMINE_CLERK_AUTHORIZED_PARTIES = local.origin
    CALLMINE_CLERK_SCRIPT_URL         = var.clerk.script_url
    CALLMINE_CLERK_PUBLISHABLE_KEY    = var.clerk.publishable_key
    CALLMINE_SIGN_IN_URL              = var.clerk.sign_in_url
    CALLMINE_SIGN_OUT_URL             = var.clerk.sign_out_url
    CALLMINE_SWITCH_WORKSPACE_URL     = var.clerk.switch_workspace_url
    CALLMINE_PUSH_SERVICE_ACCOUNT     = google_service_account.push.email
    CALLMINE_OPERATOR_SERVICE_ACCOUNT = google_service_account.operator.email
    CALLMINE_TELEMETRY_ENDPOINT       = "https://telemetry.googleapis.com"
    CALLMINE_TRACE_RATIO              = tostring(var.trace_ratio)
  }

  # What one service alone is told (its settings.py).
  own_environment = {
    ingest   = {}
    analysis = {}
    audit    = {}
    retention = {
      CALLMINE_LEDGER_BUCKET = google_storage_bucket.ledger.name
      CALLMINE_EVIDENCE_FILE = "${local.evidence_folder}/evidence.intoto.jsonl"
      CALLMINE_EVIDENCE_KEYS = join(",", var.evidence_public_keys)
    }
    credential-vault = {
      CALLMINE_VAULT_KMS_KEY               = google_kms_crypto_key.keyset.id
      CALLMINE_BACKUP_DAYS                 = tostring(var.backup_days)
      CALLMINE_INGEST_SEALING_PUBLIC_KEY   = var.sealing_public_keys.ingest
      CALLMINE_ANALYSIS_SEALING_PUBLIC_KEY = var.sealing_public_keys.analysis
      CALLMINE_AUDIT_SEALING_PUBLIC_KEY    = var.sealing_public_keys.audit
      CALLMINE_GONG_CLIENT_ID              = var.client_ids.gong
      CALLMINE_HUBSPOT_CLIENT_ID           = var.client_ids.hubspot
      CALLMINE_SLACK_CLIENT_ID             = var.client_ids.slack
    }
  }

  # The address of each role's database: its own account, and by way of the service's the account of sweeps.
  database_environment = {
    for name, service in local.services : name => {
      CALLMINE_APP_DATABASE_URL   = "cloudsql://${urlencode(google_sql_user.app[name].name)}@${google_sql_database_instance.callmine.connection_name}/${service.database}?ip=private"
      CALLMINE_SWEEP_DATABASE_URL = "cloudsql://${urlencode(google_sql_user.sweep[name].name)}@${google_sql_database_instance.callmine.connection_name}/${service.database}?ip=private&as=${google_service_account.sweep[name].email}"
    }
  }

  environment = {
    for name, service in local.services : name => merge(
      local.shared_environment,
      local.own_environment[name],
      local.database_environment[name],
      { CALLMINE_PUSH_AUDIENCE = local.urls[name] },
      service.granted ? local.facts.forgets : {},
    )
  }
}

resource "google_cloud_run_v2_service" "service" {
  for_each            = local.services
  name                = each.key
  location            = var.region
  deletion_protection = true
  # From Pub/Sub and Scheduler of this project and from the load balancer; from nowhere else.
  ingress = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
  # Who asks is checked by the service itself: sessions and keys of people, Google's signed tokens on /events and /operator.
  invoker_iam_disabled = true

  template {
    service_account                  = google_service_account.service[each.key].email
    timeout                          = "300s"
    max_instance_request_concurrency = 80
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"

    scaling {
      min_instance_count = lookup(var.minimum_instances, each.key, 0)
      max_instance_count = var.maximum_instances
    }

    vpc_access {
      egress = "PRIVATE_RANGES_ONLY"
      network_interfaces {
        network    = google_compute_network.callmine.id
        subnetwork = google_compute_subnetwork.services.id
      }
    }

    dynamic "volumes" {
      for_each = each.key == "retention" ? ["evidence"] : []
      content {
        name = volumes.value
        gcs {
          bucket    = google_storage_bucket.evidence.name
          read_only = true
        }
      }
    }

    dynamic "volumes" {
      for_each = toset(local.mounted[each.key])
      content {
        name = volumes.value
        secret {
          secret = google_secret_manager_secret.secret[volumes.value].secret_id
          items {
            version = "latest"
            path    = "latest"
          }
        }
      }
    }

    containers {
      image = var.images[each.key]

      dynamic "volume_mounts" {
        for_each = each.key == "retention" ? ["evidence"] : []
        content {
          name       = volume_mounts.value
          mount_path = local.evidence_folder
        }
      }

      dynamic "volume_mounts" {
        for_each = toset(local.mounted[each.key])
        content {
          name       = volume_mounts.value
          mount_path = "${local.secrets_folder}/${volume_mounts.value}"
        }
      }

      resources {
        limits = { cpu = "1", memory = "1Gi" }
        # Relay, renewals and timers run between requests.
        cpu_idle          = false
        startup_cpu_boost = true
      }

      ports {
        container_port = 8080
      }

      dynamic "env" {
        for_each = local.environment[each.key]
        content {
          name  = env.key
          value = env.value
        }
      }

      startup_probe {
        period_seconds    = 2
        timeout_seconds   = 2
        failure_threshold = 60
        http_get {
          path = "/readyz"
        }
      }

      liveness_probe {
        period_seconds    = 10
        timeout_seconds   = 4
        failure_threshold = 3
        http_get {
          path = "/livez"
        }
      }
    }
  }

  # Whether it may read what is mounted is looked at when it is deployed.
  depends_on = [google_secret_manager_secret_iam_member.reader]
}

# The same image, with nobody asking it anything: more hands for long queues.
resource "google_cloud_run_v2_worker_pool" "workers" {
  for_each            = { for name, count in var.workers : name => count if local.services[name].pulls }
  name                = "${each.key}-workers"
  location            = var.region
  deletion_protection = false

  scaling {
    manual_instance_count = each.value
  }

  template {
    service_account = google_service_account.service[each.key].email
    vpc_access {
      egress = "PRIVATE_RANGES_ONLY"
      network_interfaces {
        network    = google_compute_network.callmine.id
        subnetwork = google_compute_subnetwork.services.id
      }
    }
    containers {
      image = var.images[each.key]
      resources {
        limits = { cpu = "1", memory = "1Gi" }
      }
      dynamic "env" {
        for_each = local.environment[each.key]
        content {
          name  = env.key
          value = env.value
        }
      }
    }
  }
}

# A service's own command line, for operators: `gcloud run jobs execute ingest-operate --args=parked,list`. It runs as the service, with nothing
# but what the image's commands do; Google's audit log says who ran which.
resource "google_cloud_run_v2_job" "operate" {
  for_each            = local.services
  name                = "${each.key}-operate"
  location            = var.region
  deletion_protection = false

  template {
    template {
      service_account = google_service_account.service[each.key].email
      max_retries     = 0
      timeout         = "3600s"
      vpc_access {
        egress = "PRIVATE_RANGES_ONLY"
        network_interfaces {
          network    = google_compute_network.callmine.id
          subnetwork = google_compute_subnetwork.services.id
        }
      }
      containers {
        image = var.images[each.key]
        args  = ["--help"]
        dynamic "env" {
          for_each = local.environment[each.key]
          content {
            name  = env.key
            value = env.value
          }
        }
      }
    }
  }
}

resource "google_cloud_run_v2_job_iam_member" "operators_operate" {
  for_each = google_cloud_run_v2_job.operate
  name     = each.value.name
  location = each.value.location
  role     = "roles/run.jobsExecutorWithOverrides"
  member   = var.operators
}

resource "google_cloud_run_v2_job_iam_member" "operators_migrate" {
  for_each = google_cloud_run_v2_job.migrate
  name     = each.value.name
  location = each.value.location
  role     = "roles/run.jobsExecutorWithOverrides"
  member   = var.operators
}

# Run before a roll-out (--phase pre) and after it (--phase post), as the role that owns the tables.
resource "google_cloud_run_v2_job" "migrate" {
  for_each            = local.services
  name                = "${each.key}-migrate"
  location            = var.region
  deletion_protection = false

  template {
    template {
      service_account = google_service_account.migrate[each.key].email
      max_retries     = 0
      timeout         = "900s"
      vpc_access {
        egress = "PRIVATE_RANGES_ONLY"
        network_interfaces {
          network    = google_compute_network.callmine.id
          subnetwork = google_compute_subnetwork.services.id
        }
      }
      containers {
        image = var.images[each.key]
        args  = ["migrate", "--phase", "pre"]
        dynamic "env" {
          for_each = local.environment[each.key]
          content {
            name  = env.key
            value = env.value
          }
        }
        env {
          name = "CALLMINE_OWNER_DATABASE_URL"
          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.secret["${each.key}-owner-database-url"].secret_id
              version = "latest"
            }
          }
        }
      }
    }
  }
  depends_on = [google_secret_manager_secret_iam_member.owner_url]
}
