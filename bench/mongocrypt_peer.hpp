// libmongocrypt's explicit encryption with a local key provider: its data key is unwrapped once and cached, as ours is.
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

  // BSON {v: binary of `size` bytes}, and what explicit encryption makes of such a document and back. Ends the process
  // where libmongocrypt refuses.
  [[nodiscard]] static std::vector<std::uint8_t> document(std::size_t size);
  [[nodiscard]] std::vector<std::uint8_t> encrypt(const std::vector<std::uint8_t>& document);
  [[nodiscard]] std::vector<std::uint8_t> decrypt(const std::vector<std::uint8_t>& document);

 private:
  struct Handles;
  std::unique_ptr<Handles> handles_;
};

}  // namespace latchkey::bench
