// Remembers which vaults' names DNS knew, to tell a deleted vault from a DNS that fails. DNS denies the name of a
// deleted vault, and to delete the vault is the strongest refusal that a key's owner has.
//
// A name is gone where its vault responded before, DNS then denied the name twice, a minute or more apart, with no
// response of the vault in between, and the name of another vault still resolved after that. A name whose vault never
// responded, as after a restart, proves nothing; but then there is no lease to serve either. Pure but for its clock;
// the provider asks DNS.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/member.hpp>
#include <boost/multi_index/sequenced_index.hpp>
#include <boost/multi_index_container.hpp>

#include "base/clock.hpp"
#include "base/mutex.hpp"

namespace latchkey::clouds::azure {

// Thread-safe.
class VaultNames {
 public:
  // `clock` outlives it. Where there are more than `most` vaults, it forgets those that responded longest ago.
  explicit VaultNames(const Clock& clock, std::size_t most = 65'536) : clock_(clock), most_(most) {}

  // The vault responded, so its name exists, whatever DNS said before.
  void record_response(const std::string& host);

  enum class Denial {
    Unproven,    // it proves nothing: the vault never responded here, or DNS has not denied the name for long enough
    LookAround,  // the name is gone if another vault's name still exists, which the caller must find out
    Gone,
  };
  // DNS said that there is no such name; this is an authoritative answer, not a failure to get one. Returns LookAround
  // for one name once in 10 s at most.
  [[nodiscard]] Denial denied(const std::string& host);
  // The name of another vault resolved after DNS denied `host`. So `host` is gone until its vault responds.
  void others_resolve(const std::string& host);
  // Returns at most `most` other vaults whose names DNS did not deny since they responded, the latest first.
  [[nodiscard]] std::vector<std::string> others(const std::string& host, std::size_t most) const;
  [[nodiscard]] std::size_t size() const;

 private:
  struct Name {
    std::string host;
    std::optional<AgeTime> first_denied;
    AgeTime last_denied;
    std::optional<AgeTime> looked_around;
    bool gone = false;
  };
  struct ByHost {};
  struct ByLastResponse {};
  using Names = boost::multi_index_container<
      Name, boost::multi_index::indexed_by<
                boost::multi_index::hashed_unique<boost::multi_index::tag<ByHost>,
                                                  boost::multi_index::member<Name, std::string, &Name::host>>,
                boost::multi_index::sequenced<boost::multi_index::tag<ByLastResponse>>>>;

  const Clock& clock_;
  std::size_t most_;
  mutable Mutex mutex_;
  Names names_ LATCHKEY_GUARDED_BY(mutex_);  // in ByLastResponse the latest comes first
};

}  // namespace latchkey::clouds::azure
