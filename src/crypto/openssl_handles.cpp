#include "crypto/openssl_handles.hpp"

#include <array>

#include <fmt/format.h>
#include <openssl/err.h>

namespace latchkey::crypto {

Error openssl_error(std::string_view tried) {
  std::array<char, 256> text{"no reason given"};
  if (auto code = ERR_peek_last_error(); code != 0) ERR_error_string_n(code, text.data(), text.size());
  ERR_clear_error();
  return Error{ErrorCode::Internal, fmt::format("{} failed: {}", tried, text.data())};
}

}  // namespace latchkey::crypto
