#include "metrics/server_metrics.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <fmt/format.h>

#include "base/log.hpp"
#include "kms/reasons.hpp"
#include "metrics/families.hpp"
#include "metrics/sharded_counts.hpp"
#include "store/attached_keys.hpp"
#include "store/names.hpp"

namespace latchkey::metrics {

namespace {

using State = store::KeyHealthState;
using prometheus::Counter;
using prometheus::Histogram;

constexpr std::array kBuckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0};

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

enum class Outcome { Ok, Refused, Unreachable, Throttled, Error };
constexpr std::array kOutcomes{"ok", "refused", "unreachable", "throttled", "error"};
constexpr std::array kOperations{kms::Operation::Wrap, kms::Operation::Unwrap, kms::Operation::Describe};

Outcome outcome_of(const Error* error) {
  if (error == nullptr) return Outcome::Ok;
  if (error->code == ErrorCode::KeyDenied || error->code == ErrorCode::NetworkBlocked) return Outcome::Refused;
  if (error->code != ErrorCode::KeyUnreachable) return Outcome::Error;
  return error->reason == kms::reason::kThrottled ? Outcome::Throttled : Outcome::Unreachable;
}

enum class KeyOutcome { Served, Bridged, Refused, Unreachable, Error };
constexpr std::array kKeyOutcomes{"served", "bridged", "refused", "unreachable", "error"};

KeyOutcome key_outcome_of(const Error* error, bool bridged) {
  if (error == nullptr) return bridged ? KeyOutcome::Bridged : KeyOutcome::Served;
  if (error->code == ErrorCode::KeyDenied || error->code == ErrorCode::NetworkBlocked) return KeyOutcome::Refused;
  return error->code == ErrorCode::KeyUnreachable ? KeyOutcome::Unreachable : KeyOutcome::Error;
}

// What a request adds to these is added on the thread that serves it.
class Route final : public RouteMetrics {
 public:
  void responded(unsigned status, std::chrono::nanoseconds took) override {
    counts_.add(std::clamp<std::size_t>(status / 100, kFirstClass, kFirstClass + kClasses - 1) - kFirstClass);
    auto bucket = std::ranges::lower_bound(kBuckets, seconds(took)) - kBuckets.begin();
    counts_.add(kClasses + static_cast<std::size_t>(bucket));
    counts_.add(kTook, static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0)));
  }

  void add_requests(FamilyBuilder& family, const std::vector<Label>& labels) const {
    for (std::size_t i = 0; i < kClasses; ++i) {
      auto with_status = labels;
      with_status.push_back({"status", fmt::format("{}xx", i + kFirstClass)});
      family.add(static_cast<double>(counts_.sum(i)), std::move(with_status));
    }
  }
  [[nodiscard]] prometheus::ClientMetric duration(std::vector<Label> labels) const {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    auto& histogram = metric.histogram;
    for (std::size_t i = 0; i <= kBuckets.size(); ++i) {
      histogram.sample_count += counts_.sum(kClasses + i);
      auto bound = i < kBuckets.size() ? kBuckets[i] : std::numeric_limits<double>::infinity();
      histogram.bucket.push_back({.cumulative_count = histogram.sample_count, .upper_bound = bound});
    }
    histogram.sample_sum = static_cast<double>(counts_.sum(kTook)) / 1e9;
    return metric;
  }

 private:
  static constexpr std::size_t kFirstClass = 2;
  static constexpr std::size_t kClasses = 4;                            // 2xx to 5xx, which come first
  static constexpr std::size_t kTook = kClasses + kBuckets.size() + 1;  // behind the buckets, in nanoseconds
  ShardedCounts<kTook + 1> counts_;
};

struct CallMetrics {
  std::array<Counter*, kOutcomes.size()> outcomes{};
  Histogram* duration = nullptr;
};

using KeysByState = std::map<State, std::size_t>;

Task<Result<KeysByState>> count_keys(store::Store& store) {
  KeysByState counts;
  auto count = [&counts](const store::AttachedKey& row) { ++counts[row.health ? row.health->state : State::Unknown]; };
  LATCHKEY_CO_TRYV(co_await store::visit_attached_keys(store, std::move(count)));
  co_return counts;
}

