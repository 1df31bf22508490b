// What the server counts, in Prometheus' text format (docs/metrics.md has the list). Customers' names are in none of
// it; ids of workspaces and data keys only where asked for. Counting takes no lock that a scrape holds for long, and is
// thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "keyring/usage_meter.hpp"
#include "kms/observed_key_provider.hpp"
#include "kms/vault_limiter.hpp"
#include "store/store.hpp"
#include "webhooks/deliverer.hpp"

namespace latchkey::metrics {

// Asked at each scrape; each may be empty: then what it would tell is left out.
struct Sources {
  std::function<std::size_t()> leases;
  std::function<std::size_t()> unlocked_bytes;  // of secret memory
  std::function<kms::VaultLoad()> limiter;
  std::function<std::vector<keyring::UsageTotal>()> usage;
  std::function<std::map<std::string, std::int64_t>()> refused_rows;  // by table
  std::function<webhooks::AttemptCounts()> webhook_attempts;
};

struct MetricsSettings {
  // A series for each workspace and data key, up to keyring::kMostUsageTotals, instead of one for all.
  bool per_data_key = false;
};

// One method and path pattern of the API.
class RouteMetrics {
 public:
  RouteMetrics() = default;
  RouteMetrics(const RouteMetrics&) = delete;
  RouteMetrics& operator=(const RouteMetrics&) = delete;
  virtual ~RouteMetrics() = default;
  virtual void answered(unsigned status, std::chrono::nanoseconds took) = 0;
};

class ServerMetrics final : public kms::CallObserver {
 public:
  explicit ServerMetrics(MetricsSettings settings);
  ServerMetrics(const ServerMetrics&) = delete;
  ServerMetrics& operator=(const ServerMetrics&) = delete;
  ~ServerMetrics() override;

  // Before the first scrape; what it refers to outlives the last one.
  void set_sources(Sources sources);
  // Lives as long as this does.
  [[nodiscard]] RouteMetrics& route(std::string_view method, std::string_view pattern);
  // A call needed a data key. `error`: null where it had one; `bridged`: though its key cannot be asked.
  void data_key_requested(const Error* error, bool bridged);
  void called(kms::Operation operation, const Error* error, std::chrono::nanoseconds took) override;

  // The page of now; its media type is kMediaType. Where the store cannot be read it says so, and not how the keys do.
  [[nodiscard]] Task<std::string> render(store::Store& store) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

inline constexpr std::string_view kMediaType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace latchkey::metrics
