# The one way in from outside: HTTPS at one address, routed by path as deploy/routes.yaml says.
locals {
  routes = yamldecode(file("${path.module}/../routes.yaml"))

  # The longest prefix wins: Google's path matcher takes the most specific rule.
  paths = {
    for name, _ in local.services : name => flatten([
      for prefix, service in local.routes.prefixes : [prefix, "${prefix}/*"] if service == name
    ])
  }
}

resource "google_compute_global_address" "front_door" {
  for_each   = toset(["IPV4", "IPV6"])
  name       = "front-door-${lower(each.value)}"
  ip_version = each.value
}

resource "google_compute_region_network_endpoint_group" "service" {
  for_each              = local.services
  name                  = each.key
  region                = var.region
  network_endpoint_type = "SERVERLESS"
  cloud_run {
    service = google_cloud_run_v2_service.service[each.key].name
  }
}

resource "google_compute_backend_service" "service" {
  for_each              = local.services
  name                  = each.key
  load_balancing_scheme = "EXTERNAL_MANAGED"
  security_policy       = google_compute_security_policy.front_door.id
  # Codes and states stand in the addresses of OAuth callbacks: requests are logged by the services, without their query.
  log_config {
    enable = false
  }
  backend {
    group = google_compute_region_network_endpoint_group.service[each.key].id
  }
}

resource "google_compute_url_map" "front_door" {
  name            = "front-door"
  default_service = google_compute_backend_service.service[local.routes.default].id

  host_rule {
    hosts        = [var.domain]
    path_matcher = "services"
  }

  path_matcher {
    name            = "services"
    default_service = google_compute_backend_service.service[local.routes.default].id
    dynamic "path_rule" {
      for_each = { for name, paths in local.paths : name => paths if length(paths) > 0 }
      content {
        paths   = path_rule.value
        service = google_compute_backend_service.service[path_rule.key].id
      }
    }
  }
}

resource "google_compute_managed_ssl_certificate" "front_door" {
  name = "front-door"
  managed {
    domains = [var.domain]
  }
}

resource "google_compute_ssl_policy" "front_door" {
  name            = "front-door"
  profile         = "RESTRICTED"
  min_tls_version = "TLS_1_2"
}

resource "google_compute_target_https_proxy" "front_door" {
  name             = "front-door"
  url_map          = google_compute_url_map.front_door.id
  ssl_certificates = [google_compute_managed_ssl_certificate.front_door.id]
  ssl_policy       = google_compute_ssl_policy.front_door.id
}

# Port 443 only: there is no plain http to be led away from (the pages send Strict-Transport-Security).
resource "google_compute_global_forwarding_rule" "front_door" {
  for_each              = google_compute_global_address.front_door
  name                  = each.value.name
  target                = google_compute_target_https_proxy.front_door.id
  ip_address            = each.value.address
  port_range            = "443"
  load_balancing_scheme = "EXTERNAL_MANAGED"
}

resource "google_compute_security_policy" "front_door" {
  name = "front-door"

  # Google's own and the operators' paths are not reached from outside, whatever their tokens.
  rule {
    priority    = 100
    action      = "deny(404)"
    description = "Paths inside the cloud"
    match {
      expr {
        expression = "request.path.matches('^(?:${join("|", local.facts.internal_paths)})(?:/|$)')"
      }
    }
  }

  # Known attacks, by OWASP's rules at their least eager: briefs are free text, and a customer's words are no attack.
  rule {
    priority    = 200
    action      = "deny(403)"
    description = "Protocol attacks and scanners"
    match {
      expr {
        expression = "evaluatePreconfiguredWaf('protocolattack-v33-stable', {'sensitivity': 1}) || evaluatePreconfiguredWaf('scannerdetection-v33-stable', {'sensitivity': 1})"
      }
    }
  }

  rule {
    priority    = 300
    action      = "throttle"
    description = "So many requests a minute from one address"
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
    rate_limit_options {
      conform_action = "allow"
      exceed_action  = "deny(429)"
      enforce_on_key = "IP"
      rate_limit_threshold {
        count        = var.requests_per_minute
        interval_sec = 60
      }
    }
  }

  rule {
    priority    = 2147483647
    action      = "allow"
    description = "Everything else"
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
  }
}
