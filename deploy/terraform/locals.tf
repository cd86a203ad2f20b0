data "google_project" "this" {}

locals {
  facts    = jsondecode(file("${path.module}/facts.json"))
  services = local.facts.services

  # Known before the service exists: Pub/Sub and Scheduler are told it, and the service is told that tokens are made out to it.
  urls = { for name, _ in local.services : name => "https://${name}-${data.google_project.this.number}.${var.region}.run.app" }

  # Google's own service agents, which push messages, move dead letters and use our keys.
  pubsub_agent   = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
  storage_agent  = "serviceAccount:service-${data.google_project.this.number}@gs-project-accounts.iam.gserviceaccount.com"
  database_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-cloud-sql.iam.gserviceaccount.com"
}
