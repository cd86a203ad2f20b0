# Production: a standby database, every service always awake, five weeks of backups.
project     = "example-callmine-prod"
environment = "prod"
region      = "europe-west3"
domain      = "callmine.example"

images = {
  ingest           = "europe-west3-docker.pkg.dev/example-callmine-prod/callmine/ingest@sha256:REPLACE"
  analysis         = "europe-west3-docker.pkg.dev/example-callmine-prod/callmine/analysis@sha256:REPLACE"
  credential-vault = "europe-west3-docker.pkg.dev/example-callmine-prod/callmine/credential-vault@sha256:REPLACE"
  audit            = "europe-west3-docker.pkg.dev/example-callmine-prod/callmine/audit@sha256:REPLACE"
  retention        = "europe-west3-docker.pkg.dev/example-callmine-prod/callmine/retention@sha256:REPLACE"
}

operators       = "group:callmine-prod@example.com"
prover          = "serviceAccount:prover@example-callmine-prod.iam.gserviceaccount.com"
alert_email     = "callmine-prod@example.com"
billing_account = "000000-000000-000000"
monthly_budget  = 4000

minimum_instances     = { ingest = 2, analysis = 2, credential-vault = 2, audit = 2, retention = 1 }
maximum_instances     = 10
workers               = { analysis = 4 }
database_tier         = "db-custom-8-30720"
database_availability = "REGIONAL"
backup_days           = 35

clerk = {
  issuer               = "https://clerk.callmine.example"
  jwks_url             = "https://clerk.callmine.example/.well-known/jwks.json"
  sign_in_url          = "https://accounts.callmine.example/sign-in"
  sign_out_url         = "https://accounts.callmine.example/sign-out"
  switch_workspace_url = "https://accounts.callmine.example/organizations"
  script_url           = "https://clerk.callmine.example/npm/@clerk/clerk-js@5/dist/clerk.browser.js"
  publishable_key      = "pk_live_replace"
}

client_ids          = { gong = "", hubspot = "", slack = "" }
sealing_public_keys = { ingest = "replace", analysis = "replace", audit = "replace" }
