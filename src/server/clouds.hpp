// The clouds whose keys this server asks: the one place that names them.
#pragma once

#include <memory>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "http/client.hpp"
#include "kms/provider.hpp"
#include "kms/reason_catalogue.hpp"
#include "server/config.hpp"

namespace latchkey::server {

// What each cloud is made with. All references outlive what is made.
struct CloudParts {
  http::Client& client;
  const Clock& clock;
  RandomSource& random;
  boost::asio::thread_pool& pool;  // for signing
  boost::asio::any_io_executor executor;
  kms::ReadTerms read_terms;
};

// A door for each cloud, also for one that the operator has given no credential for: its keys can be registered then,
// and neither validated nor used. Errors name the setting that is wrong.
[[nodiscard]] Result<std::vector<std::shared_ptr<kms::Provider>>> make_clouds(const ServerConfig& config,
                                                                              const CloudParts& parts);

// All reasons why a key does not serve: those that these clouds tell, and the common ones.
[[nodiscard]] kms::ReasonCatalogue reason_catalogue();

}  // namespace latchkey::server
