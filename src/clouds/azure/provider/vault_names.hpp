// Which vaults' names DNS knows, as this server met them: so that a vault that was deleted is told from a DNS that
// fails. DNS denies the name of a deleted vault; and it is the strongest "no" that a key's owner has.
//
// A name is gone where its vault answered before, DNS then denied it twice a minute or more apart with no answer of the
// vault's in between, and the name of another vault, looked up after that, still leads there. Nothing is concluded from
// a name whose vault never answered, as after a restart: no lease is there to be served on either. Pure but for its
// clock; who asks DNS is the provider.
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
  // `clock` outlives it. Of more than `most` vaults, those that answered longest ago are forgotten.
  explicit VaultNames(const Clock& clock, std::size_t most = 65'536) : clock_(clock), most_(most) {}

  // The vault answered: its name is there, whatever was thought of it.
  void record_response(const std::string& host);

  enum class Denial {
    Unproven,    // it says nothing: the vault never answered here, or not long enough was DNS asked
    LookAround,  // the name is gone if another vault's is not: for the caller to find out
    Gone,
  };
  // DNS said that there is no such name: an authoritative answer, and no failure to get one. Gives LookAround once in
  // 10 s for one name at most.
  [[nodiscard]] Denial denied(const std::string& host);
  // Another vault's name was looked up after `host` was denied, and led there. `host` is gone until it answers.
  void others_resolve(const std::string& host);
  // At most `most` other vaults, whose names DNS did not deny since they answered; those that answered last come first.
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
