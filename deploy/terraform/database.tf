resource "google_sql_database_instance" "callmine" {
  name                = "callmine"
  database_version    = "POSTGRES_17"
  region              = var.region
  encryption_key_name = google_kms_crypto_key.data["databases"].id
  deletion_protection = true
  depends_on          = [google_service_networking_connection.databases, google_kms_crypto_key_iam_member.databases]

  settings {
    tier                        = var.database_tier
    edition                     = "ENTERPRISE"
    availability_type           = var.database_availability
    deletion_protection_enabled = true
    disk_autoresize             = true

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.callmine.id
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7
      location                       = var.region
      start_time                     = "02:00"
      backup_retention_settings {
        retained_backups = var.backup_days
      }
    }

    maintenance_window {
      day          = 7
      hour         = 3
      update_track = "stable"
    }

    # Services log in as their own accounts, without passwords.
    database_flags {
      name  = "cloudsql.iam_authentication"
      value = "on"
    }
    # Longer than a migration's lock_timeout (3 s): where the two wait for each other, the migration gives up and is tried again, and what
    # people asked for goes on. Shorter, PostgreSQL may end either.
    database_flags {
      name  = "deadlock_timeout"
      value = "5000"
    }
    # Parameters are customers' words: none is logged, with an error neither.
    database_flags {
      name  = "log_parameter_max_length"
      value = "0"
    }
    database_flags {
      name  = "log_parameter_max_length_on_error"
      value = "0"
    }
    database_flags {
      name  = "log_min_error_statement"
      value = "panic"
    }
    database_flags {
      name  = "log_connections"
      value = "on"
    }
    database_flags {
      name  = "log_disconnections"
      value = "on"
    }
  }
}

# Log in as themselves. Databases, and the roles <database>_owner, _app and _sweep that decide what a login may do, are made by
# `callmine databases` (README.md), which is tested; who is created here may do nothing before that.
resource "google_sql_user" "app" {
  for_each = local.services
  name     = trimsuffix(google_service_account.service[each.key].email, ".gserviceaccount.com")
  instance = google_sql_database_instance.callmine.name
  type     = "CLOUD_IAM_SERVICE_ACCOUNT"
}

resource "google_sql_user" "sweep" {
  for_each = local.services
  name     = trimsuffix(google_service_account.sweep[each.key].email, ".gserviceaccount.com")
  instance = google_sql_database_instance.callmine.name
  type     = "CLOUD_IAM_SERVICE_ACCOUNT"
}

# Connecting to the instance, and logging in to it. Which database opens is decided by PostgreSQL.
resource "google_project_iam_member" "app_connects" {
  for_each = local.services
  project  = var.project
  role     = "roles/cloudsql.client"
  member   = google_service_account.service[each.key].member
}

resource "google_project_iam_member" "app_logs_in" {
  for_each = local.services
  project  = var.project
  role     = "roles/cloudsql.instanceUser"
  member   = google_service_account.service[each.key].member
}

resource "google_project_iam_member" "sweep_connects" {
  for_each = local.services
  project  = var.project
  role     = "roles/cloudsql.client"
  member   = google_service_account.sweep[each.key].member
}

resource "google_project_iam_member" "sweep_logs_in" {
  for_each = local.services
  project  = var.project
  role     = "roles/cloudsql.instanceUser"
  member   = google_service_account.sweep[each.key].member
}
