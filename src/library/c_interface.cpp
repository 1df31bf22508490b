#include <algorithm>
#include <cstring>
#include <new>

#include "crypto/secret.hpp"
#include "envelope/record.hpp"
#include "latchkey/client.hpp"
#include "latchkey/latchkey.h"

struct latchkey_workspace {
  latchkey::Workspace workspace;
};

namespace {

using latchkey::Failure;
using latchkey::FailureKind;

latchkey_code code_of(FailureKind kind) {
  switch (kind) {
    case FailureKind::Invalid:
      return LATCHKEY_INVALID;
    case FailureKind::Refused:
      return LATCHKEY_REFUSED;
    case FailureKind::Unreachable:
      return LATCHKEY_UNREACHABLE;
    case FailureKind::WrongKey:
      return LATCHKEY_WRONG_KEY;
    case FailureKind::Corrupt:
      return LATCHKEY_CORRUPT;
    case FailureKind::Failed:
      return LATCHKEY_FAILED;
  }
  return LATCHKEY_FAILED;
}

template <std::size_t Size>
void copy_text(char (&to)[Size], const std::string& text) {
  auto size = std::min(text.size(), Size - 1);
  std::memcpy(to, text.data(), size);
  to[size] = '\0';
}

latchkey_code tell(latchkey_error* error, const Failure& failure) {
  auto code = code_of(failure.kind);
  if (error == nullptr) return code;
  error->code = code;
  copy_text(error->reason, failure.reason);
  copy_text(error->message, failure.message);
  return code;
}

latchkey_code invalid(latchkey_error* error, const char* message) {
  return tell(error, {FailureKind::Invalid, "", message});
}

// What a C program must not see.
template <class Call>
latchkey_code guarded(latchkey_error* error, const Call& call) noexcept {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    if (error != nullptr) *error = {LATCHKEY_FAILED, "", "there is no memory left"};
  } catch (...) {
    if (error != nullptr) *error = {LATCHKEY_FAILED, "", "something that should not happen has happened"};
  }
  return LATCHKEY_FAILED;
}

bool is_complete(const latchkey_pair* context, std::size_t size) {
  return size == 0 || (context != nullptr && std::all_of(context, context + size, [](const latchkey_pair& pair) {
                         return pair.name != nullptr && pair.value != nullptr;
                       }));
}

// Both directions: `work` makes bytes of bytes, which go to `out` and are wiped.
template <class Work>
latchkey_code run(const latchkey_pair* context, std::size_t context_size, const std::uint8_t* in, std::size_t in_size,
                  std::uint8_t* out, std::size_t out_size, latchkey_error* error, const Work& work) {
  return guarded(error, [&] {
    if (!is_complete(context, context_size)) return invalid(error, "the context has a name or a value that is NULL");
    if ((in == nullptr && in_size > 0) || (out == nullptr && out_size > 0)) {
      return invalid(error, "a buffer is NULL and its size is not 0");
    }
    latchkey::DataContext pairs;
    for (std::size_t i = 0; i < context_size; ++i) {
      if (!pairs.emplace(context[i].name, context[i].value).second)
        return invalid(error, "a name is in the context twice");
    }
    auto made = work(latchkey::ByteSpan(in, in_size), pairs);
    if (!made) {
      latchkey::crypto::wipe({out, out_size});
      return tell(error, made.failure());
    }
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
  if (workspace == nullptr) return invalid(error, "the workspace is NULL");
  if (out_size != latchkey_opened_size(record_size))
    return invalid(error, "a record is 92 bytes longer than its plaintext");
  return run(context, context_size, record, record_size, out, out_size, error,
             [&](latchkey::ByteSpan in, const auto& pairs) { return workspace->workspace.decrypt(in, pairs); });
}

}  // extern "C"
