// The sending of events to the customers' webhooks.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "http/client.hpp"
#include "kms/providers.hpp"
#include "server/tools.hpp"
#include "store/store.hpp"
#include "webhooks/deliverer.hpp"
#include "webhooks/endpoints.hpp"
#include "webhooks/secret_keeper.hpp"

namespace latchkey::server {

struct Webhooks {
  std::unique_ptr<http::Client> client;
  std::unique_ptr<webhooks::SecretKeeper> secrets;
  std::unique_ptr<webhooks::Endpoints> endpoints;
  std::unique_ptr<webhooks::Deliverer> deliverer;
};

// Errors name the setting that is wrong.
[[nodiscard]] Result<Webhooks> make_webhooks(const ServerTools& tools, store::Store& store, kms::Providers& clouds);

}  // namespace latchkey::server
