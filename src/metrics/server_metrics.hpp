// The server's counters in Prometheus' text format (docs/metrics.md lists them). No metric contains a customer's name;
// ids of workspaces and data keys appear only where the operator asks for them. Counting is thread-safe, and takes no
// lock that a scrape holds for long.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "data/data_plane_observer.hpp"
#include "keyring/usage_meter.hpp"
#include "kms/observed_key_provider.hpp"
#include "kms/vault_limiter.hpp"
#include "store/store.hpp"
#include "webhooks/deliverer.hpp"

namespace latchkey::metrics {

// Functions that each scrape calls. Where one is empty, the page leaves its metric out.
struct Sources {
  std::function<std::size_t()> leases;
  std::function<std::size_t()> unlocked_bytes;  // of secret memory
  std::function<kms::VaultLoad()> limiter;
  std::function<std::vector<keyring::UsageTotal>()> usage;
  std::function<std::map<std::string, std::int64_t>()> refused_rows;  // by table
  std::function<webhooks::AttemptCounts()> webhook_attempts;
};

struct MetricsSettings {
  // Has a series for each workspace and data key, up to keyring::kMostUsageTotals, instead of one for all.
  bool per_data_key = false;
};

// One method and path pattern of the API.
class RouteMetrics {
 public:
  RouteMetrics() = default;
  RouteMetrics(const RouteMetrics&) = delete;
  RouteMetrics& operator=(const RouteMetrics&) = delete;
  virtual ~RouteMetrics() = default;
  virtual void responded(unsigned status, std::chrono::nanoseconds took) = 0;
};

class ServerMetrics final : public kms::CallObserver, public data::DataPlaneObserver {
 public:
  explicit ServerMetrics(MetricsSettings settings);
  ServerMetrics(const ServerMetrics&) = delete;
  ServerMetrics& operator=(const ServerMetrics&) = delete;
  ~ServerMetrics() override;

  // To be called before the first scrape. What the sources refer to must outlive the last scrape.
  void set_sources(Sources sources);
  // The result lives as long as this object.
  [[nodiscard]] RouteMetrics& route(std::string_view method, std::string_view pattern);
  void data_key_requested(const Error* error, bool bridged) override;
  void called(kms::Operation operation, const Error* error, std::chrono::nanoseconds took) override;

  // The page as of now; its media type is kMediaType. Where the store cannot be read, the page says so, and leaves out
  // the health of keys.
  [[nodiscard]] Task<std::string> render(store::Store& store) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

inline constexpr std::string_view kMediaType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace latchkey::metrics
