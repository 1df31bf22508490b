// What the C functions share: failures as plain data, no exceptions, arguments of any kind.
#pragma once

#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <system_error>

#include "latchkey/client.hpp"
#include "latchkey/latchkey.h"

struct latchkey_workspace {  // NOLINT(readability-identifier-naming): the name of C
  latchkey::Workspace workspace;
};

namespace latchkey::c {

inline latchkey_code code_of(FailureKind kind) {
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

inline latchkey_code tell(latchkey_error* error, const Failure& failure) {
  auto code = code_of(failure.kind);
  if (error == nullptr) return code;
  error->code = code;
  copy_text(error->reason, failure.reason);
  copy_text(error->message, failure.message);
  return code;
}

inline latchkey_code invalid(latchkey_error* error, const char* message) {
  return tell(error, {FailureKind::Invalid, "", message});
}

// Catches every exception: a C program must see none.
template <class Call>
latchkey_code guarded(latchkey_error* error, const Call& call) noexcept {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    if (error != nullptr) *error = {LATCHKEY_FAILED, "", "there is no memory left"};
  } catch (const std::system_error&) {
    if (error != nullptr) *error = {LATCHKEY_FAILED, "", "the system has no more threads for this process"};
  } catch (...) {
    if (error != nullptr) *error = {LATCHKEY_FAILED, "", "something that should not happen has happened"};
  }
  return LATCHKEY_FAILED;
}

// Reads the context; where it is none, fills in `error`.
inline latchkey_code read_context(const latchkey_pair* context, std::size_t size, DataContext& pairs,
                                  latchkey_error* error) {
  bool is_complete = size == 0 || (context != nullptr && std::all_of(context, context + size, [](const auto& pair) {
                                     return pair.name != nullptr && pair.value != nullptr;
                                   }));
  if (!is_complete) return invalid(error, "the context has a name or a value that is NULL");
  for (std::size_t i = 0; i < size; ++i) {
    if (!pairs.emplace(context[i].name, context[i].value).second) {
      return invalid(error, "a name is in the context twice");
    }
  }
  return LATCHKEY_OK;
}

}  // namespace latchkey::c
