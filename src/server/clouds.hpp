// The clouds whose keys this server asks: the one place that names them.
#pragma once

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "http/client.hpp"
#include "kms/provider.hpp"
#include "server/config.hpp"

namespace latchkey::server {

// What provider_config.type may be by the API's contract, whatever a server supports.
inline constexpr std::array<std::string_view, 3> kTypesOfTheContract{"aws", "azure", "gcp"};

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

}  // namespace latchkey::server
