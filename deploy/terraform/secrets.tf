# Names and rights. Contents are added by operators, or by the service that makes them, and are never in Terraform's state.
resource "google_secret_manager_secret" "secret" {
  for_each  = toset(concat(local.facts.secrets, [for name, _ in local.services : "${name}-owner-database-url"]))
  secret_id = each.value
  replication {
    user_managed {
      replicas {
        location = var.region
        customer_managed_encryption {
          kms_key_name = google_kms_crypto_key.data["secrets"].id
        }
      }
    }
  }
  # A version that is destroyed by mistake can be brought back for a week; the vault's keyset above all.
  version_destroy_ttl = "604800s"
  depends_on          = [google_kms_crypto_key_iam_member.secrets]
  lifecycle {
    prevent_destroy = true
  }
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each  = local.facts.secret_readers
  secret_id = google_secret_manager_secret.secret[each.value.secret].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.service[each.value.service].member
}

resource "google_secret_manager_secret_iam_member" "adder" {
  for_each  = local.facts.secret_adders
  secret_id = google_secret_manager_secret.secret[each.value.secret].id
  role      = "roles/secretmanager.secretVersionAdder"
  member    = google_service_account.service[each.value.service].member
}

resource "google_secret_manager_secret_iam_member" "owner_url" {
  for_each  = local.services
  secret_id = google_secret_manager_secret.secret["${each.key}-owner-database-url"].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.migrate[each.key].member
}

# Operators put secrets in and do not read them.
resource "google_secret_manager_secret_iam_member" "operators" {
  for_each  = google_secret_manager_secret.secret
  secret_id = each.value.id
  role      = "roles/secretmanager.secretVersionAdder"
  member    = var.operators
}
