// Faults on demand: what goes wrong, where, how often. Kept in memory alone: a restart heals all.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "base/random.hpp"
#include "base/result.hpp"

namespace latchkey::emulator::azure {

// What one request is for. `operation` is Key Vault's name of it in the audit log ("KeyWrap"), "Token" or "Discovery"
// at Entra, the method elsewhere.
struct FaultSite {
  std::string service;  // "key_vault", "entra", "resource_manager", "graph"
  std::string vault;    // lower case; of Key Vault alone
  std::string operation;
};

struct Latency {
  enum class Distribution { Fixed, Uniform, Normal };
  Distribution distribution = Distribution::Fixed;
  double first = 0;   // milliseconds: the time, the least, the mean
  double second = 0;  // the most, the standard deviation
};

enum class FaultKind {
  Latency,        // answers later
  Error,          // answers with a status and code, and does nothing
  Reset,          // does it, and resets the connection
  Truncate,       // does it, and closes in the middle of the body
  Malformed,      // does it, and answers what is no JSON
  Trickle,        // does it, and answers a few bytes at a time
  WrongKid,       // wraps or unwraps, and names another version of the key
  TokenLifetime,  // gives tokens that expire soon
};

struct Fault {
  std::string id;
  FaultKind kind = FaultKind::Error;
  FaultSite site;  // an empty field fits any
  double share = 1;
  std::optional<std::uint64_t> left;  // how many requests more; absent: all
  std::uint64_t hits = 0;
  Latency latency;                     // of Latency
  std::chrono::milliseconds pause{0};  // of Trickle
  std::chrono::seconds lifetime{0};    // of TokenLifetime
  unsigned status = 0;                 // of Error, as the next three
  std::string code;
  std::string message;
  std::string retry_after;
};

// From the body of POST /_emulator/faults; Invalid names the field and what it may be.
[[nodiscard]] Result<Fault> fault_from_json(const boost::json::object& object);
[[nodiscard]] boost::json::object to_json(const Fault& fault);

// How long this time.
[[nodiscard]] std::chrono::milliseconds draw(const Latency& latency, RandomSource& random);

// Thread-safe.
class FaultBoard {
 public:
  // Gives the fault with its id.
  Fault add(Fault fault);
  // False where there is none.
  bool remove(const std::string& id);
  void clear();
  [[nodiscard]] std::vector<Fault> list() const;
  // The faults that befall this request, in the order in which they were made; each counts it.
  [[nodiscard]] std::vector<Fault> strike(const FaultSite& site, RandomSource& random);

 private:
  mutable std::mutex mutex_;
  std::vector<Fault> faults_;
  std::uint64_t made_ = 0;
};

}  // namespace latchkey::emulator::azure
