// libmongocrypt's explicit encryption with a local key provider: it unwraps its data key once and caches it, as the
// keyring does.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace latchkey::bench {

class MongocryptPeer {
 public:
  MongocryptPeer();
  ~MongocryptPeer();
  MongocryptPeer(const MongocryptPeer&) = delete;
  MongocryptPeer& operator=(const MongocryptPeer&) = delete;

  // BSON {v: binary of `size` bytes}, and its explicit encryption and decryption. Ends the process where libmongocrypt
  // refuses.
  [[nodiscard]] static std::vector<std::uint8_t> document(std::size_t size);
  [[nodiscard]] std::vector<std::uint8_t> encrypt(const std::vector<std::uint8_t>& document);
  [[nodiscard]] std::vector<std::uint8_t> decrypt(const std::vector<std::uint8_t>& document);

 private:
  struct Handles;
  std::unique_ptr<Handles> handles_;
};

}  // namespace latchkey::bench
