// Rewrapping: after a customer has rotated its key, the rewrapper unwraps the wrapped data keys under the version that
// wrapped them, and wraps them again under the newest, so that the customer may disable the old version. It touches no
// data.
//
// It unwraps each newly wrapped key once and compares it before it puts it in the place of the old one, in a
// transaction of its own that changes nothing where the row is not what was read. The store alone says what there is to
// do, so a rewrap continues where it stopped, also after a crash.
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
  // After an outage; the pause doubles each time.
  std::chrono::milliseconds first_pause{5'000};
  std::chrono::milliseconds longest_pause{300'000};
};

struct RewrapHooks {
  std::function<Result<kms::KeyLocation>(const store::ExternalKey&)> locate;
  // The rewrapper calls it before each data key, and again where it writes the new form; a refusal ends the rewrap
  // (Stopped).
  KeyAccessCheck access_check;
  // The rewrapper calls it in the transaction that ends a rewrap (Stopped, Completed); may be empty.
  std::function<Result<void>(store::Transaction&, const store::Rewrap&, const store::WrappedCount&)> record_end;
};

class Rewrapper {
 public:
  // All references outlive the object and, as its work may outlast it, the last run of the executor's context.
  Rewrapper(store::Store& store, kms::KeyProvider& provider, const Clock& clock, boost::asio::any_io_executor executor,
            std::shared_ptr<kms::Sleeper> sleeper, RewrapSettings settings, RewrapHooks hooks);
  ~Rewrapper();
  Rewrapper(const Rewrapper&) = delete;
  Rewrapper& operator=(const Rewrapper&) = delete;

  // Works in the background on the key's rewrap, while the store has it as Running: to its end, or until the row says
  // otherwise. Does nothing where the work is under way already.
  void begin(const store::ExternalKey& key);
  // Begins all rewraps that are Running in the store; to be called after a start.
  [[nodiscard]] Task<Result<void>> begin_all();
  // Ends the work after the call that is under way; rewraps that are Running in the store stay so.
  void stop();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace latchkey::keyring
