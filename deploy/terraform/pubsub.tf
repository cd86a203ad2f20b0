resource "google_pubsub_topic" "topic" {
  for_each                   = toset(local.facts.topics)
  name                       = each.value
  kms_key_name               = google_kms_crypto_key.data["messages"].id
  message_retention_duration = "604800s"
  message_storage_policy {
    allowed_persistence_regions = [var.region]
    enforce_in_transit          = true
  }
  depends_on = [google_kms_crypto_key_iam_member.messages]
}

# The registry's publishers, no others: who may say what is decided in libs/contracts.
resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = local.facts.publishers
  topic    = google_pubsub_topic.topic[each.value.topic].name
  role     = "roles/pubsub.publisher"
  member   = google_service_account.service[each.value.service].member
}

resource "google_pubsub_subscription" "subscription" {
  for_each                   = local.facts.subscriptions
  name                       = each.key
  topic                      = google_pubsub_topic.topic[each.value.topic].id
  ack_deadline_seconds       = each.value.ack_deadline_seconds
  enable_message_ordering    = each.value.ordering
  message_retention_duration = each.value.retention

  # Never deleted for not having been used.
  expiration_policy {
    ttl = ""
  }

  retry_policy {
    minimum_backoff = each.value.min_backoff
    maximum_backoff = each.value.max_backoff
  }

  dynamic "dead_letter_policy" {
    for_each = each.value.dead_letter_topic == "" ? [] : [each.value.dead_letter_topic]
    content {
      dead_letter_topic     = google_pubsub_topic.topic[dead_letter_policy.value].id
      max_delivery_attempts = each.value.max_attempts
    }
  }

  dynamic "push_config" {
    for_each = each.value.push ? [local.urls[each.value.service]] : []
    content {
      push_endpoint = "${push_config.value}/events/${each.key}"
      oidc_token {
        service_account_email = google_service_account.push.email
        audience              = push_config.value
      }
    }
  }
}

# A service reads its own subscriptions. A pushed one is read by nobody.
resource "google_pubsub_subscription_iam_member" "subscriber" {
  for_each     = { for name, one in local.facts.subscriptions : name => one if !one.push }
  subscription = google_pubsub_subscription.subscription[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = google_service_account.service[each.value.service].member
}

# Pub/Sub itself moves dead letters: it takes them off the subscription and publishes them to the topic.
resource "google_pubsub_subscription_iam_member" "dead_letters_taken" {
  for_each     = { for name, one in local.facts.subscriptions : name => one if one.dead_letter_topic != "" }
  subscription = google_pubsub_subscription.subscription[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

resource "google_pubsub_topic_iam_member" "dead_letters_put" {
  for_each = toset([for one in local.facts.subscriptions : one.dead_letter_topic if one.dead_letter_topic != ""])
  topic    = google_pubsub_topic.topic[each.value].name
  role     = "roles/pubsub.publisher"
  member   = local.pubsub_agent
}
