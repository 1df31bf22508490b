#include "library/stream_keys.hpp"

namespace latchkey::library {

StreamKeys::StreamKeys(LeasedKeys& keys, const RawId& id, envelope::CanonicalContext context,
                       envelope::StreamCipher& cipher)
    : keys_(keys), id_(id), context_(std::move(context)), cipher_(cipher) {
  keys_.add(id_, *this);
  // The lease may have ended since `cipher` was made.
  if (!keys_.holds(id_)) forget();
}

StreamKeys::~StreamKeys() {
  keys_.remove(id_, *this);
}

Result<void> StreamKeys::begin() {
  LATCHKEY_TRY(auto lease, keys_.for_decryption(id_));
  MutexLock lock(mutex_);
  if (!cipher_.has_keys()) {
    LATCHKEY_TRY(auto anew,
                 envelope::StreamCipher::for_opening(*lease.key, lease.compartment, context_, cipher_.prefix()));
    cipher_ = std::move(anew);
  }
  is_to_forget_ = false;
  ++users_;
  return success();
}

void StreamKeys::end() {
  // The lease may have ended before `begin` derived from it.
  bool is_over = !keys_.holds(id_);
  MutexLock lock(mutex_);
  --users_;
  is_to_forget_ = is_to_forget_ || is_over;
  forget_if_unused();
}

void StreamKeys::forget() {
  MutexLock lock(mutex_);
  is_to_forget_ = true;
  forget_if_unused();
}

void StreamKeys::forget_if_unused() {
  if (is_to_forget_ && users_ == 0) cipher_.forget();
}

}  // namespace latchkey::library
