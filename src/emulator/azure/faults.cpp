#include "emulator/azure/faults.hpp"

#include <algorithm>
#include <array>
#include <random>

#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "emulator/azure/text.hpp"

namespace latchkey::emulator::azure {

namespace json = boost::json;

namespace {

constexpr double kLongestWait = 600'000;
constexpr std::int64_t kLongestLifetime = 86'400;

struct KindName {
  FaultKind kind;
  std::string_view name;
};
constexpr std::array<KindName, 8> kKinds{{{FaultKind::Latency, "latency"},
                                          {FaultKind::Error, "error"},
                                          {FaultKind::Reset, "reset"},
                                          {FaultKind::Truncate, "truncate"},
                                          {FaultKind::Malformed, "malformed"},
                                          {FaultKind::Trickle, "trickle"},
                                          {FaultKind::WrongKid, "wrong_kid"},
                                          {FaultKind::TokenLifetime, "token_lifetime"}}};
constexpr std::string_view kKindNames =
    "latency, error, reset, truncate, malformed, trickle, wrong_kid or token_lifetime";
constexpr std::array<std::string_view, 4> kServices = {"key_vault", "entra", "resource_manager", "graph"};

// The machine's randomness as the standard library's distributions take it.
class Engine {
 public:
  using result_type = std::uint64_t;
  explicit Engine(RandomSource& random) : random_(random) {}
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return UINT64_MAX; }
  result_type operator()() {
    std::array<std::uint8_t, sizeof(result_type)> bytes;
    random_.fill(bytes);
    result_type value = 0;
    for (auto byte : bytes) value = value << 8U | byte;
    return value;
  }

 private:
  RandomSource& random_;
};

Error bad(std::string_view field, std::string_view wanted) {
  return Error{ErrorCode::Invalid, fmt::format("{}: {}", field, wanted)};
}

Result<double> number(const json::object& object, std::string_view name, double least, double most,
                      std::optional<double> otherwise = std::nullopt) {
  const auto* value = object.if_contains(name);
  if (value == nullptr && otherwise) return *otherwise;
  if (value != nullptr && value->is_number()) {
    auto read = value->to_number<double>();
    if (read >= least && read <= most) return read;
  }
  return bad(name, fmt::format("Input should be a number from {} to {}", least, most));
}

Result<std::string> text(const json::object& object, std::string_view name) {
  LATCHKEY_TRY(auto value, json_fields::optional_text(object, "", name, {0, 1024}));
  return value.value_or("");
}

Result<Latency> read_latency(const json::object& object) {
  using Distribution = Latency::Distribution;
  LATCHKEY_TRY(auto name, text(object, "distribution"));
  Latency latency;
  if (name.empty() || name == "fixed") {
    LATCHKEY_TRY(latency.first, number(object, "ms", 0, kLongestWait));
  } else if (name == "uniform") {
    latency.distribution = Distribution::Uniform;
    LATCHKEY_TRY(latency.first, number(object, "min_ms", 0, kLongestWait));
    LATCHKEY_TRY(latency.second, number(object, "max_ms", latency.first, kLongestWait));
  } else if (name == "normal") {
    latency.distribution = Distribution::Normal;
    LATCHKEY_TRY(latency.first, number(object, "mean_ms", 0, kLongestWait));
    LATCHKEY_TRY(latency.second, number(object, "deviation_ms", 0, kLongestWait));
  } else {
    return bad("distribution",
               "Input should be 'fixed' (with ms), 'uniform' (min_ms, max_ms) or 'normal' (mean_ms, "
               "deviation_ms)");
  }
  return latency;
}

Result<void> read_error(const json::object& object, Fault& fault) {
  constexpr double kLeastStatus = 400;
  constexpr double kMostStatus = 599;
  LATCHKEY_TRY(auto status, number(object, "status", kLeastStatus, kMostStatus));
  fault.status = static_cast<unsigned>(status);
  LATCHKEY_TRY(fault.code, text(object, "code"));
  LATCHKEY_TRY(fault.message, text(object, "message"));
  LATCHKEY_TRY(fault.retry_after, text(object, "retry_after"));
  if (fault.code.empty()) fault.code = fault.status == 429 ? "Throttled" : "ServiceUnavailable";
  if (fault.message.empty()) fault.message = "This fault was asked for.";
  return success();
}

Result<void> read_site(const json::object& object, FaultSite& site) {
  LATCHKEY_TRY(site.service, text(object, "service"));
  LATCHKEY_TRY(auto vault, text(object, "vault"));
  LATCHKEY_TRY(site.operation, text(object, "operation"));
  site.vault = lower(vault);
  bool known = site.service.empty() || std::ranges::find(kServices, site.service) != kServices.end();
  if (!known) return bad("service", "Input should be 'key_vault', 'entra', 'resource_manager' or 'graph'");
  return success();
}

Result<void> read_frequency(const json::object& object, Fault& fault) {
  LATCHKEY_TRY(fault.share, number(object, "share", 0, 1, 1));
  const auto* count = object.if_contains("count");
  if (count == nullptr) return success();
  if (!count->is_int64() || count->get_int64() < 1) return bad("count", "Input should be a whole number above 0");
  fault.left = static_cast<std::uint64_t>(count->get_int64());
  return success();
}

bool fits(const Fault& fault, const FaultSite& site) {
  auto fits_one = [](const std::string& wanted, const std::string& there) {
    return wanted.empty() || same(wanted, there);
  };
  return fault.left != 0 && fits_one(fault.site.service, site.service) && fits_one(fault.site.vault, site.vault) &&
         fits_one(fault.site.operation, site.operation);
}

}  // namespace

