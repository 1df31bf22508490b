#include "server/webhooks.hpp"

#include "server/outbound_clients.hpp"

namespace latchkey::server {

Result<Webhooks> make_webhooks(const ServerTools& tools, store::Store& store, kms::Providers& clouds) {
  const auto& [config, threads, executor, clock, random] = tools;
  webhooks::TargetRules rules{.allow_private = config.webhook_private_addresses};
  webhooks::DelivererSettings deliveries;
  deliveries.tests_per_minute = config.webhook_tests_per_minute;
  LATCHKEY_TRY(auto client, webhook_client(config));
  auto secrets = std::make_unique<webhooks::SecretKeeper>(clouds, clock, random);
  auto endpoints = std::make_unique<webhooks::Endpoints>(store, *secrets, clock, random, rules);
  auto deliverer = std::make_unique<webhooks::Deliverer>(store, *client, *secrets, clock, random, executor, deliveries);
  return Webhooks{.client = std::move(client),
                  .secrets = std::move(secrets),
                  .endpoints = std::move(endpoints),
                  .deliverer = std::move(deliverer)};
}

}  // namespace latchkey::server