prometheus::MetricFamily keys_by_state(KeysByState counts) {
  auto family = gauge("latchkey_external_keys", "Customers' keys that workspaces are attached to, by their health.");
  for (auto state : store::kValues<State>) {
    family.add(static_cast<double>(counts[state]), {{"state", std::string(to_text(state))}});
  }
  return family.take();
}

prometheus::MetricFamily refused_rows(const std::map<std::string, std::int64_t>& counts) {
  auto family = counter("latchkey_refused_rows_total",
                        "Times that a row of the database was read that Latchkey did not write, by table.");
  if (counts.empty()) family.add(0, {{"table", "api_keys"}});
  for (const auto& [table, count] : counts) family.add(static_cast<double>(count), {{"table", table}});
  return family.take();
}

prometheus::MetricFamily uses(const std::vector<keyring::UsageTotal>& totals, bool per_data_key) {
  auto family =
      counter("latchkey_data_key_uses_total",
              "Records encrypted and decrypted, and data keys leased, under customers' and the platform's keys.");
  keyring::UsageCounts all;
  for (const auto& total : totals) {
    all.encrypts += total.counts.encrypts;
    all.decrypts += total.counts.decrypts;
    all.leases += total.counts.leases;
  }
  auto add = [&](const keyring::UsageCounts& counts, const std::vector<Label>& labels) {
    for (const auto& [use, count] : {std::pair("encrypt", counts.encrypts), std::pair("decrypt", counts.decrypts),
                                     std::pair("lend", counts.leases)}) {
      auto with_use = labels;
      with_use.push_back({"use", use});
      family.add(static_cast<double>(count), std::move(with_use));
    }
  };
  if (!per_data_key) {
    add(all, {});
    return family.take();
  }
  for (const auto& total : totals) {
    auto data_key = total.data_key ? format_id(id_prefix::kDataKey, *total.data_key) : "other";
    add(total.counts, {{"workspace_id", total.data_key ? total.workspace_id : "other"}, {"data_key_id", data_key}});
  }
  return family.take();
}

}  // namespace

class ServerMetrics::Impl {
 public:
  explicit Impl(MetricsSettings settings) : settings_(settings) {
    auto& calls = prometheus::BuildCounter()
                      .Name("latchkey_kms_calls_total")
                      .Help("Calls to customers' key stores, retries of one call not counted.")
                      .Register(registry_);
    auto& durations = prometheus::BuildHistogram()
                          .Name("latchkey_kms_call_duration_seconds")
                          .Help("Of these calls, with their retries.")
                          .Register(registry_);
    for (auto operation : kOperations) {
      auto& metrics = calls_[static_cast<std::size_t>(operation)];
      std::string name(kms::to_string(operation));
      for (std::size_t i = 0; i < kOutcomes.size(); ++i) {
        metrics.outcomes[i] = &calls.Add({{"operation", name}, {"outcome", kOutcomes[i]}});
      }
      metrics.duration =
          &durations.Add({{"operation", name}}, Histogram::BucketBoundaries(kBuckets.begin(), kBuckets.end()));
    }
  }

  RouteMetrics& route(std::string_view method, std::string_view pattern) {
    std::pair<std::string, std::string> key(method, pattern);
    auto& route = routes_[key];
    if (!route) route = std::make_unique<Route>();
    return *route;
  }

  void called(kms::Operation operation, const Error* error, std::chrono::nanoseconds took) {
    auto& metrics = calls_[static_cast<std::size_t>(operation)];
    metrics.outcomes[static_cast<std::size_t>(outcome_of(error))]->Increment();
    metrics.duration->Observe(seconds(took));
  }

  void data_key_requested(const Error* error, bool bridged) {
    key_requests_.add(static_cast<std::size_t>(key_outcome_of(error, bridged)));
  }

  Task<std::string> render(store::Store& store) const {
    auto keys = co_await count_keys(store);
    std::vector<prometheus::MetricFamily> families;
    collect_counts(families);
    for (auto& family : registry_.Collect()) families.push_back(std::move(family));
    // The other metrics matter all the more while something fails.
    families.push_back(gauge("latchkey_store_readable", "Whether the store could be read.").add(keys ? 1 : 0).take());
    if (keys) {
      families.push_back(keys_by_state(std::move(keys).value()));
    } else {
      SPDLOG_WARN("the metrics page leaves out the health of keys, which could not be read: {}",
                  describe(keys.error()));
    }
    collect(families);
    co_return prometheus::TextSerializer().Serialize(families);
  }