Result<Fault> fault_from_json(const json::object& object) {
  LATCHKEY_TRYV(json_fields::refuse_unknown(
      object, "",
      {"kind", "service", "vault", "operation", "share", "count", "distribution", "ms", "min_ms", "max_ms", "mean_ms",
       "deviation_ms", "status", "code", "message", "retry_after", "pause_ms", "seconds"}));
  LATCHKEY_TRY(auto name, text(object, "kind"));
  const auto* kind = std::ranges::find(kKinds, name, &KindName::name);
  if (kind == kKinds.end()) return bad("kind", fmt::format("Input should be {}", kKindNames));
  Fault fault;
  fault.kind = kind->kind;
  LATCHKEY_TRYV(read_site(object, fault.site));
  LATCHKEY_TRYV(read_frequency(object, fault));
  if (fault.kind == FaultKind::Latency) {
    LATCHKEY_TRY(fault.latency, read_latency(object));
  } else if (fault.kind == FaultKind::Error) {
    LATCHKEY_TRYV(read_error(object, fault));
  } else if (fault.kind == FaultKind::Trickle) {
    LATCHKEY_TRY(auto pause, number(object, "pause_ms", 1, kLongestWait));
    fault.pause = std::chrono::milliseconds(static_cast<std::int64_t>(pause));
  } else if (fault.kind == FaultKind::TokenLifetime) {
    LATCHKEY_TRY(auto seconds, number(object, "seconds", 0, kLongestLifetime));
    fault.lifetime = std::chrono::seconds(static_cast<std::int64_t>(seconds));
  }
  return fault;
}

json::object to_json(const Fault& fault) {
  json::object shown{{"id", fault.id}, {"kind", std::ranges::find(kKinds, fault.kind, &KindName::kind)->name}};
  for (const auto& [name, value] : {std::pair{"service", &fault.site.service}, std::pair{"vault", &fault.site.vault},
                                    std::pair{"operation", &fault.site.operation}}) {
    if (!value->empty()) shown[name] = *value;
  }
  shown["share"] = fault.share;
  if (fault.left) shown["left"] = *fault.left;
  shown["hits"] = fault.hits;
  return shown;
}

std::chrono::milliseconds draw(const Latency& latency, RandomSource& random) {
  Engine engine(random);
  double time = latency.first;
  if (latency.distribution == Latency::Distribution::Uniform) {
    time = std::uniform_real_distribution<double>(latency.first, latency.second)(engine);
  } else if (latency.distribution == Latency::Distribution::Normal && latency.second > 0) {
    time = std::normal_distribution<double>(latency.first, latency.second)(engine);
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::clamp(time, 0.0, kLongestWait)));
}

Fault FaultBoard::add(Fault fault) {
  std::lock_guard lock(mutex_);
  fault.id = fmt::format("fault-{}", ++made_);
  faults_.push_back(fault);
  return fault;
}

bool FaultBoard::remove(const std::string& id) {
  std::lock_guard lock(mutex_);
  return std::erase_if(faults_, [&](const Fault& fault) { return fault.id == id; }) > 0;
}

void FaultBoard::clear() {
  std::lock_guard lock(mutex_);
  faults_.clear();
}

std::vector<Fault> FaultBoard::list() const {
  std::lock_guard lock(mutex_);
  return faults_;
}

std::vector<Fault> FaultBoard::strike(const FaultSite& site, RandomSource& random) {
  std::lock_guard lock(mutex_);
  std::vector<Fault> struck;
  Engine engine(random);
  std::uniform_real_distribution<double> dice(0, 1);
  for (auto& fault : faults_) {
    if (!fits(fault, site) || (fault.share < 1 && dice(engine) >= fault.share)) continue;
    ++fault.hits;
    if (fault.left) --*fault.left;
    struck.push_back(fault);
  }
  return struck;
}

}  // namespace latchkey::emulator::azure
