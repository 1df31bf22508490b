// The keys of one open stream. They are derived from a data key on lease, and go with its lease, also while nobody uses
// the stream; once the data key is leased again they are derived anew.
#pragma once

#include <mutex>

#include "envelope/stream.hpp"
#include "library/leased_keys.hpp"

namespace latchkey::library {

class StreamKeys final : private LeasedKeys::Derived {
 public:
  // `cipher` was made under the data key of that id, for `context`. It and `keys` outlive this.
  StreamKeys(LeasedKeys& keys, const RawId& id, envelope::CanonicalContext context, envelope::StreamCipher& cipher);
  ~StreamKeys() override;

  // Between begin and end the cipher has its keys. Thread-safe; begin asks for the data key where that is due, and
  // fails as LeasedKeys::keep. Where begin fails, end is not called.
  [[nodiscard]] Result<void> begin();
  void end();
  // Between the two, before each piece: whether the next one may be done. Errors as begin.
  [[nodiscard]] Result<void> may_go_on() { return keys_.keep(id_); }

 private:
  void forget() override;
  void forget_if_unused();

  LeasedKeys& keys_;
  RawId id_;
  envelope::CanonicalContext context_;
  std::mutex mutex_;  // over what follows; nothing is asked under it
  envelope::StreamCipher& cipher_;
  unsigned users_ = 0;
  bool is_to_forget_ = false;
};

}  // namespace latchkey::library
