// The keys of one open stream. They are derived from a data key on lease and wiped when the lease ends, also while
// nobody uses the stream. Once the data key is leased again, they are derived anew.
#pragma once

#include "base/mutex.hpp"
#include "envelope/stream.hpp"
#include "library/leased_keys.hpp"

namespace latchkey::library {

class StreamKeys final : private LeasedKeys::Derived {
 public:
  // `cipher` must have been made under the data key of that id, for `context`. It and `keys` must outlive this.
  StreamKeys(LeasedKeys& keys, const RawId& id, envelope::CanonicalContext context, envelope::StreamCipher& cipher);
  ~StreamKeys() override;

  // Between begin and end the cipher has its keys. Thread-safe. begin asks for the data key where that is due; its
  // errors are those of LeasedKeys::keep. Do not call end after a begin that failed.
  [[nodiscard]] Result<void> begin();
  void end();
  // Call it between the two, before each piece: success where the next piece may be processed. Errors as begin.
  [[nodiscard]] Result<void> may_go_on() { return keys_.keep(id_); }

 private:
  void forget() override;
  void forget_if_unused() LATCHKEY_REQUIRES(mutex_);

  LeasedKeys& keys_;
  RawId id_;
  envelope::CanonicalContext context_;
  Mutex mutex_;  // not held while a key is asked for
  envelope::StreamCipher& cipher_ LATCHKEY_GUARDED_BY(mutex_);
  unsigned users_ LATCHKEY_GUARDED_BY(mutex_) = 0;
  bool is_to_forget_ LATCHKEY_GUARDED_BY(mutex_) = false;
};

}  // namespace latchkey::library
