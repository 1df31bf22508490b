#include "mongocrypt_peer.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" {
#include <mongocrypt/mongocrypt.h>
}

namespace latchkey::bench {

namespace {

constexpr std::size_t kIdSize = 16;
constexpr std::uint8_t kBinary = 0x05;
constexpr char kAlgorithm[] = "AEAD_AES_256_CBC_HMAC_SHA_512-Random";

struct BinaryDeleter {
  void operator()(mongocrypt_binary_t* binary) const { mongocrypt_binary_destroy(binary); }
};
using BinaryPtr = std::unique_ptr<mongocrypt_binary_t, BinaryDeleter>;
struct ContextDeleter {
  void operator()(mongocrypt_ctx_t* context) const { mongocrypt_ctx_destroy(context); }
};
using ContextPtr = std::unique_ptr<mongocrypt_ctx_t, ContextDeleter>;

// libmongocrypt takes even its inputs as mutable.
BinaryPtr view_of(const std::uint8_t* data, std::size_t size) {
  return BinaryPtr(mongocrypt_binary_new_from_data(const_cast<std::uint8_t*>(data), static_cast<std::uint32_t>(size)));
}

std::vector<std::uint8_t> bytes_of(mongocrypt_binary_t* binary) {
  const auto* data = mongocrypt_binary_data(binary);
  return {data, data + mongocrypt_binary_len(binary)};
}

void put_size(std::vector<std::uint8_t>& out, std::size_t size) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<std::uint8_t>(size >> shift));
}

void require(bool holds, mongocrypt_ctx_t* context) {
  if (holds) return;
  mongocrypt_status_t* status = mongocrypt_status_new();
  if (context != nullptr) mongocrypt_ctx_status(context, status);
  std::fprintf(stderr, "libmongocrypt: %s\n", mongocrypt_status_message(status, nullptr));
  std::abort();
}

}  // namespace

struct MongocryptPeer::Handles {
  mongocrypt_t* crypt = mongocrypt_new();
  std::vector<std::uint8_t> key_document;
  std::vector<std::uint8_t> key_id;

  [[nodiscard]] ContextPtr begin() const {
    ContextPtr context(mongocrypt_ctx_new(crypt));
    require(context != nullptr, nullptr);
    return context;
  }

  // Runs the state machine to its result; it needs the key's document where its cache has dropped that.
  [[nodiscard]] std::vector<std::uint8_t> finish(mongocrypt_ctx_t* context) const {
    if (mongocrypt_ctx_state(context) == MONGOCRYPT_CTX_NEED_MONGO_KEYS) {
      auto fed = view_of(key_document.data(), key_document.size());
      require(mongocrypt_ctx_mongo_feed(context, fed.get()) && mongocrypt_ctx_mongo_done(context), context);
    }
    require(mongocrypt_ctx_state(context) == MONGOCRYPT_CTX_READY, context);
    BinaryPtr out(mongocrypt_binary_new());
    require(mongocrypt_ctx_finalize(context, out.get()), context);
    return bytes_of(out.get());
  }
};

MongocryptPeer::MongocryptPeer() : handles_(std::make_unique<Handles>()) {
  std::vector<std::uint8_t> master(96, 7);
  auto master_view = view_of(master.data(), master.size());
  require(mongocrypt_setopt_kms_provider_local(handles_->crypt, master_view.get()) && mongocrypt_init(handles_->crypt),
          nullptr);
  // {"provider": "local"}
  std::vector<std::uint8_t> provider{25, 0, 0, 0, 2};
  for (char letter : std::string("provider")) provider.push_back(static_cast<std::uint8_t>(letter));
  provider.insert(provider.end(), {0, 6, 0, 0, 0, 'l', 'o', 'c', 'a', 'l', 0, 0});
  auto provider_view = view_of(provider.data(), provider.size());
  auto context = handles_->begin();
  require(mongocrypt_ctx_setopt_key_encryption_key(context.get(), provider_view.get()) &&
              mongocrypt_ctx_datakey_init(context.get()),
          context.get());
  handles_->key_document = handles_->finish(context.get());
  // _id is the document's first element: 05 "_id" 00, its size, its kind.
  constexpr std::size_t kIdOffset = 4 + 1 + 4 + 4 + 1;
  const auto* id = handles_->key_document.data() + kIdOffset;
  handles_->key_id.assign(id, id + kIdSize);
}

MongocryptPeer::~MongocryptPeer() {
  mongocrypt_destroy(handles_->crypt);
}

std::vector<std::uint8_t> MongocryptPeer::document(std::size_t size) {
  std::vector<std::uint8_t> out;
  put_size(out, 4 + 1 + 2 + 4 + 1 + size + 1);
  out.insert(out.end(), {kBinary, 'v', 0});
  put_size(out, size);
  out.push_back(0);
  out.resize(out.size() + size, 1);
  out.push_back(0);
  return out;
}

std::vector<std::uint8_t> MongocryptPeer::encrypt(const std::vector<std::uint8_t>& document) {
  auto context = handles_->begin();
  auto id = view_of(handles_->key_id.data(), handles_->key_id.size());
  auto value = view_of(document.data(), document.size());
  require(mongocrypt_ctx_setopt_key_id(context.get(), id.get()) &&
              mongocrypt_ctx_setopt_algorithm(context.get(), kAlgorithm, -1) &&
              mongocrypt_ctx_explicit_encrypt_init(context.get(), value.get()),
          context.get());
  return handles_->finish(context.get());
}

std::vector<std::uint8_t> MongocryptPeer::decrypt(const std::vector<std::uint8_t>& document) {
  auto context = handles_->begin();
  auto value = view_of(document.data(), document.size());
  require(mongocrypt_ctx_explicit_decrypt_init(context.get(), value.get()), context.get());
  return handles_->finish(context.get());
}

}  // namespace latchkey::bench
