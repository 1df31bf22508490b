// Rewrapping: after a customer has rotated its key, the wrapped data keys are unwrapped under the version that wrapped
// them and wrapped again under the newest, so that the old version may be disabled. No data is touched.
//
// Each wrapped key is unwrapped once under the new version and compared before it takes the place of the old one, in a
// transaction of its own that changes nothing where the row is not what was read. What is to be done follows from the
// store alone, so a rewrap goes on where it stopped, after a crash too.
//
// It is background work with a budget of its own: one call at a time to a vault, and so many a second.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "base/clock.hpp"
#include "base/task.hpp"
#include "keyring/key_access_check.hpp"
#include "kms/key_provider.hpp"
#include "kms/retrying_transport.hpp"
#include "store/store.hpp"

namespace latchkey::keyring {

struct RewrapSettings {
  unsigned calls_per_second = 10;                 // to one vault; three calls rewrap a data key
  std::chrono::milliseconds kms_timeout{10'000};  // for one call with its retries
  // After a call that could not be made, doubled each time.
  std::chrono::milliseconds first_pause{5'000};
  std::chrono::milliseconds longest_pause{300'000};
};

struct RewrapHooks {
  std::function<Result<kms::KeyLocation>(const store::ExternalKey&)> locate;
  // Asked before each data key, and again where its new form is written; a refusal ends the rewrap (Stopped).
  KeyAccessCheck access_check;
  // Called in the transaction that ends a rewrap (Stopped, Completed); may be empty.
  std::function<Result<void>(store::Transaction&, const store::Rewrap&, const store::WrappedCount&)> record_end;
};

class Rewrapper {
 public:
  // All references outlive it and, as its work may outlast it, the last run of the executor's context.
  Rewrapper(store::Store& store, kms::KeyProvider& provider, const Clock& clock, boost::asio::any_io_executor executor,
            std::shared_ptr<kms::Sleeper> sleeper, RewrapSettings settings, RewrapHooks hooks);
  ~Rewrapper();
  Rewrapper(const Rewrapper&) = delete;
  Rewrapper& operator=(const Rewrapper&) = delete;

  // Works, in the background, on the rewrap that the store has of this key while it is Running there: to its end, or
  // until the row says otherwise. Nothing where it is being worked on already.
  void begin(const store::ExternalKey& key);
  // Begins all that are Running in the store: after a start.
  [[nodiscard]] Task<Result<void>> begin_all();
  // Ends after the call that is under way; what is Running in the store stays so.
  void stop();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace latchkey::keyring
