output "addresses" {
  description = "Where the domain's A and AAAA records point"
  value       = { for kind, address in google_compute_global_address.front_door : kind => address.address }
}

output "accounts" {
  description = "The service accounts by service"
  value       = { for name, account in google_service_account.service : name => account.email }
}

output "database" {
  description = "The instance, as the Cloud SQL connector names it"
  value       = google_sql_database_instance.callmine.connection_name
}
