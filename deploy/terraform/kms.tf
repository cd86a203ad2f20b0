resource "google_kms_key_ring" "callmine" {
  name       = "callmine"
  location   = var.region
  depends_on = [google_project_service.used]
}

# What Google encrypts at rest is encrypted with these; destroying one makes everything under it unreadable.
resource "google_kms_crypto_key" "data" {
  for_each        = toset(["databases", "objects", "messages", "secrets"])
  name            = each.value
  key_ring        = google_kms_key_ring.callmine.id
  rotation_period = "7776000s"
  lifecycle {
    prevent_destroy = true
  }
}

# Wraps the vault's keyset inside its secret (CALLMINE_VAULT_KMS_KEY).
resource "google_kms_crypto_key" "keyset" {
  name            = "vault-keyset"
  key_ring        = google_kms_key_ring.callmine.id
  rotation_period = "7776000s"
  lifecycle {
    prevent_destroy = true
  }
}

# The vault unwraps its keyset and cannot put another in its place: for a rotation it is given that right for an hour
# (docs/runbooks/vault-key-rotation.md).
resource "google_kms_crypto_key_iam_member" "keyset" {
  crypto_key_id = google_kms_crypto_key.keyset.id
  role          = "roles/cloudkms.cryptoKeyDecrypter"
  member        = google_service_account.service["credential-vault"].member
}

resource "google_kms_crypto_key_iam_member" "databases" {
  crypto_key_id = google_kms_crypto_key.data["databases"].id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = local.database_agent
}

resource "google_kms_crypto_key_iam_member" "objects" {
  crypto_key_id = google_kms_crypto_key.data["objects"].id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = local.storage_agent
}

resource "google_kms_crypto_key_iam_member" "messages" {
  crypto_key_id = google_kms_crypto_key.data["messages"].id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = local.pubsub_agent
}

resource "google_kms_crypto_key_iam_member" "secrets" {
  crypto_key_id = google_kms_crypto_key.data["secrets"].id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-secretmanager.iam.gserviceaccount.com"
}
