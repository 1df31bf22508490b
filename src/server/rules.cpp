#include "server/rules.hpp"

#include "server/part_settings.hpp"

namespace latchkey::server {

Rules make_rules(const ServerTools& tools, store::Store& store, Keys& keys, metrics::ServerMetrics& metrics) {
  const auto& [config, threads, executor, clock, random] = tools;
  auto settings = admin_settings(config);
  keyring::LeaseAges default_ages{config.lease_soft, config.lease_hard};
  auto compartments = std::make_unique<data::Compartments>(store, *keys.clouds, tools.clock, longest_soft_age(config));
  auto data_plane =
      std::make_unique<data::DataPlane>(*compartments, *keys.keyring, *keys.usage_recorder, metrics, random);
  return {
      .credentials = std::make_unique<admin::Credentials>(store, clock, random, config.most_api_keys),
      .external_keys = std::make_unique<admin::ExternalKeys>(store, *keys.validations, *keys.clouds, clock, random,
                                                             settings, keys.health.get()),
      .workspaces =
          std::make_unique<admin::Workspaces>(store, *keys.validations, *keys.clouds, clock, random, settings),
      .activity = std::make_unique<audit::ActivityFeed>(store),
      .compartments = std::move(compartments),
      .data_plane = std::move(data_plane),
      .lease_policies = std::make_unique<admin::LeasePolicies>(store, clock, random, default_ages, config.most_soft),
      .suspensions = std::make_unique<admin::Suspensions>(store, clock, random, *keys.health, keys.forget_key()),
      .data_keys = std::make_unique<admin::DataKeys>(
          store, *keys.keyring, [recorder = keys.usage_recorder.get()] { return recorder->flush_row_counts(); }, clock,
          random),
      .rewraps =
          std::make_unique<admin::Rewraps>(store, *keys.validations, *keys.clouds, *keys.rewrapper, clock, random),
  };
}

}  // namespace latchkey::server
