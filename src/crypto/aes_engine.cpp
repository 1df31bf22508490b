#include "crypto/aes_engine.hpp"

#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

namespace latchkey::crypto {

namespace {

std::string_view wanted_engine() {
  const char* name = std::getenv("LATCHKEY_AEAD");
  return name == nullptr ? "" : name;
}

}  // namespace

std::vector<const AesEngine*> aes_engines() {
  if (const auto* fast = ipsec_mb_engine(); fast != nullptr) return {fast, &openssl_engine()};
  return {&openssl_engine()};
}

Result<const AesEngine*> find_aes_engine(std::string_view name) {
  auto engines = aes_engines();
  if (name.empty()) return engines.front();
  for (const auto* engine : engines) {
    if (engine->name() == name) return engine;
  }
  if (name == "ipsec-mb") {
    return Error{
        ErrorCode::Unavailable,
        "LATCHKEY_AEAD=ipsec-mb: this machine's CPU has no AES instructions, or this program was built without "
        "intel-ipsec-mb; leave LATCHKEY_AEAD away, or say openssl"};
  }
  return Error{ErrorCode::Invalid,
               fmt::format("LATCHKEY_AEAD={}: there are openssl and ipsec-mb; leave it away for the "
                           "fastest of them",
                           name)};
}

const AesEngine& choose_aes_engine() {
  auto engine = find_aes_engine(wanted_engine());
  if (!engine) {
    fmt::print(stderr, "latchkey: {}\n", engine.error().message());
    std::abort();
  }
  return *engine.value();
}

Result<void> check_aead_choice() {
  LATCHKEY_TRYV(find_aes_engine(wanted_engine()));
  return success();
}

}  // namespace latchkey::crypto
