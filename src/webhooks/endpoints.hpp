// An organisation's webhook endpoints, as its admins manage them. The activity feed shows each change, but no URL,
// because a URL may contain a secret.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "audit/caller.hpp"
#include "base/task.hpp"
#include "store/store.hpp"
#include "webhooks/secret_keeper.hpp"
#include "webhooks/target.hpp"

namespace latchkey::webhooks {

inline constexpr std::size_t kMostEndpoints = 16;  // for one organisation
inline constexpr std::chrono::hours kMostOverlap{24 * 7};

struct NewEndpoint {
  std::string url;
  std::string description;
  std::vector<std::string> events;  // empty: all events
};

// An absent field stays as it is.
struct EndpointChange {
  std::optional<std::string> url;
  std::optional<std::string> description;
  std::optional<std::vector<std::string>> events;
  std::optional<bool> enabled;
};

struct EndpointWithSecret {
  store::WebhookEndpoint row;
  std::string secret;  // "whsec_..."; shown only here
};

struct DeliveryPage {
  std::vector<store::WebhookDelivery> deliveries;
  std::optional<std::string> next_page;
};

// Thread-safe. Every function returns NotFound where the caller's organisation has no such endpoint, or else the
// store's errors.
class Endpoints {
 public:
  // All references outlive the object.
  Endpoints(store::Store& store, SecretKeeper& secrets, const Clock& clock, RandomSource& random, TargetRules rules)
      : store_(store), secrets_(secrets), clock_(clock), random_(random), rules_(rules) {}

  // Invalid for a URL that check_target refuses, for unknown events, and for more than kMostEndpoints.
  [[nodiscard]] Task<Result<EndpointWithSecret>> create(audit::Caller caller, NewEndpoint wanted);
  // Oldest first.
  [[nodiscard]] Task<Result<std::vector<store::WebhookEndpoint>>> list(audit::Caller caller);
  [[nodiscard]] Task<Result<store::WebhookEndpoint>> get(audit::Caller caller, std::string id);
  // Invalid as for create. Disabling an endpoint gives up the deliveries that wait for it; enabling it brings none of
  // them back.
  [[nodiscard]] Task<Result<store::WebhookEndpoint>> update(audit::Caller caller, std::string id,
                                                            EndpointChange change);
  // Removes the endpoint with its deliveries: where they are many, a few at a time, while the endpoint is disabled. A
  // removal that was cut short leaves the endpoint disabled, and removing it again goes on.
  [[nodiscard]] Task<Result<void>> remove(audit::Caller caller, std::string id);
  // Makes a new secret. The previous secret signs, too, for `overlap`, so that receivers can be changed meanwhile.
  // Invalid where `overlap` is above kMostOverlap.
  [[nodiscard]] Task<Result<EndpointWithSecret>> rotate_secret(audit::Caller caller, std::string id,
                                                               std::chrono::seconds overlap);
  // Newest first. Invalid for a page that this list did not give.
  [[nodiscard]] Task<Result<DeliveryPage>> deliveries(audit::Caller caller, std::string id, std::size_t limit,
                                                      std::optional<std::string> page);

 private:
  [[nodiscard]] Result<void> stop_for_removal(store::Transaction& tx, store::WebhookEndpoint row,
                                              const audit::Caller& caller);

  store::Store& store_;
  SecretKeeper& secrets_;
  const Clock& clock_;
  RandomSource& random_;
  TargetRules rules_;
};

// NotFound, with the cure.
[[nodiscard]] Result<store::WebhookEndpoint> require_endpoint(store::Transaction& transaction, const Uuid& organization,
                                                              std::string_view id);

}  // namespace latchkey::webhooks
