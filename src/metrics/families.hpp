// Families of metrics whose values are read when a scrape comes. Internal to metrics/.
#pragma once

#include <prometheus/metric_family.h>
#include <string>
#include <utility>
#include <vector>

namespace latchkey::metrics {

using Label = prometheus::ClientMetric::Label;

class FamilyBuilder {
 public:
  FamilyBuilder(prometheus::MetricType type, std::string name, std::string help);
  FamilyBuilder& add(double value, std::vector<Label> labels = {});
  [[nodiscard]] prometheus::MetricFamily take() { return std::move(family_); }

 private:
  prometheus::MetricFamily family_;
};

[[nodiscard]] inline FamilyBuilder gauge(std::string name, std::string help) {
  return {prometheus::MetricType::Gauge, std::move(name), std::move(help)};
}
[[nodiscard]] inline FamilyBuilder counter(std::string name, std::string help) {
  return {prometheus::MetricType::Counter, std::move(name), std::move(help)};
}

}  // namespace latchkey::metrics