  Sources sources;

 private:
  void collect_counts(std::vector<prometheus::MetricFamily>& families) const {
    auto requests =
        counter("latchkey_http_requests_total", "Requests that got a response, by route and class of status.");
    prometheus::MetricFamily durations{.name = "latchkey_http_request_duration_seconds",
                                       .help = "From the head of a request to its response.",
                                       .type = prometheus::MetricType::Histogram,
                                       .metric = {}};
    for (const auto& [key, route] : routes_) {
      std::vector<Label> labels{{"method", key.first}, {"route", key.second}};
      route->add_requests(requests, labels);
      durations.metric.push_back(route->duration(std::move(labels)));
    }
    families.push_back(requests.take());
    families.push_back(std::move(durations));
    auto key_requests = counter("latchkey_data_key_requests_total",
                                "Times that a call needed a data key, by what its customer's key had to say.");
    for (std::size_t i = 0; i < kKeyOutcomes.size(); ++i) {
      key_requests.add(static_cast<double>(key_requests_.sum(i)), {{"outcome", kKeyOutcomes[i]}});
    }
    families.push_back(key_requests.take());
  }

  void collect(std::vector<prometheus::MetricFamily>& families) const {
    families.push_back(
        gauge("latchkey_build_info", "1, with the version.").add(1, {{"version", LATCHKEY_VERSION}}).take());
    if (sources.leases) {
      families.push_back(gauge("latchkey_leases", "Data keys that are held unwrapped.")
                             .add(static_cast<double>(sources.leases()))
                             .take());
    }
    if (sources.unlocked_bytes) {
      families.push_back(gauge("latchkey_secret_memory_unlocked_bytes",
                               "Memory for keys that the system would not lock, and may write to swap.")
                             .add(static_cast<double>(sources.unlocked_bytes()))
                             .take());
    }
    if (sources.limiter) {
      auto load = sources.limiter();
      families.push_back(gauge("latchkey_kms_calls_in_flight", "Calls to customers' key stores that are under way.")
                             .add(static_cast<double>(load.in_flight))
                             .take());
      families.push_back(gauge("latchkey_kms_calls_waiting", "Calls that wait for their turn at a key store.")
                             .add(static_cast<double>(load.waiting))
                             .take());
    }
    if (sources.usage) families.push_back(uses(sources.usage(), settings_.per_data_key));
    if (sources.refused_rows) families.push_back(refused_rows(sources.refused_rows()));
    if (sources.webhook_attempts) {
      auto attempts = sources.webhook_attempts();
      families.push_back(counter("latchkey_webhook_attempts_total", "Attempts to deliver an event to an endpoint.")
                             .add(static_cast<double>(attempts.delivered), {{"outcome", "delivered"}})
                             .add(static_cast<double>(attempts.failed), {{"outcome", "failed"}})
                             .take());
    }
  }

  MetricsSettings settings_;
  prometheus::Registry registry_;
  ShardedCounts<kKeyOutcomes.size()> key_requests_;
  std::array<CallMetrics, kOperations.size()> calls_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<Route>> routes_;  // none is added while it serves
};

ServerMetrics::ServerMetrics(MetricsSettings settings) : impl_(std::make_unique<Impl>(settings)) {}

ServerMetrics::~ServerMetrics() = default;

void ServerMetrics::set_sources(Sources sources) {
  impl_->sources = std::move(sources);
}
RouteMetrics& ServerMetrics::route(std::string_view method, std::string_view pattern) {
  return impl_->route(method, pattern);
}
void ServerMetrics::called(kms::Operation operation, const Error* error, std::chrono::nanoseconds took) {
  impl_->called(operation, error, took);
}
void ServerMetrics::data_key_requested(const Error* error, bool bridged) {
  impl_->data_key_requested(error, bridged);
}
Task<std::string> ServerMetrics::render(store::Store& store) const {
  return impl_->render(store);
}

}  // namespace latchkey::metrics
