# The database has an address in this network only. Services reach it from here; everything else they reach by way of Google's front ends.
resource "google_compute_network" "callmine" {
  name                    = "callmine"
  auto_create_subnetworks = false
  depends_on              = [google_project_service.used]
}

resource "google_compute_subnetwork" "services" {
  name                     = "services"
  network                  = google_compute_network.callmine.id
  region                   = var.region
  ip_cidr_range            = "10.20.0.0/22"
  private_ip_google_access = true
  log_config {
    aggregation_interval = "INTERVAL_5_MIN"
    flow_sampling        = 0.5
    metadata             = "EXCLUDE_ALL_METADATA"
  }
}

resource "google_compute_global_address" "databases" {
  name          = "databases"
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 20
  network       = google_compute_network.callmine.id
}

resource "google_service_networking_connection" "databases" {
  network                 = google_compute_network.callmine.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.databases.name]
}

# Nobody connects to what runs in here from outside.
resource "google_compute_firewall" "no_way_in" {
  name      = "no-way-in"
  network   = google_compute_network.callmine.id
  direction = "INGRESS"
  priority  = 1000
  deny {
    protocol = "all"
  }
  source_ranges = ["0.0.0.0/0"]
  log_config {
    metadata = "EXCLUDE_ALL_METADATA"
  }
}
