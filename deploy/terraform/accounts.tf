# One account for each service; a role stands beside the thing it is for (pubsub.tf, secrets.tf, storage.tf, database.tf, kms.tf).
resource "google_service_account" "service" {
  for_each     = local.services
  account_id   = each.value.account
  display_name = "Callmine ${each.key}"
}

# The role of statements that cross workspaces has an identity of its own in the database: a connection logs in as one or the other.
resource "google_service_account" "sweep" {
  for_each     = local.services
  account_id   = "${each.value.account}-sweep"
  display_name = "Callmine ${each.key}: statements that cross workspaces"
}

resource "google_service_account_iam_member" "sweep" {
  for_each           = local.services
  service_account_id = google_service_account.sweep[each.key].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = google_service_account.service[each.key].member
}

# Runs a service's migrations; reads the address of the owner's role and nothing else.
resource "google_service_account" "migrate" {
  for_each     = local.services
  account_id   = "${each.value.account}-migrate"
  display_name = "Callmine ${each.key}: migrations"
}

# Whose identity Pub/Sub shows when it pushes.
resource "google_service_account" "push" {
  account_id   = local.facts.push_account
  display_name = "Callmine: pushes messages to services"
}

# Pub/Sub makes that identity's tokens.
resource "google_service_account_iam_member" "push" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.pubsub_agent
}

# Whose identity the services' /operator takes: Scheduler's, and that of people who operate, who act as it.
resource "google_service_account" "operator" {
  account_id   = "operator"
  display_name = "Callmine: operates the services"
}

resource "google_service_account_iam_member" "operator" {
  service_account_id = google_service_account.operator.name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = var.operators
}

# Tells the vault, by its own command, that a backup is about to be taken; may do nothing else.
resource "google_service_account" "backup" {
  account_id   = "backup"
  display_name = "Callmine: tells the vault of backups"
}
