// RSA keys that all tests share, as files in the build folder: making one takes seconds, and each test is a process of
// its own. Test code only.
#pragma once

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <unistd.h>

#include <fmt/format.h>

#include "crypto/rsa.hpp"
#include "testing/source_folder.hpp"

namespace latchkey::clouds::azure::emulator::testing {

// The key of that name, which is made where it does not exist yet.
inline Result<crypto::RsaKey> shared_rsa_key(unsigned bits, const std::string& name) {
  auto folder = latchkey::testing::build_path("test-keys");
  auto path = fmt::format("{}/rsa-{}-{}.pem", folder, bits, name);
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  if (auto known = crypto::RsaKey::from_pem(text.str())) return known;
  LATCHKEY_TRY(auto key, crypto::RsaKey::generate(bits));
  LATCHKEY_TRY(auto pem, key.private_pem());
  std::filesystem::create_directories(folder);
  auto draft = fmt::format("{}.{}", path, ::getpid());
  std::ofstream(draft) << as_text(pem.reveal());
  // Written as a whole: another process may be reading it.
  std::filesystem::rename(draft, path);
  return key;
}

// A source of keys for an emulator: a small ring for each size, so that eight keys in a row are different ones.
// Thread-safe; copies go around together.
class SharedRsaKeys {
 public:
  Result<crypto::RsaKey> operator()(unsigned bits) const {
    constexpr unsigned kRing = 8;
    return shared_rsa_key(bits, std::to_string((*next_)++ % kRing));
  }

 private:
  std::shared_ptr<std::atomic<unsigned>> next_ = std::make_shared<std::atomic<unsigned>>(0);
};

// A key that no emulator has.
inline crypto::RsaKey foreign_rsa_key() {
  return shared_rsa_key(2048, "foreign").value();
}

}  // namespace latchkey::clouds::azure::emulator::testing
