// Faults on demand: what goes wrong, where, and how often. They exist in memory alone: a restart removes them all.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "base/mutex.hpp"
#include "base/random.hpp"
#include "base/result.hpp"

namespace latchkey::clouds::azure::emulator {

// Where one request goes, for the faults that may strike it. `operation` is Key Vault's name of it in the audit log
// ("KeyWrap"), "Token" or "Discovery" at Entra, the method elsewhere.
struct FaultSite {
  std::string service;  // "key_vault", "entra", "resource_manager", "graph"; empty: none, where no fault strikes
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
  Latency,        // responds later
  Error,          // responds with a status and code, and does nothing
  Reset,          // does the operation, and resets the connection
  Truncate,       // does the operation, and closes in the middle of the body
  Malformed,      // does the operation, and responds with what is no JSON
  Trickle,        // does the operation, and responds with a few bytes at a time
  WrongKid,       // wraps or unwraps, and names another version of the key
  TokenLifetime,  // gives tokens that expire soon
};

// The operations of Key Vault whose responses name a key version ("kid").
inline constexpr std::array<std::string_view, 5> kNamingKeys = {"KeyWrap", "KeyUnwrap", "KeyEncrypt", "KeyDecrypt",
                                                                "KeySign"};
inline constexpr double kLongestWaitMs = 600'000;

struct Fault {
  std::string id;
  FaultKind kind = FaultKind::Error;
  FaultSite site;  // an empty field fits any
  double share = 1;
  std::optional<std::uint64_t> left;  // how many requests more; absent: all
  std::uint64_t hits = 0;
  std::optional<std::uint64_t> seed;   // of its dice; absent: a random one
  Latency latency;                     // of Latency
  std::chrono::milliseconds wait{0};   // of Latency: what was drawn for the request that it struck
  std::chrono::milliseconds pause{0};  // of Trickle
  std::chrono::seconds lifetime{0};    // of TokenLifetime
  unsigned status = 0;                 // of Error, as the next three
  std::string code;
  std::string message;
  std::string retry_after;
};

// From the body of POST /_emulator/faults; Invalid names the field and what it may be. A field that the kind does not
// have, or a place where it could never strike, is Invalid too.
[[nodiscard]] Result<Fault> fault_from_json(const boost::json::object& object);
// The fault as it was requested, with its id, its hits and what is left of its count.
[[nodiscard]] boost::json::object to_json(const Fault& fault);

// The source of chance: one seed always gives the same sequence.
using Dice = std::mt19937_64;

// Draws one wait, from 0 to 10 minutes.
[[nodiscard]] std::chrono::milliseconds draw(const Latency& latency, Dice& dice);

// Thread-safe.
class FaultBoard {
 public:
  // Returns the fault with its id. Conflict where there are 1000. `random` seeds the dice of faults without a seed.
  [[nodiscard]] Result<Fault> add(Fault fault, RandomSource& random);
  // False where there is no such fault.
  bool remove(const std::string& id);
  void clear();
  [[nodiscard]] std::vector<Fault> list() const;
  // The faults that strike this request, in the order in which they were made; each counts the request. A fault throws
  // its own dice once for each request that fits it: with a seed, the same requests in the same order meet the same
  // faults.
  [[nodiscard]] std::vector<Fault> strike(const FaultSite& site);

 private:
  struct Entry {
    Fault fault;
    Dice dice;
  };
  mutable Mutex mutex_;
  std::vector<Entry> entries_ LATCHKEY_GUARDED_BY(mutex_);
  std::uint64_t made_ LATCHKEY_GUARDED_BY(mutex_) = 0;
};

}  // namespace latchkey::clouds::azure::emulator
