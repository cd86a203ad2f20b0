# Development: no standby, two services sleep when nobody asks. Everything that keeps data safe is as in production.
project     = "example-callmine-dev"
environment = "dev"
region      = "europe-west3"
domain      = "dev.callmine.example"

images = {
  ingest           = "europe-west3-docker.pkg.dev/example-callmine-dev/callmine/ingest@sha256:REPLACE"
  analysis         = "europe-west3-docker.pkg.dev/example-callmine-dev/callmine/analysis@sha256:REPLACE"
  credential-vault = "europe-west3-docker.pkg.dev/example-callmine-dev/callmine/credential-vault@sha256:REPLACE"
  audit            = "europe-west3-docker.pkg.dev/example-callmine-dev/callmine/audit@sha256:REPLACE"
  retention        = "europe-west3-docker.pkg.dev/example-callmine-dev/callmine/retention@sha256:REPLACE"
}

operators       = "group:callmine-dev@example.com"
prover          = "serviceAccount:prover@example-callmine-dev.iam.gserviceaccount.com"
alert_email     = "callmine-dev@example.com"
billing_account = "000000-000000-000000"
monthly_budget  = 300

minimum_instances     = { ingest = 1, analysis = 1, audit = 1 }
maximum_instances     = 2
database_tier         = "db-custom-1-3840"
database_availability = "ZONAL"
backup_days           = 7

clerk = {
  issuer               = "https://clerk.dev.callmine.example"
  jwks_url             = "https://clerk.dev.callmine.example/.well-known/jwks.json"
  sign_in_url          = "https://accounts.dev.callmine.example/sign-in"
  sign_out_url         = "https://accounts.dev.callmine.example/sign-out"
  switch_workspace_url = "https://accounts.dev.callmine.example/organizations"
  script_url           = "https://clerk.dev.callmine.example/npm/@clerk/clerk-js@5/dist/clerk.browser.js"
  publishable_key      = "pk_test_replace"
}

client_ids          = { gong = "", hubspot = "", slack = "" }
sealing_public_keys = { ingest = "replace", analysis = "replace", audit = "replace" }
