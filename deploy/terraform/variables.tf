variable "project" {
  description = "Id of the Google Cloud project; one for each environment"
  type        = string
}

variable "environment" {
  description = "dev or prod: a label on everything, and part of the names of alerts"
  type        = string
  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "The environment is dev or prod."
  }
}

variable "region" {
  description = "Region of everything that holds customers' data; moving later means moving data"
  type        = string
}

variable "domain" {
  description = "The host name that browsers open; its A and AAAA records point at the outputs of this module"
  type        = string
}

variable "images" {
  description = "The image of each service by digest, as `make image` and a push to the registry give it: name@sha256:..."
  type        = map(string)
  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("@sha256:[0-9a-f]{64}$", image))])
    error_message = "Images are named by digest (name@sha256:...): a tag may be moved."
  }
}

variable "operators" {
  description = "The group that operates Callmine (group:name@domain): may act as the operators' service account and add versions of secrets; reads no customer data"
  type        = string
}

variable "alert_email" {
  description = "Where alerts go"
  type        = string
}

variable "billing_account" {
  description = "Id of the billing account the budget watches"
  type        = string
}

variable "monthly_budget" {
  description = "Budget of a month in whole units of the billing account's currency; told of at 50, 90 and 100 percent, and when 100 percent is forecast"
  type        = number
}

variable "minimum_instances" {
  description = "Instances of each service that always run. Services that pull messages need at least one; the others may have none, and then start with a message"
  type        = map(number)
  validation {
    condition     = alltrue([for name, service in jsondecode(file("facts.json")).services : !service.pulls || lookup(var.minimum_instances, name, 0) >= 1])
    error_message = "A service that pulls its messages needs at least one instance: nobody wakes it."
  }
}

variable "maximum_instances" {
  description = "Most instances of one service; each holds up to 13 connections to its database, which database_tier has to bear for all five"
  type        = number
  default     = 10
}

variable "workers" {
  description = "Further instances by service that pull messages and work, and serve nobody: for long queues of runs. Not for services that are pushed to"
  type        = map(number)
  default     = {}
}

variable "database_tier" {
  description = "Machine type of Cloud SQL"
  type        = string
}

variable "database_availability" {
  description = "REGIONAL has a standby in another zone, ZONAL has none"
  type        = string
}

variable "backup_days" {
  description = "Days that the oldest backup of the databases is kept; the vault remembers shredded workspaces for as long (docs/vault.md)"
  type        = number
  default     = 35
}

variable "object_versions_days" {
  description = "Days that an overwritten or deleted object is kept as an earlier version. A deletion is final only after them: seven business days are promised (P10), so at most 5"
  type        = number
  default     = 3
  validation {
    condition     = var.object_versions_days >= 1 && var.object_versions_days <= 5
    error_message = "1 to 5 days: what is deleted on request has to be gone within seven business days."
  }
}

variable "clerk" {
  description = "Addresses and public keys of the Clerk instance: issuer, signing keys, hosted pages, browser script"
  type = object({
    issuer               = string
    jwks_url             = string
    sign_in_url          = string
    sign_out_url         = string
    switch_workspace_url = string
    script_url           = string
    publishable_key      = string
  })
}

variable "client_ids" {
  description = "Client ids of Callmine's apps at Gong, HubSpot and Slack; a provider without one is not offered by OAuth. The clients' secrets are in Secret Manager"
  type        = object({ gong = string, hubspot = string, slack = string })
}

variable "sealing_public_keys" {
  description = "Public halves of the sealing keys of ingest, analysis and audit, base64, as `credential-vault keys new-sealing-key` prints them"
  type        = object({ ingest = string, analysis = string, audit = string })
}

variable "evidence_public_keys" {
  description = "Public keys that the trust page's evidence is signed with, name+id+base64 (docs/trust.md); without one nothing there is proven"
  type        = list(string)
  default     = []
}

variable "prover" {
  description = "Who runs `make trust` and puts the evidence into its bucket: serviceAccount:name@domain or group:name@domain"
  type        = string
}

variable "requests_per_minute" {
  description = "Requests a minute from one address, after which it gets 429 for a minute"
  type        = number
  default     = 1200
}

variable "trace_ratio" {
  description = "The share of traces that are recorded, 0 to 1"
  type        = number
  default     = 0.1
  validation {
    condition     = var.trace_ratio >= 0 && var.trace_ratio <= 1
    error_message = "trace_ratio is between 0 and 1."
  }
}
