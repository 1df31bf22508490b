#include <functional>

#include "crypto/secret.hpp"
#include "envelope/record.hpp"
#include "library/c_support.hpp"

namespace {

using namespace latchkey::c;

constexpr const char* kOverlap = "the two buffers overlap: give the result one of its own";

// A program that ignores the failure must not take what is in `out` for a result.
void zero(std::uint8_t* out, std::size_t out_size) {
  if (out != nullptr) latchkey::crypto::wipe({out, out_size});
}

bool overlap(const std::uint8_t* in, std::size_t in_size, const std::uint8_t* out, std::size_t out_size) {
  if (in == nullptr || out == nullptr || in_size == 0 || out_size == 0) return false;
  const std::less<> before;  // of any two pointers
  return before(in, out + out_size) && before(out, in + in_size);
}

// Serves both directions: `work` turns bytes into bytes, which are copied to `out` and wiped.
template <class Work>
latchkey_code run(const latchkey_pair* context, std::size_t context_size, const std::uint8_t* in, std::size_t in_size,
                  std::uint8_t* out, std::size_t out_size, latchkey_error* error, const Work& work) {
  return guarded(error, [&] {
    if ((in == nullptr && in_size > 0) || (out == nullptr && out_size > 0)) {
      return invalid(error, "a buffer is NULL and its size is not 0");
    }
    latchkey::DataContext pairs;
    if (auto code = read_context(context, context_size, pairs, error)) return code;
    auto made = work(latchkey::ByteSpan(in, in_size), pairs);
    if (!made) return tell(error, made.failure());
    std::copy(made.value().begin(), made.value().end(), out);
    latchkey::crypto::wipe(made.value());
    return LATCHKEY_OK;
  });
}

}  // namespace

extern "C" {

latchkey_workspace* latchkey_open(const char* url, const char* api_key, const char* ca_file, const char* workspace_id,
                                  latchkey_error* error) {
  latchkey_workspace* opened = nullptr;
  guarded(error, [&] {
    if (url == nullptr || api_key == nullptr || workspace_id == nullptr) {
      return invalid(error, "the URL, the API key and the workspace are needed");
    }
    auto client = latchkey::Client::create({url, api_key, ca_file == nullptr ? "" : ca_file});
    if (!client) return tell(error, client.failure());
    opened = new latchkey_workspace{client.value().workspace(workspace_id)};
    return LATCHKEY_OK;
  });
  return opened;
}

void latchkey_close(latchkey_workspace* workspace) {
  delete workspace;
}

size_t latchkey_sealed_size(size_t plaintext_size) {
  return plaintext_size > SIZE_MAX - latchkey::envelope::kRecordOverhead
             ? 0
             : latchkey::envelope::sealed_size(plaintext_size);
}

size_t latchkey_opened_size(size_t record_size) {
  return record_size < latchkey::envelope::kRecordOverhead ? 0 : record_size - latchkey::envelope::kRecordOverhead;
}

latchkey_code latchkey_encrypt(latchkey_workspace* workspace, const latchkey_pair* context, size_t context_size,
                               const uint8_t* plaintext, size_t plaintext_size, uint8_t* out, size_t out_size,
                               latchkey_error* error) {
  if (overlap(plaintext, plaintext_size, out, out_size)) return invalid(error, kOverlap);
  zero(out, out_size);
  if (workspace == nullptr) return invalid(error, "the workspace is NULL");
  if (out_size == 0 || out_size != latchkey_sealed_size(plaintext_size)) {
    return invalid(error, "a record is 92 bytes longer than its plaintext");
  }
  return run(context, context_size, plaintext, plaintext_size, out, out_size, error,
             [&](latchkey::ByteSpan in, const auto& pairs) { return workspace->workspace.encrypt(in, pairs); });
}

latchkey_code latchkey_decrypt(latchkey_workspace* workspace, const latchkey_pair* context, size_t context_size,
                               const uint8_t* record, size_t record_size, uint8_t* out, size_t out_size,
                               latchkey_error* error) {
  if (overlap(record, record_size, out, out_size)) return invalid(error, kOverlap);
  zero(out, out_size);
  if (workspace == nullptr) return invalid(error, "the workspace is NULL");
  if (out_size != latchkey_opened_size(record_size))
    return invalid(error, "a record is 92 bytes longer than its plaintext");
  return run(context, context_size, record, record_size, out, out_size, error,
             [&](latchkey::ByteSpan in, const auto& pairs) { return workspace->workspace.decrypt(in, pairs); });
}

}  // extern "C"
