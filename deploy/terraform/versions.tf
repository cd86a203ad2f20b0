# Callmine on Google Cloud. README.md says how to begin; facts.json says what the code needs (`make facts` writes it).
terraform {
  required_version = ">= 1.11"

  # The state names every secret and who may read it, and holds no secret's content: versions of secrets are added by people, never from here.
  backend "gcs" {}

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.0"
    }
  }
}

provider "google" {
  project               = var.project
  region                = var.region
  user_project_override = true
  billing_project       = var.project
  default_labels        = { app = "callmine", environment = var.environment }
}
