# Calls, transcripts and files of exported reports, each below workspaces/<workspace_id>/.
resource "google_storage_bucket" "objects" {
  name                        = "${var.project}-objects"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  depends_on                  = [google_kms_crypto_key_iam_member.objects]

  encryption {
    default_kms_key_name = google_kms_crypto_key.data["objects"].id
  }

  # What was overwritten or deleted by mistake can be brought back for so many days, and is gone for good after them.
  versioning {
    enabled = true
  }
  lifecycle_rule {
    condition {
      days_since_noncurrent_time = var.object_versions_days
    }
    action {
      type = "Delete"
    }
  }
  lifecycle_rule {
    condition {
      age = 1
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }

  # Versions are the way back; soft deletion would keep erased data beyond the days promised.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle {
    prevent_destroy = true
  }
}

# The ledger of erasures, outside every database: ids and times. An entry is written once, and can be neither changed nor removed while a
# backup from before it may still be restored.
resource "google_storage_bucket" "ledger" {
  name                        = "${var.project}-ledger"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  depends_on                  = [google_kms_crypto_key_iam_member.objects]

  encryption {
    default_kms_key_name = google_kms_crypto_key.data["objects"].id
  }
  retention_policy {
    retention_period = 86400 * (var.backup_days + 30)
  }

  lifecycle {
    prevent_destroy = true
  }
}

# Retention adds entries and reads them; nobody changes one.
resource "google_storage_bucket_iam_member" "ledger_adder" {
  bucket = google_storage_bucket.ledger.name
  role   = "roles/storage.objectCreator"
  member = google_service_account.service["retention"].member
}
resource "google_storage_bucket_iam_member" "ledger_reader" {
  bucket = google_storage_bucket.ledger.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.service["retention"].member
}

# Evidence for the trust page: one file of signed lines, public by its nature. Whoever proves puts it there (`make trust`), retention reads it;
# who could change it could still not sign.
resource "google_storage_bucket" "evidence" {
  name                        = "${var.project}-evidence"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  depends_on                  = [google_kms_crypto_key_iam_member.objects]

  encryption {
    default_kms_key_name = google_kms_crypto_key.data["objects"].id
  }
  # What was shown before stays: a proof that failed cannot be made unseen by the next one.
  versioning {
    enabled = true
  }
}

resource "google_storage_bucket_iam_member" "evidence_prover" {
  bucket = google_storage_bucket.evidence.name
  role   = "roles/storage.objectUser"
  member = var.prover
}
resource "google_storage_bucket_iam_member" "evidence_reader" {
  bucket = google_storage_bucket.evidence.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.service["retention"].member
}

# The services whose code holds objects.
resource "google_storage_bucket_iam_member" "objects" {
  for_each = { for name, service in local.services : name => service if service.objects }
  bucket   = google_storage_bucket.objects.name
  role     = "roles/storage.objectUser"
  member   = google_service_account.service[each.key].member
}
